import numpy as np
import pytest
import tensorflow as tf
from helpers import TINY

from gan.config import Config
from gan.images import ImageSpec
from gan.models.classifier import FEATURES, Classifier
from gan.models.critic import Critic
from gan.models.generator import Generator
from gan.models.minibatch import MinibatchCritic
from gan.models.sizes import network_sizes

SMALL = Config(gen_width=4, crit_width=4, cls_width=4, noise_dims=5, label_dims=3)
SPECS = {
    "MNIST": ImageSpec(28, 28, 1, tuple("0123456789")),
    "32 RGB": ImageSpec(32, 32, 3, ("a", "b")),
    "64": ImageSpec(64, 64, 1, ("a", "b")),
    "40x24 RGB": ImageSpec(40, 24, 3, ("a", "b", "c")),
    "odd, one class": ImageSpec(9, 31, 1, ("only",)),
    "tiny": ImageSpec(4, 4, 1, ("a", "b")),
}


@pytest.fixture(params=SPECS.values(), ids=SPECS.keys())
def spec(request) -> ImageSpec:
    return request.param


@pytest.mark.parametrize(
    ("height", "width", "made"),
    [(28, 28, (32, 32, 3)), (32, 32, (32, 32, 3)), (64, 64, (64, 64, 4)), (40, 24, (40, 24, 3)), (4, 4, (4, 4, 1))],
)
def test_depth_follows_from_the_image_size(height, width, made):
    sizes = network_sizes(height, width)
    assert (sizes.height, sizes.width, sizes.doublings) == made


def test_every_size_fits_into_what_the_network_makes():
    for height in range(4, 140):
        for width in (4, 28, 33, 100):
            sizes = network_sizes(height, width)
            assert 0 <= sizes.height - height < 2**sizes.doublings
            assert 0 <= sizes.width - width < 2**sizes.doublings


def test_shapes_and_types(spec):
    styles, labels = tf.zeros((6, 5)), tf.one_hot([0] * 6, spec.num_classes)
    images = Generator(spec, SMALL)(styles, labels, training=True)
    assert images.shape == (6, *spec.shape)
    assert Critic(spec, SMALL)(images, labels).shape == (6,)
    classifier = Classifier(spec, SMALL)
    assert classifier(images).shape == (6, spec.num_classes)
    assert classifier.features(images).shape == (6, FEATURES)


def test_mixed_precision_ends_in_float32(spec):
    styles, labels = tf.random.stateless_normal((6, 5), (0, 1)), tf.one_hot([0] * 6, spec.num_classes)
    images = Generator(spec, SMALL, dtype="mixed_bfloat16")(styles, labels, training=True)
    scores = Critic(spec, SMALL, dtype="mixed_bfloat16")(images, labels)
    logits = Classifier(spec, SMALL, dtype="mixed_bfloat16")(images)
    assert images.dtype == scores.dtype == logits.dtype == tf.float32


def test_parameter_counts_on_mnist_with_the_default_widths():
    spec, config = SPECS["MNIST"], Config()
    assert Generator(spec, config).count_params() == (
        10 * 64  # label embedding
        + 164 * 4 * 4 * 128  # dense
        + 16 * (128 * 64 + 64 * 32 + 32 * 1)  # transposed convolutions
        + 1  # bias
        + 4 * (128 + 64 + 32)  # batch norms
    )
    features = 4 * 4 * 128
    kernels = 16 * (1 * 32 + 32 * 64 + 64 * 128) + features * 1 + 10 * features
    biases, gains = 32 + 64 + 128, 5
    vectors = 16 * (1 + 32 + 64) + (32 + 64 + 128) + features + 1 + 10 + features
    assert Critic(spec, config).count_params() == kernels + biases + gains + vectors


def test_a_mixture_of_labels_is_the_mixture_of_their_embeddings():
    """The critic's score is affine in the label vector; a soft label is as good an input as a class."""
    spec = SPECS["40x24 RGB"]
    critic, images = Critic(spec, SMALL), tf.random.stateless_normal((2, 40, 24, 3), (0, 1))
    one, other = tf.one_hot([0, 0], 3), tf.one_hot([2, 2], 3)
    mixed = critic(images, 0.25 * one + 0.75 * other)
    np.testing.assert_allclose(mixed, 0.25 * critic(images, one) + 0.75 * critic(images, other), rtol=1e-4)


def test_label_vectors_keep_their_precision_in_a_critic_of_mixed_precision():
    """A third is not a bfloat16 number: three of them would sum to 1.002."""
    spec = SPECS["40x24 RGB"]
    critic, images = Critic(spec, SMALL, dtype="mixed_bfloat16"), tf.zeros((1, 40, 24, 3))
    ones = [critic(images, tf.one_hot([k], 3)).numpy() for k in range(3)]
    np.testing.assert_allclose(critic(images, tf.fill((1, 3), 1 / 3)), np.mean(ones, axis=0), rtol=1e-5)


def test_the_label_steers_both_networks():
    spec = SPECS["32 RGB"]
    generator, critic = Generator(spec, SMALL), Critic(spec, SMALL)
    styles = tf.random.stateless_normal((1, 5), (0, 1))
    first, second = (generator(styles, tf.one_hot([k], 2)) for k in (0, 1))
    assert not np.allclose(first, second)
    assert not np.allclose(critic(first, tf.one_hot([0], 2)), critic(first, tf.one_hot([1], 2)))


def test_the_critic_pads_with_black():
    """A 28-pixel image and the same one on black up to 32 pixels are the same to the network."""
    small, large = SPECS["MNIST"], ImageSpec(32, 32, 1, tuple("0123456789"))
    critics = Critic(small, SMALL), Critic(large, SMALL)
    critics[1].set_weights(critics[0].get_weights())
    images = tf.random.stateless_uniform((3, 28, 28, 1), (0, 1), -1.0, 1.0)
    padded = tf.pad(images, ((0, 0), (0, 4), (0, 4), (0, 0)), constant_values=-1.0)
    labels = tf.one_hot([1, 2, 3], 10)
    np.testing.assert_array_equal(critics[0](images, labels), critics[1](padded, labels))


def test_examples_do_not_see_each_other_in_the_critic():
    spec = SPECS["MNIST"]
    critic, images = Critic(spec, SMALL), tf.random.stateless_normal((4, 28, 28, 1), (0, 1))
    labels = tf.one_hot([0, 1, 2, 3], 10)
    np.testing.assert_allclose(critic(images, labels)[1:2], critic(images[1:2], labels[1:2]), rtol=1e-5)


def test_a_minibatch_critic_sees_how_far_an_image_is_from_its_class():
    """In each group of four, by the mean over places of each map."""
    spec = SPECS["MNIST"]
    critic = MinibatchCritic(spec, SMALL)
    critic.group = 4
    places, maps = critic.base_shape
    h = np.random.default_rng(0).normal(size=(8, places * maps)).astype(np.float32)
    classes = np.array([3, 3, 5, 3, 3, 5, 5, 8])
    found = critic.features(tf.constant(h), tf.one_hot(classes, 10)).numpy()
    np.testing.assert_array_equal(found[:, : places * maps], h)
    for index in range(8):
        group = slice(0, 4) if index < 4 else slice(4, 8)
        own = h[group][classes[group] == classes[index]]
        away = np.abs(h[index] - own.mean(axis=0)).reshape(places, maps)
        np.testing.assert_allclose(found[index, places * maps :], away.mean(axis=0) * places**0.5, atol=1e-5)
    assert not found[7, places * maps :].any()  # Alone of its class.
    mixed = critic.away(tf.constant(h[:4]), tf.constant(np.full((4, 10), 0.1, np.float32)))
    np.testing.assert_allclose(mixed, np.abs(h[:4] - h[:4].mean(axis=0)), atol=1e-5)


def test_a_minibatch_critic_takes_any_number_of_images_and_wrong_labels_beside():
    spec = SPECS["MNIST"]
    critic, images = MinibatchCritic(spec, SMALL), tf.random.stateless_normal((5, 28, 28, 1), (0, 1))
    own, wrong = tf.one_hot([0, 1, 1, 0, 1], 10), tf.one_hot([2, 2, 3, 3, 3], 10)
    both = critic(images, tf.stack([own, wrong], axis=1))
    np.testing.assert_allclose(both[:, 0], critic(images, own), rtol=1e-5)
    assert both.shape == (5, 2)
    others = tf.concat([images[:4], -images[4:]], axis=0)
    graph = tf.function(critic, input_signature=[tf.TensorSpec((None, *spec.shape)), tf.TensorSpec((None, 10))])
    np.testing.assert_allclose(graph(images, own), critic(images, own), rtol=1e-5)
    changed = np.flatnonzero(np.abs(critic(others, own) - critic(images, own)) > 1e-6)
    assert changed.tolist() == [1, 2, 4]  # Of the class of the one that is another.


@pytest.mark.parametrize("kind", [Critic, MinibatchCritic])
def test_a_critic_held_for_an_update_scores_as_the_critic(kind):
    spec = ImageSpec(8, 8, 3, ("a", "b"))
    critic = kind(spec, TINY)
    images, labels = tf.random.stateless_normal((4, *spec.shape), seed=(0, 1)), tf.one_hot([0, 1, 1, 0], 2)
    np.testing.assert_array_equal(critic.held()(images, labels), critic(images, labels))


@pytest.mark.parametrize(("dtype", "error"), [("float32", 1e-5), ("mixed_bfloat16", 0.05)])
def test_a_classifier_with_its_norms_folded_is_the_same_one(dtype, error):
    """Scales below zero among them, which turn the largest pixel into the smallest."""
    classifier = Classifier(ImageSpec(15, 20, 3, ("a", "b")), TINY, dtype=dtype)
    rng = np.random.default_rng(0)
    for _, norm, _ in classifier.blocks:
        width = norm.gamma.shape
        norm.set_weights(
            [rng.normal(size=width), rng.normal(size=width), rng.normal(size=width), rng.random(width) + 0.1]
        )
    images = tf.constant(rng.uniform(-1, 1, (5, 15, 20, 3)), tf.float32)
    x, expected = images, []
    for convolution, norm, pool in classifier.blocks:
        x = tf.nn.relu(pool(norm(convolution(x), training=False)))
        expected.append(tf.reduce_mean(tf.cast(x, tf.float32), axis=(1, 2)))
    for found, wanted in zip(classifier.block_means(images), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=error, atol=error * np.abs(wanted).max())
