from dataclasses import replace

import numpy as np
import pytest
from helpers import TINY, tiny_data

from gan.errors import UserError
from gan.evaluation.features import BATCH, Reader, feature_statistics
from gan.evaluation.floor import SPLITS, halves, noise_floor
from gan.evaluation.metrics.frechet import frechet_distance
from gan.evaluation.scores import ABOUT_SCORES, Scorer, describe
from gan.models.classifier import Classifier
from gan.registry import METRICS

DATA = tiny_data(train=400, test=300)


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier(DATA.spec, TINY)


def make_scorer(classifier, *, samples: int = 300, seed: int = 0) -> Scorer:
    return Scorer(classifier, DATA.test, num_classes=3, samples=samples, noise_dims=6, seed=seed)


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
    monkeypatch.setattr("gan.evaluation.scores.PART", BATCH)
    asked.clear()
    scorer = make_scorer(classifier)
    assert scorer.score(sample) == whole
    assert [len(styles) for styles in asked] == [144, 144, 12]
    np.testing.assert_array_equal(np.concatenate(asked), scorer._styles)


def test_the_noise_floor_is_that_of_halves_of_the_real_images_in_proportion(classifier):
    scorer = make_scorer(classifier)
    assert scorer.about["samples"] == 300 and scorer.about["split"] == "test images"
    read_all = read(Reader(classifier), DATA.test_images).features
    found = [
        frechet_distance(feature_statistics(read_all[one]), feature_statistics(read_all[other])) / 2
        for one, other in halves(DATA.test_labels, seed=0)
    ]
    scores = scorer.score(real_images)
    assert scores["noise_floor"] == pytest.approx(np.mean(found), rel=1e-6)
    assert scores["floor_spread"] == pytest.approx(np.std(found, ddof=1), rel=1e-6)


def test_halves_are_disjoint_whole_and_even_in_every_class():
    labels = np.array([0] * 7 + [1] * 4 + [2], np.int32)
    seen = set()
    for one, other in halves(labels, seed=1):
        np.testing.assert_array_equal(np.sort(np.concatenate([one, other])), np.arange(12))
        counts = np.bincount(labels[one], minlength=3) - np.bincount(labels[other], minlength=3)
        assert np.abs(counts).max() <= 1 and len(one) == len(other) == 6
        seen.add(tuple(one))
    assert len(seen) == SPLITS


@pytest.mark.parametrize("dims", [4, 32])
def test_a_generator_that_hands_out_held_out_images_scores_the_floor(dims):
    """The mean over many such generators is within the floor's error, whatever the features."""
    rng = np.random.default_rng(dims)
    labels = np.zeros(800, np.int32)
    mixing = rng.standard_normal((dims, dims))

    def draw() -> np.ndarray:
        return np.maximum(rng.standard_normal((800, dims)) @ mixing, 0)

    def distance(first, second) -> float:
        return frechet_distance(feature_statistics(first), feature_statistics(second))

    real = [draw() for _ in range(60)]
    floors = [noise_floor(labels, lambda one, other, of=each: distance(of[one], of[other]), seed=0) for each in real]
    perfect = [distance(each, draw()) for each in real]
    error = np.hypot(np.std(perfect), np.std([floor.mean for floor in floors])) / np.sqrt(len(real))
    assert abs(np.mean(perfect) - np.mean([floor.mean for floor in floors])) < 3 * error
    assert error < 0.1 * np.mean(perfect)
    assert all(floor.spread > 0 for floor in floors)


def test_of_three_images_there_is_no_floor():
    assert noise_floor(np.zeros(3, np.int32), lambda one, other: 1.0, seed=0) is None


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
    assert make_scorer(classifier, samples=10_000).about["samples"] == 300


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
    assert list(first) == ["fid", "accuracy", "spread", *ABOUT_SCORES]
    assert f", spread {first['spread']:.3f}; N = 300 of the test images" in describe(first)


def test_a_metric_that_is_not_there_is_told_before_training(classifier, monkeypatch):
    monkeypatch.setitem(METRICS, "spread", "gan.evaluation.metrics.spraed:spread")
    with pytest.raises(ModuleNotFoundError, match="spraed"):
        make_scorer(classifier)


def test_scores_of_any_version_are_shown():
    known = {"fid": 0.4, "noise_floor": 0.2, "accuracy": 0.987, "samples": 10_000, "classifier": "abc"}
    assert describe(known) == (
        "FID 0.400 (2.0x the noise floor 0.200), class accuracy 98.70%; N = 10,000 of the test images, "
        "penultimate features of classifier abc"
    )
    assert describe({"accuracy": 0.5, "kid": 0.25, "judge": "x"}) == (
        "FID – (–x the noise floor –), class accuracy 50.00%, kid 0.250, judge x; N = – of the test images, "
        "penultimate features of classifier –"
    )
    held_out = known | {"floor_spread": 0.0123, "split": "held-out training images"}
    assert "floor 0.200 ± 0.012)" in describe(held_out) and "of the held-out training images" in describe(held_out)
    assert describe({}) == "not scored"
    nan, infinite = float("nan"), float("inf")
    unknown = {"fid": nan, "noise_floor": infinite, "floor_spread": nan, "accuracy": nan, "kid": -infinite}
    assert describe(known | unknown) == describe(known | dict.fromkeys(unknown))
    assert "FID – (–x the noise floor –), class accuracy –, kid –;" in describe(known | unknown)


def test_the_digest_tells_classifiers_apart(classifier):
    assert Reader(classifier).digest() == Reader(classifier).digest()
    assert Reader(classifier).digest() != Reader(Classifier(DATA.spec, TINY)).digest()


def test_one_real_image_is_refused_before_training(classifier):
    with pytest.raises(UserError, match="1 of the test images would score the run; expected at least 2:"):
        make_scorer(classifier, samples=1)
