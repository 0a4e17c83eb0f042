import numpy as np
import pytest
import scipy.linalg

from gan.evaluation.features import FeatureStatistics, feature_statistics
from gan.evaluation.metrics.frechet import frechet_distance, symmetric_root


def by_scipy(first: FeatureStatistics, second: FeatureStatistics) -> float:
    """The textbook formula, with SciPy's root of the non-symmetric product."""
    root = scipy.linalg.sqrtm(first.covariance @ second.covariance)
    shift = np.square(first.mean - second.mean).sum()
    return float(shift + np.trace(first.covariance + second.covariance - 2 * root.real))


def random_pair(samples: int, dims: int, seed: int) -> tuple[FeatureStatistics, FeatureStatistics]:
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((2, dims, dims))
    return tuple(
        feature_statistics(rng.standard_normal((samples, dims)) @ m + rng.standard_normal(dims)) for m in mixing
    )


@pytest.mark.parametrize("seed", range(5))
def test_random_covariances(seed):
    first, second = random_pair(500, 16, seed)
    assert frechet_distance(first, second) == pytest.approx(by_scipy(first, second), rel=1e-6)


def test_128_features():
    first, second = random_pair(2000, 128, 0)
    assert frechet_distance(first, second) == pytest.approx(by_scipy(first, second), rel=1e-6)


def test_commuting_covariances_have_a_closed_form():
    """Diagonal ones: the squared distance of the means and of the standard deviations."""
    rng = np.random.default_rng(1)
    means, deviations = rng.standard_normal((2, 9)), rng.uniform(0.1, 3.0, (2, 9))
    first, second = (FeatureStatistics(m, np.diag(s**2), 100) for m, s in zip(means, deviations, strict=True))
    expected = np.square(means[0] - means[1]).sum() + np.square(deviations[0] - deviations[1]).sum()
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(first, second) == pytest.approx(by_scipy(first, second), rel=1e-6)


@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_singular_covariances():
    rng = np.random.default_rng(2)
    first = feature_statistics(rng.standard_normal((300, 4)) @ rng.standard_normal((4, 12)))
    second = feature_statistics(rng.standard_normal((300, 12)))
    assert frechet_distance(first, second) == pytest.approx(by_scipy(first, second), rel=1e-6)


@pytest.mark.filterwarnings("ignore:Matrix is singular")
def test_no_more_samples_than_features():
    first, second = random_pair(10, 24, 3)
    assert frechet_distance(first, second) == pytest.approx(by_scipy(first, second), rel=1e-6)


def test_orthogonal_rank_one_covariances_share_nothing():
    first = FeatureStatistics(np.zeros(2), np.diag([1.0, 0.0]), 5)
    second = FeatureStatistics(np.zeros(2), np.diag([0.0, 4.0]), 5)
    assert frechet_distance(first, second) == pytest.approx(5.0)


def test_a_set_is_at_distance_zero_from_itself_and_the_distance_is_symmetric():
    first, second = random_pair(200, 32, 4)
    assert frechet_distance(first, first) == pytest.approx(0.0, abs=1e-9)
    assert frechet_distance(first, second) == pytest.approx(frechet_distance(second, first), rel=1e-9)


def test_the_distance_is_not_rooted():
    first = FeatureStatistics(np.zeros(3), np.eye(3), 5)
    assert frechet_distance(first, first._replace(mean=np.full(3, 2.0))) == pytest.approx(12.0)


def test_statistics_are_float64_and_unbiased():
    features = np.random.default_rng(5).standard_normal((50, 6)).astype(np.float32)
    found = feature_statistics(features)
    assert found.covariance.dtype == np.float64
    np.testing.assert_allclose(found.covariance, np.cov(features.astype(np.float64), rowvar=False), rtol=1e-12)


def test_the_root_squares_to_the_matrix():
    matrix = feature_statistics(np.random.default_rng(6).standard_normal((40, 8))).covariance
    root = symmetric_root(matrix)
    np.testing.assert_allclose(root @ root, matrix, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 4), (0, 4), (6,)])
def test_too_few_samples_are_refused(shape):
    with pytest.raises(ValueError, match="at least 2 samples"):
        feature_statistics(np.zeros(shape))


def test_features_that_are_not_finite_are_refused():
    with pytest.raises(FloatingPointError, match="NaN or infinity"):
        feature_statistics(np.array([[1.0, np.nan], [0.0, 1.0]]))


def test_a_clearly_negative_distance_is_refused():
    broken = FeatureStatistics(np.zeros(2), -np.eye(2), 5)
    with pytest.raises(ValueError, match="is not valid"):
        frechet_distance(broken, broken)


def test_different_numbers_of_features_are_refused():
    with pytest.raises(ValueError, match="2 features against 3"):
        frechet_distance(FeatureStatistics(np.zeros(2), np.eye(2), 5), FeatureStatistics(np.zeros(3), np.eye(3), 5))
