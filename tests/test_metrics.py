"""Every metric against an independent implementation, hand-made cases, and what it must not depend on."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
from helpers import nearest_of, tiny_data

from gan.data.dataset import Subset
from gan.evaluation.evaluation import FEW_STYLES, Score, _half_the_styles, evaluate
from gan.evaluation.features import Features, feature_statistics
from gan.evaluation.fitting import small_network
from gan.evaluation.metric import Estimate, Known, MeanShare, Metric, as_metric
from gan.evaluation.metrics import neighbours as neighbours_module
from gan.evaluation.metrics import patches as patches_module
from gan.evaluation.metrics.colours import pooled, pooling
from gan.evaluation.metrics.detector import area_under_curve, error_of_area
from gan.evaluation.metrics.kid import kernel_distance
from gan.evaluation.metrics.memorisation import nearest
from gan.evaluation.metrics.neighbours import shares
from gan.evaluation.metrics.patches import blurred, cut, patches, places, pyramid, sliced_distance
from gan.registry import METRICS
from gan.sampling import places_in_class

DATA = tiny_data(height=28, width=28, channels=3, train=240, test=240)


def points(count: int, dims: int = 6, seed: int = 0, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dims)) + shift


def features_of(
    values: np.ndarray, labels: np.ndarray | None = None, images: np.ndarray | None = None, **more
) -> Features:
    labels = np.zeros(len(values), np.int32) if labels is None else labels.astype(np.int32)
    known = Known(3, 0, Subset.of(DATA.train_images, DATA.train_labels))
    return Features(values.astype(np.float32), labels.astype(np.int64), labels, images=images, known=known, **more)


def measured(name: str, real: Features, fake: Features) -> dict:
    return dict(as_metric(METRICS[name]).measure(real, fake))


# The kernel inception distance.


def kid_by_loops(first: np.ndarray, second: np.ndarray) -> float:
    def kernel(x, y):
        return (np.dot(x, y) / len(x) + 1) ** 3

    n, m = len(first), len(second)
    same = sum(kernel(first[i], first[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    other = sum(kernel(second[i], second[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return same + other - 2 * sum(kernel(x, y) for x in first for y in second) / (n * m)


@pytest.mark.parametrize("seed", range(3))
def test_kid_is_the_sum_over_pairs(seed):
    first, second = points(17, seed=seed), points(23, seed=seed + 10, shift=0.3)
    assert kernel_distance(first, second) == pytest.approx(kid_by_loops(first, second), rel=1e-6)


def test_a_metric_that_no_run_can_be_scored_by_is_refused():
    with pytest.raises(
        ValueError, match="a metric needs 'judge'; expected some of blocks, judged, images, train, critic"
    ):
        Metric(measure=dict, needs=("judge",))
    with pytest.raises(ValueError, match="needs 'images', which a run that trains does not have: leave training out"):
        Metric(measure=dict, needs=("images",), training=True)


def test_kid_by_hand():
    """Kernels of one feature: k(0, 0) = 1, k(1, 1) = 8, k(0, 1) = 1."""
    zeros, ones = np.zeros((2, 1)), np.ones((2, 1))
    assert kernel_distance(zeros, ones) == pytest.approx(1 + 8 - 2)


def test_kid_is_unbiased():
    found = [kernel_distance(points(12, seed=2 * n), points(12, seed=2 * n + 1)) for n in range(400)]
    assert abs(np.mean(found)) < 3 * np.std(found) / 20
    assert min(found) < 0


def test_kid_of_one_is_none():
    assert np.isnan(kernel_distance(points(1), points(5)))


# Neighbours.


def shares_by_loops(real: np.ndarray, fake: np.ndarray) -> dict[str, float]:
    def inside(centres: np.ndarray, k: int, asked: np.ndarray) -> np.ndarray:
        radius = [nearest_of(centres, index, k) for index in range(len(centres))]
        return np.array([[np.linalg.norm(a - c) <= r for c, r in zip(centres, radius, strict=True)] for a in asked])

    by_real = inside(real, 5, fake)
    return {
        "precision": inside(real, 3, fake).any(axis=1).mean(),
        "recall": inside(fake, 3, real).any(axis=1).mean(),
        "density": by_real.sum() / (5 * len(fake)),
        "coverage": by_real.any(axis=0).mean(),
    }


@pytest.mark.parametrize(("seed", "rows"), [(0, 256), (1, 256), (2, 256), (0, 7), (1, 1)])
def test_neighbours_are_those_of_loops(seed, rows, monkeypatch):
    """However many rows of distances are in memory at once."""
    monkeypatch.setattr(neighbours_module, "ROWS", rows)
    real, fake = points(40, 3, seed), points(30, 3, seed + 10, shift=0.8)
    found, expected = shares(real, fake), shares_by_loops(real, fake)
    assert found == pytest.approx(expected, rel=1e-6)
    assert len(set(found.values())) == 4  # None stands for another.


def test_few_kinds_of_good_samples_have_precision_and_no_recall():
    """Precision is of the samples, recall of the real images: a swap of the two would show here."""
    real = np.arange(100.0)[:, None]
    found = shares(real, np.full((50, 1), 40.5))
    assert found["precision"] == 1.0
    assert found["recall"] == 0.0  # Balls of equal samples have no size, and no real image is where they are.
    assert found["coverage"] == pytest.approx(0.06)
    assert found["density"] == pytest.approx(6 / 5)


def test_wild_samples_have_recall_and_little_precision():
    real = np.linspace(0.0, 1.0, 60)[:, None]
    found = shares(real, np.linspace(-100.0, 100.0, 60)[:, None])
    assert found["precision"] == 0.0 and found["recall"] == 1.0


def test_equal_points_are_each_others_neighbours():
    same = np.zeros((20, 4))
    assert shares(same, same) == {"precision": 1.0, "recall": 1.0, "density": 4.0, "coverage": 1.0}


def test_too_few_for_neighbours():
    assert all(np.isnan(value) for value in shares(points(5), points(30)).values())


# What is seen of pixels.


def test_pooling_averages_equal_parts():
    np.testing.assert_allclose(pooling(28).sum(axis=1), 1.0)
    np.testing.assert_allclose(pooling(12)[0, :3], [2 / 3, 1 / 3, 0.0])
    images = DATA.test_images[:3]
    wide = images.repeat(2, axis=1).repeat(2, axis=2)[:, :16, :16]  # 16: two pixels each.
    expected = wide.reshape(3, 8, 2, 8, 2, 3).mean(axis=(2, 4)).reshape(3, -1) / 255
    np.testing.assert_allclose(pooled(wide), expected, atol=1e-12)


def test_a_pyramid_holds_all_of_an_image():
    images = DATA.test_images[:2]
    fine, coarse = pyramid(images)
    spread = np.zeros_like(fine)
    spread[:, ::2, ::2] = coarse
    np.testing.assert_allclose(fine + 4 * blurred(spread), images / 255, atol=1e-6)
    assert coarse.shape == (2, 14, 14, 3)


def test_a_plain_image_has_no_details():
    fine, _ = pyramid(np.full((1, 28, 28, 1), 77, np.uint8))
    assert np.abs(fine).max() < 1e-6


def test_patches_are_cut_from_the_level():
    level = np.arange(2 * 9 * 9, dtype=np.float32).reshape(2, 9, 9, 1)
    found = patches(level, places((9, 9), 2, 3))
    assert found.shape == (32, 49)
    np.testing.assert_array_equal(found[:, 1] - found[:, 0], 1)
    np.testing.assert_array_equal(found[:, 7] - found[:, 0], 9)


@pytest.mark.parametrize("number", [0, 1])
def test_patches_of_parts_are_those_of_the_whole(number, monkeypatch):
    images = DATA.test_images[:7]
    level = list(pyramid(images))[number]
    monkeypatch.setattr(patches_module, "PART_VALUES", 2 * images[0].size)  # Two images at a time, then one.
    found, spread = cut(images, number, 5)
    np.testing.assert_array_equal(found, patches(level, places(level.shape[1:3], 7, 5)))
    np.testing.assert_allclose(spread, level.std(axis=(0, 1, 2), dtype=np.float64), rtol=1e-6)


def test_the_sliced_distance_of_a_shift_is_the_mean_square_of_its_projections():
    first = points(500, 10).astype(np.float32)
    second = first[::-1] + np.float32(0.5)
    expected = np.square(0.5) * np.mean([1.0])  # Of a unit direction u, (0.5 · sum u)² is 0.25 in the mean.
    assert sliced_distance(first, second) == pytest.approx(expected, rel=0.4)
    assert sliced_distance(first, first) == 0.0
    assert sliced_distance(first, first[::-1]) == pytest.approx(0.0, abs=1e-12)  # A row is rounded by its place.


def test_the_area_under_the_curve_counts_pairs():
    scores, positive = np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, True, False, True])
    assert area_under_curve(scores, positive) == pytest.approx((1 + 1 + 1 + 0.5) / 4)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_the_error_of_the_area_is_how_far_areas_are_apart(shift):
    rng = np.random.default_rng(0)
    positive = np.repeat([False, True], 60)
    found = [area_under_curve(rng.standard_normal(120) + shift * positive, positive) for _ in range(400)]
    assert error_of_area(float(np.mean(found)), 60) == pytest.approx(np.std(found), rel=0.2)
    assert error_of_area(1.0, 60) == 0.0


# Memorisation.


def test_the_nearest_training_image_is_found(monkeypatch):
    monkeypatch.setattr("gan.evaluation.metrics.memorisation.PART_VALUES", 7 * 28 * 28 * 3)
    train = Subset.of(DATA.train_images, DATA.train_labels)
    distances, places = nearest(DATA.train_images[[5, 239, 100]], train)
    assert places.tolist() == [5, 239, 100]
    assert distances.max() < 0.05
    flat = DATA.train_images.reshape(240, -1) / 255
    asked = DATA.test_images[:4].reshape(4, -1) / 255
    expected = np.linalg.norm(asked[:, None] - flat, axis=2)
    distances, places = nearest(DATA.test_images[:4], train)
    np.testing.assert_array_equal(places, expected.argmin(axis=1))
    np.testing.assert_allclose(distances, expected.min(axis=1), rtol=1e-4)


def test_copies_are_seen_and_new_images_are_not():
    values = points(240)
    real = features_of(values, DATA.test_labels, DATA.test_images)
    copies = measured("memorisation", real, features_of(values, DATA.train_labels, DATA.train_images))
    assert copies["nearer"] == 1.0 and copies["copies"] == 1.0
    again = measured("memorisation", real, real)
    assert again["nearer"] == pytest.approx(0.5, abs=0.01) and again["copies"] < 0.05


# Label margin, judge, diversity, class-wise FID.


def test_the_label_margin_is_in_standard_deviations_of_the_scores():
    brightness = DATA.test_images.mean(axis=(1, 2, 3))

    own = {image.tobytes(): label for image, label in zip(DATA.test_images, DATA.test_labels, strict=True)}

    def critic(images, labels):
        right = np.stack([labels[n, :, own[image.tobytes()]] for n, image in enumerate(images)])
        return images.mean(axis=(1, 2, 3))[:, None] + 10 * right

    real = features_of(points(240), DATA.test_labels, DATA.test_images)
    real = replace(real, known=replace(real.known, critic=critic))
    margin = measured("margin", real, real)["label_margin"]
    assert margin == pytest.approx(10 / brightness.std(), rel=1e-5)
    assert measured("margin", *[replace(real, known=replace(real.known, num_classes=1))] * 2) == {}
    ignorant = replace(
        real, known=replace(real.known, critic=lambda images, _: images.mean(axis=(1, 2, 3))[:, None].repeat(2, 1))
    )
    assert measured("margin", ignorant, ignorant)["label_margin"] == 0.0


def test_the_judge_counts_what_was_asked_for_by_what_it_sees():
    labels = np.array([0, 0, 1, 2])
    fake = features_of(points(4), labels, judged=np.array([0, 1, 1, 2]))
    found = measured("judge", fake, fake)
    assert found["judge_accuracy"] == 0.75
    assert found["judge_accuracy"].error == pytest.approx(np.sqrt(0.75 * 0.25 / 4))
    assert found["confusion"].tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_diversity_is_a_ratio_of_lengths_within_classes():
    labels = np.repeat([0, 1], 200)
    values = points(400) + 100 * labels[:, None]
    real = features_of(values, labels)
    centres = np.stack([values[labels == k].mean(axis=0) for k in (0, 1)])[labels]
    half = features_of(centres + 0.5 * (values - centres), labels)
    assert measured("diversity", real, half)["diversity"] == pytest.approx(0.5, rel=1e-4)
    assert measured("diversity", real, features_of(centres, labels))["diversity"] == pytest.approx(0, abs=1e-5)


def test_class_fid_sees_swapped_classes_which_fid_does_not():
    labels = np.repeat([0, 1], 300)
    values = points(600) + 5 * labels[:, None]
    real, swapped = features_of(values, labels), features_of(values, 1 - labels)
    assert measured("fid", real, swapped)["fid"] < 1e-6
    found = measured("class_fid", real, swapped)
    assert found["class_fid"] == pytest.approx(150, rel=0.05)  # 6 features, 5 apart: 6 · 25.
    assert list(found["fid_of"]) == [0, 1]


@pytest.mark.parametrize("name", ["fid", "class_fid"])
def test_the_frechet_distance_is_scipys_and_needs_more_images_than_features(name):
    real, fake = points(40), 1.5 * points(50, seed=1, shift=0.2)
    first, second = (np.cov(each.astype(np.float32).astype(float), rowvar=False) for each in (real, fake))
    root = scipy.linalg.sqrtm(first @ second).real
    means = [each.astype(np.float32).astype(float).mean(axis=0) for each in (real, fake)]
    expected = np.square(means[0] - means[1]).sum() + np.trace(first + second - 2 * root)
    assert measured(name, features_of(real), features_of(fake))[name] == pytest.approx(expected, rel=1e-6)
    assert np.isnan(measured(name, features_of(real[:6]), features_of(fake))[name])
    assert np.isfinite(measured(name, features_of(np.zeros((40, 6))), features_of(fake))[name])  # Singular.


# All of them.

FAST = [name for name in METRICS if name not in ("cas", "detector", "margin")]


def whole_features(images: np.ndarray, labels: np.ndarray, seed: int) -> Features:
    rng = np.random.default_rng(seed)
    values = pooled(images)[:, :8] + rng.normal(0, 0.01, (len(images), 8))
    blocks = (values[:, :4].astype(np.float32), values[:, 4:].astype(np.float32))
    return features_of(values, labels, images, blocks=blocks, judged=labels.astype(np.int64))


@pytest.fixture(scope="module")
def both() -> tuple[Features, Features]:
    return (
        whole_features(DATA.test_images, DATA.test_labels, 0),
        whole_features(DATA.train_images, DATA.train_labels, 1),
    )


@pytest.mark.parametrize("name", [name for name in FAST if name != "patches"])
def test_the_order_of_images_does_not_matter(name, both):
    real, fake = both
    order = np.random.default_rng(2).permutation(240)
    for key, value in measured(name, real, fake).items():
        if isinstance(value, float):
            assert measured(name, real, fake.take(order))[key] == pytest.approx(value, rel=1e-6, abs=1e-9), key


def test_evaluations_are_a_function_of_the_seed_and_every_number_is_explained(both):
    metrics = {name: as_metric(METRICS[name]) for name in FAST}
    first, again = (evaluate(*both, metrics, seed=3) for _ in range(2))
    assert str(first.scores) == str(again.scores)  # NaN is not equal to itself.
    for name, score in first.scores.items():
        assert np.isnan(score.value) or score.low <= score.value <= score.high, name
        metric = metrics[score.metric]
        assert metric.says.endswith(".") and metric.blind.endswith(".")
        assert not np.isnan(score.real) or np.isnan(score.value), name
    assert first.worst is not None
    assert first.scores[first.worst].times_floor == max(
        score.times_floor for score in first.scores.values() if score.times_floor is not None
    )


@pytest.fixture
def _in_haste(monkeypatch):
    """Without what gives memory back, which takes longer than to measure so little."""
    monkeypatch.setattr("gan.evaluation.evaluation.free_unused", lambda: None)


@pytest.mark.usefixtures("_in_haste")
@pytest.mark.parametrize(("name", "dims", "classes"), [("mean", 1, 1), ("fid", 4, 1), ("fid", 4, 8)])
def test_intervals_hold_what_they_say(name, dims, classes):
    """95 % of them, around the mean over many sets of samples, and no wider than need be: by parts, and by halves.

    The nth samples of several classes look much alike, as they are of one style.
    """
    by_parts = Metric(measure=lambda real, fake: {"mean": float(fake.features.mean())}, most=200, splits=4)
    metric = by_parts if name == "mean" else as_metric(METRICS["fid"])
    real = features_of(points(400, dims, 999))
    labels = np.arange(400) % classes
    found = []
    for seed in range(80):
        alike = points(400 // classes, dims, seed).repeat(classes, axis=0)
        fake = features_of(alike + 0.1 * points(400, dims, 1_000 + seed), labels)
        found.append(evaluate(real, fake, {name: metric}, seed=0).scores[name])
    assert holds(found)


def holds(found: list[Score]) -> bool:
    """Whether intervals of values that differ by chance hold the mean, but are not much wider than they are apart."""
    values = np.array([score.value for score in found])
    covered = np.mean([score.low <= values.mean() <= score.high for score in found])
    width = np.median([score.high - score.low for score in found]) / (2 * 2.26 * values.std(ddof=1))
    return bool(covered >= 0.9 and width < 1.6)


@pytest.mark.usefixtures("_in_haste")
@pytest.mark.parametrize(("name", "each"), [("fid", 3), ("fid", 4), ("mean", 5)])
def test_intervals_of_classes_with_few_images_are_no_wider(name, each):
    by_parts = Metric(measure=lambda real, fake: {"mean": float(fake.features.mean())}, most=200, splits=5)
    metric = by_parts if name == "mean" else as_metric(METRICS["fid"])
    real, labels = features_of(points(100 * each, 4, 999)), np.arange(100).repeat(each)
    found = [
        evaluate(real, features_of(points(100 * each, 4, seed, 1.0), labels), {name: metric}, seed=0).scores[name]
        for seed in range(40)
    ]
    assert holds(found)


@pytest.mark.parametrize(("count", "classes"), [(7, 3), (100, 3), (30, 30), (90, 30), (750, 30)])
def test_halves_of_the_styles_have_half_of_each_class(count, classes):
    labels = np.random.default_rng(count).permutation(np.arange(count) % classes).astype(np.int32)
    numbers = places_in_class(labels)
    sizes = np.bincount(labels)[labels]
    for half in _half_the_styles(labels, 0):
        rest = np.setdiff1d(np.arange(count), half)
        assert abs(len(half) - len(rest)) <= 1
        assert (
            np.abs(np.bincount(labels[half], minlength=classes) - np.bincount(labels[rest], minlength=classes)).max()
            <= 1
        )
        paired = [set(numbers[part][numbers[part] <= sizes[part] // 2 * 2]) for part in (half, rest)]
        assert not paired[0] & paired[1] or sizes.max() <= FEW_STYLES


def test_half_of_the_real_images_score_the_floor_of_the_other_half():
    """The rule of 1/N, and 1.0x for who hands out real images."""
    found = []
    for seed in range(12):
        values = np.maximum(points(800, 8, seed) @ points(8, 8, 99), 0)
        real, fake = features_of(values[:400]), features_of(values[400:])
        score = evaluate(real, fake, {"fid": as_metric(METRICS["fid"])}, seed=0).scores["fid"]
        found.append(score.times_floor)
    assert np.mean(found) == pytest.approx(1.0, abs=3 * np.std(found) / np.sqrt(len(found)))
    assert 0.6 < np.mean(found) < 1.5


def test_too_few_images_have_no_number(both):
    real, fake = (each.take(np.arange(14)) for each in both)
    found = evaluate(real, fake, {name: as_metric(METRICS[name]) for name in FAST}, seed=0)
    assert {"fid", "class_fid", "colours"} <= set(found.too_few)
    assert found.scores["fid"].times_floor is None
    assert np.isfinite(found.scores["kid"].value) and np.isfinite(found.scores["judge_accuracy"].value)


@pytest.mark.parametrize("count", [4, 5, 9])
def test_a_handful_of_images_is_no_error(both, count):
    real, fake = (each.take(np.arange(count)) for each in both)
    names = [name for name in METRICS if name not in ("cas", "margin")]
    found = evaluate(real, fake, {name: as_metric(METRICS[name]) for name in names}, seed=0)
    assert np.isfinite(found.scores["judge_accuracy"].value) and found.scores["detector_auc"].samples == count // 2


@pytest.mark.parametrize(
    ("right", "looks", "low", "high"), [(6, 6, 0.61, 1.0), (0, 10, 0.0, 0.278), (1, 4, 0.046, 0.699)]
)
def test_the_interval_of_a_share_stays_within_it(right, looks, low, high):
    """Wilson's; the figures are of his formula by hand: z²/(n + z²) where none is right."""
    found = Estimate.share(np.arange(looks) < right).interval(1.96)
    assert found == pytest.approx((low, high), abs=5e-4)


def test_an_evaluation_has_the_interval_of_its_shares(both):
    real, fake = (each.take(np.arange(40)) for each in both)
    score = evaluate(real, replace(fake, judged=fake.labels), {"judge": as_metric(METRICS["judge"])}, seed=0).scores
    assert score["judge_accuracy"].value == score["judge_accuracy"].high == 1.0
    assert score["judge_accuracy"].low == pytest.approx(40 / (40 + 1.96**2), abs=1e-4)


@pytest.mark.parametrize(("area", "low", "high"), [(1.0, 0.83, 1.0), (0.97, 0.75, 0.999)])
def test_the_interval_of_an_area_stays_within_it(area, low, high):
    found = MeanShare(area, 20, error_of_area(area, 20)).interval(1.96)
    assert low < found[0] < area <= found[1] <= 1.0 and found[1] == pytest.approx(high, abs=0.01)


@pytest.mark.parametrize("count", [99, 100, 250])
def test_one_in_a_hundred_new_images_is_called_a_copy(count, monkeypatch):
    """By distances that are drawn: as many of new images as there are test images."""
    rng = np.random.default_rng(count)
    drawn = iter(lambda: (rng.random(count), np.zeros(count, np.int64)), None)
    monkeypatch.setattr("gan.evaluation.metrics.memorisation.nearest", lambda images, train: next(drawn))
    images = np.zeros((count, 1, 1, 1), np.uint8)
    one = features_of(points(count), images=images)
    found = [measured("memorisation", one, one)["copies"] for _ in range(400)]
    assert np.mean(found) == pytest.approx(0.01, abs=5 * np.std(found) / np.sqrt(400))


def test_copies_of_few_images_are_no_number(both):
    real, fake = (each.take(np.arange(98)) for each in both)
    assert np.isnan(measured("memorisation", real, fake)["copies"])


def test_a_cap_is_kept_and_said(both):
    metric = replace(as_metric(METRICS["kid"]), most=50)
    assert evaluate(*both, {"kid": metric}, seed=0).scores["kid"].samples == 50
    assert evaluate(*both, {"kid": as_metric(METRICS["kid"])}, seed=0).scores["kid"].samples == 120


def test_blur_is_seen_by_patches(both):
    real, fake = both
    soft = np.clip(blurred(fake.images.astype(np.float32)), 0, 255).astype(np.uint8)
    metric = {"patches": as_metric(METRICS["patches"])}
    sharp, dull = (evaluate(real, replace(fake, images=each), metric, seed=0).scores for each in (fake.images, soft))
    assert dull["patches_28"].times_floor > 10 * sharp["patches_28"].times_floor


def test_of_large_images_some_of_each_class_are_looked_at(both):
    """Where files are in the order of classes: the first of them would be of one class."""
    real, fake = (each.take(np.argsort(each.labels, kind="stable")) for each in both)
    grey = np.where((fake.labels > fake.labels[0])[:, None, None, None], np.uint8(128), fake.images)
    metric = {"patches": replace(as_metric(METRICS["patches"]), most_values=40 * real.images[0].size)}
    right, wrong = (evaluate(real, replace(fake, images=each), metric, seed=0).scores for each in (fake.images, grey))
    assert right["patches_28"].samples == 40
    assert wrong["patches_28"].times_floor > 10 * right["patches_28"].times_floor


def test_a_share_of_parts_is_not_surer_than_its_samples(both):
    real, fake = (each.take(np.arange(40)) for each in both)
    far = replace(fake, features=fake.features + 1e6)
    recall = evaluate(real, far, {"neighbours": as_metric(METRICS["neighbours"])}, seed=0).scores["recall"]
    assert recall.value == recall.low == 0 and recall.high == pytest.approx(1.96**2 / (40 + 1.96**2), abs=1e-4)
    wide = MeanShare(0.9, 1_000, error=0.2).interval(3.18)
    assert wide == (pytest.approx(0.9 - 3.18 * 0.2), 1.0)


def test_a_plain_function_is_a_metric_too(both):
    found = evaluate(*both, {"gap": as_metric(lambda real, fake: {"gap": 1.5})}, seed=0)
    assert found.scores["gap"].value == 1.5 and found.worst is None


@pytest.mark.slow
@pytest.mark.parametrize("copies", [True, False])
def test_a_detector_tells_noise_from_pictures_and_nothing_from_nothing(both, copies):
    real, fake = both
    other = fake if copies else replace(fake, images=255 - fake.images)
    found = measured("detector", real, other)
    assert found["surest"].shape == (10, 28, 28, 3)
    if copies:
        assert abs(found["detector_auc"] - 0.5) < 4 * found["detector_auc"].error
    else:
        assert found["detector_accuracy"] > 0.95 and isinstance(found["detector_auc"], Estimate)


@pytest.mark.slow
def test_cas_learns_from_samples_and_from_real_images(both, monkeypatch):
    monkeypatch.setattr("gan.evaluation.metrics.cas.FEWEST_STEPS", 60)
    real, fake = both
    known = replace(real.known, fresh=lambda: small_network((28, 28, 3), classes=3, seed=0))
    real = replace(real, known=known)
    good = measured("cas", real, fake)
    assert good["cas"] > 0.95 and good["cas_reverse"] > 0.95
    wrong = measured("cas", real, replace(fake, labels=(fake.labels + 1) % 3))
    assert wrong["cas"] < 0.2 and wrong["cas_reverse"] < 0.2
    assert measured("cas", real, real)["cas"] > 0.95


# Memory.


def peak_bytes(function) -> int:
    """What NumPy holds at once, at most, while the function runs."""
    tracemalloc.start()
    function()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_many_images_are_not_all_in_memory_as_floating_point_numbers():
    """Of each, what a copy of all of them would take is more."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((40_000, 64)).astype(np.float32)
    found = feature_statistics(features)
    np.testing.assert_allclose(
        found.covariance, np.cov(features.astype(np.float64), rowvar=False), rtol=1e-9, atol=1e-12
    )
    assert peak_bytes(lambda: feature_statistics(features)) < features.size * 8 / 2
    projected = 40_000 * 64 * 4
    assert peak_bytes(lambda: sliced_distance(features, features[::-1])) < projected
    train = np.zeros((20_000, 28, 28, 1), np.uint8)
    subset = Subset.of(train, np.zeros(len(train), np.int32))
    assert peak_bytes(lambda: nearest(train[:1_000], subset)) < 100e6
