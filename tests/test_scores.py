from dataclasses import replace

import numpy as np
import pytest
from helpers import TINY, tiny_data

from gan.evaluation.features import BATCH, Reader, feature_statistics
from gan.evaluation.metrics.frechet import frechet_distance
from gan.evaluation.scores import Scorer, describe
from gan.models.classifier import Classifier
from gan.registry import METRICS
from gan.seeding import Purpose, numpy_stream

DATA = tiny_data(train=400, test=300)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(DATA.spec, TINY)


def make_scorer(classifier, *, samples: int = 300, seed: int = 0) -> Scorer:
    return Scorer(classifier, DATA, samples=samples, noise_dims=6, seed=seed)


def read(reader: Reader, images):
    return reader.read(images, np.zeros(len(images), np.int32))


def real_images(labels, styles):
    """A perfect generator: training images of the classes asked for."""
    classes = labels.argmax(axis=1)
    return np.stack([DATA.train_images[index // 3 * 3 + k] for index, k in enumerate(classes)])


def test_features_do_not_depend_on_the_batch_they_sit_in(classifier):
    reader = Reader(classifier)
    count = BATCH + 7
    together = read(reader, DATA.test_images[:count])
    alone = [read(reader, DATA.test_images[index : index + 1]) for index in (0, 3, BATCH + 1)]
    shuffled = read(reader, DATA.test_images[:count][::-1])
    for index, one in zip((0, 3, BATCH + 1), alone, strict=True):
        np.testing.assert_array_equal(together.features[index], one.features[0])
    np.testing.assert_array_equal(together.features, shuffled.features[::-1])
    assert len(together.classes) == count


def test_the_score_is_the_distance_of_features_of_uint8_images(classifier):
    """Of 300 test images, and of as many of the 400 training images: any 300, but the same ones each time."""
    scorer = make_scorer(classifier)
    seen = []

    def sample(labels, styles):
        seen.append(real_images(labels, styles))
        return seen[0]

    scores = scorer.score(sample)
    reader = Reader(classifier)
    real, fake = (feature_statistics(read(reader, images).features) for images in (DATA.test_images, seen[0]))
    assert scores["fid"] == pytest.approx(frechet_distance(real, fake), rel=1e-9)
    assert scores["samples"] == 300
    assert scores["classifier"] == reader.digest()


def test_scores_do_not_depend_on_how_many_images_are_in_memory(classifier, monkeypatch):
    """Real images and samples are looked at in parts, which all are asked for once and in order."""
    asked = []

    def sample(labels, styles):
        asked.append(styles)
        brightness = 100 * labels.argmax(axis=1) + 40 * np.abs(np.tanh(styles[:, 0]))
        return np.broadcast_to(brightness[:, None, None, None], (len(labels), *DATA.spec.shape)).astype(np.uint8)

    whole = make_scorer(classifier).score(sample)
    monkeypatch.setattr("gan.evaluation.scores.PART", BATCH // 2)
    asked.clear()
    scorer = make_scorer(classifier)
    assert scorer.score(sample) == whole
    assert [len(styles) for styles in asked] == [125, 125, 50]
    np.testing.assert_array_equal(np.concatenate(asked), scorer._styles)


def test_the_noise_floor_is_the_distance_of_training_images_from_the_test_images(classifier):
    few = replace(DATA, train_images=DATA.train_images[:200], train_labels=DATA.train_labels[:200])
    scorer = Scorer(classifier, few, samples=1000, noise_dims=6, seed=0)
    assert scorer.samples == 200  # of both splits, though there are more test images
    reader = Reader(classifier)
    scored = np.sort(numpy_stream(Purpose.SCORED_IMAGES, 0, 0).permutation(300)[:200])
    test, train = (
        feature_statistics(read(reader, images).features) for images in (DATA.test_images[scored], few.train_images)
    )
    assert scorer.noise_floor == pytest.approx(frechet_distance(test, train), rel=1e-9)
    assert scorer.score(real_images)["noise_floor"] == scorer.noise_floor


def test_labels_styles_and_result_are_the_same_at_every_evaluation(classifier):
    scorer, asked = make_scorer(classifier), []

    def sample(labels, styles):
        asked.append((labels, styles))
        return real_images(labels, styles)

    first, second = scorer.score(sample), scorer.score(sample)
    assert first == second
    np.testing.assert_array_equal(asked[0][1], asked[1][1])
    np.testing.assert_array_equal(asked[0][0].argmax(axis=1), DATA.test_labels)
    assert asked[0][1].shape == (300, 6)


def test_statistics_of_real_images_are_computed_once(classifier):
    scorer, asked = make_scorer(classifier), []
    original = scorer.reader.read
    scorer.reader.read = lambda images, labels: asked.append(images) or original(images, labels)
    scorer.score(real_images)
    scorer.score(real_images)
    assert len(asked) == 2  # the samples, each time


def test_accuracy_is_the_share_of_samples_read_as_their_class(classifier):
    scorer = make_scorer(classifier)
    named = np.arange(300) % 3
    named[:30] = (named[:30] + 1) % 3
    original = scorer.reader.read
    scorer.reader.read = lambda images, labels: replace(original(images, labels), classes=named)
    assert scorer.score(real_images)["accuracy"] == pytest.approx(0.9)


def test_fewer_samples_are_spread_over_the_test_images(classifier):
    scorer = make_scorer(classifier, samples=60)
    assert scorer.score(real_images)["samples"] == 60
    counts = np.bincount(scorer._labels, minlength=3)
    assert counts.min() > 8


def test_asking_for_more_than_there_are_gives_what_there_are(classifier):
    assert make_scorer(classifier, samples=10_000).samples == 300


def test_few_samples_are_warned_about(classifier, capsys):
    make_scorer(classifier, samples=100)
    assert "100 samples for 128 features" in capsys.readouterr().err
    make_scorer(classifier, samples=200)
    assert capsys.readouterr().err == ""


def test_a_new_metric_is_a_function_and_a_line(classifier, monkeypatch):
    """What it finds is among the scores, and shown by its name; features of real images are read once and handed on."""
    seen = []

    def spread(real, fake):
        seen.append(real)
        return {"spread": fake.features.std() / real.features.std()}  # NumPy's number, which JSON has not.

    monkeypatch.setitem(METRICS, "spread", spread)
    scorer = make_scorer(classifier)
    first, second = scorer.score(real_images), scorer.score(real_images)
    assert first == second and first["spread"] > 0
    assert all(each is scorer.real for each in seen)
    assert isinstance(first["spread"], float)
    assert list(first) == [*METRICS, "noise_floor", "samples", "classifier"]
    assert f", spread {first['spread']:.3f}; N = 300 of the test split" in describe(first)


def test_a_metric_that_is_not_there_is_told_before_training(classifier, monkeypatch):
    monkeypatch.setitem(METRICS, "spread", "gan.evaluation.metrics.spraed:spread")
    with pytest.raises(ModuleNotFoundError, match="spraed"):
        make_scorer(classifier)


def test_scores_of_any_version_are_shown():
    known = {"fid": 0.4, "noise_floor": 0.2, "accuracy": 0.987, "samples": 10_000, "classifier": "abc"}
    assert describe(known) == (
        "FID 0.400 (2.0x the noise floor 0.200), class accuracy 98.70%; N = 10,000 of the test split, "
        "penultimate features of classifier abc"
    )
    assert describe({"accuracy": 0.5, "kid": 0.25, "judge": "x"}) == (
        "FID – (–x the noise floor –), class accuracy 50.00%, kid 0.250, judge x; N = – of the test split, "
        "penultimate features of classifier –"
    )
    assert describe({}) == "not scored"


def test_the_digest_tells_classifiers_apart(classifier):
    assert Reader(classifier).digest() == Reader(classifier).digest()
    assert Reader(classifier).digest() != Reader(Classifier(DATA.spec, TINY)).digest()


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_split_of_one_image_is_refused_before_training(classifier, split):
    images, labels = f"{split}_images", f"{split}_labels"
    one = replace(DATA, **{images: getattr(DATA, images)[:1], labels: getattr(DATA, labels)[:1]})
    with pytest.raises(ValueError, match="at least 2 samples"):
        Scorer(classifier, one, samples=100, noise_dims=6, seed=0)
