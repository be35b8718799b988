import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from slidemill.probe.regression import Coefficients, scores_of, solve, standardisation_of, workers
from slidemill.probe.tiles import LabelledTiles

TILES, DIMENSION, CLASSES = 1500, 20, 3


def drawn_tiles(*, offset=3.0, balanced=False, classes=CLASSES):
    """Tiles of more than a few pieces, whose classes overlap, with features of very different size."""
    generator = np.random.default_rng(1)
    labels = generator.choice(classes, TILES, p=np.arange(1, classes + 1) / np.arange(1, classes + 1).sum())
    centres = generator.standard_normal((classes, DIMENSION)) * 0.5
    features = (centres[labels] + generator.standard_normal((TILES, DIMENSION))) * np.logspace(-2, 1.5, DIMENSION)
    features = (features + offset).astype(np.float16)
    features[:, 7] = 2.5  # never changes
    weights = 1 / (classes * np.bincount(labels)[labels]) if balanced else np.full(TILES, 1 / TILES)
    return LabelledTiles(features, labels, weights, {}, {})


def solved(tiles, l2, *, threads=1):
    classes = int(tiles.labels.max()) + 1
    start = Coefficients(np.zeros((DIMENSION, classes)), np.zeros(classes))
    with workers(threads) as pool:
        standardisation = standardisation_of(tiles.features, pool)
        solution = solve(tiles, standardisation, l2=l2, start=start, max_iterations=1000, threads=pool)
        log_scores = scores_of(tiles.features, standardisation, solution.coefficients, pool)
    return standardisation, solution, log_scores


@pytest.mark.parametrize("l2", [1.0, 0.01, 0.0001])
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_solution_is_that_of_scikit_learn(l2, balanced, classes):
    tiles = drawn_tiles(balanced=balanced, classes=classes)
    standardisation, solution, log_scores = solved(tiles, l2)
    scaler = StandardScaler().fit(tiles.features.astype(np.float64))
    np.testing.assert_allclose(standardisation.mean, scaler.mean_, rtol=1e-9)
    np.testing.assert_allclose(standardisation.deviation, scaler.scale_, rtol=1e-9)
    standardised = scaler.transform(tiles.features.astype(np.float64))
    # Two columns of scores, as here: scikit-learn's own two-class model has one, which is penalised otherwise.
    theirs = LogisticRegression(C=1 / (l2 * TILES), tol=1e-10, max_iter=10_000)
    if classes == 2:
        theirs = LogisticRegression(C=2 / (l2 * TILES), tol=1e-10, max_iter=10_000)
    theirs.fit(standardised, tiles.labels, sample_weight=tiles.weights * TILES)
    assert solution.converged
    np.testing.assert_allclose(np.exp(log_scores), theirs.predict_proba(standardised), atol=1e-4)
    if classes == 3:
        np.testing.assert_allclose(solution.coefficients.weights, theirs.coef_.T, atol=1e-4)


def test_any_number_of_threads_gives_the_same_bits():
    tiles = drawn_tiles()
    one, two = (solved(tiles, 0.001, threads=threads) for threads in (1, 2))
    assert np.array_equal(one[1].coefficients.weights, two[1].coefficients.weights)
    assert np.array_equal(one[2], two[2])


def test_a_constant_far_from_zero_changes_nothing():
    near, far = drawn_tiles(offset=0.0), drawn_tiles(offset=0.0)
    far.features[:, 3] = near.features[:, 3] * 4  # exact in float16
    np.testing.assert_allclose(solved(near, 0.01)[2], solved(far, 0.01)[2], atol=1e-9)


def test_scores_are_the_softmax_of_standardised_features():
    tiles = drawn_tiles()
    standardisation, solution, log_scores = solved(tiles, 0.1)
    z = (tiles.features.astype(np.float64) - standardisation.mean) / standardisation.deviation
    expected = softmax(z @ solution.coefficients.weights + solution.coefficients.intercepts, axis=1)
    np.testing.assert_allclose(np.exp(log_scores), expected, atol=1e-12)


def test_too_few_iterations_are_told():
    tiles = drawn_tiles()
    start = Coefficients(np.zeros((DIMENSION, CLASSES)), np.zeros(CLASSES))
    with workers(1) as pool:
        standardisation = standardisation_of(tiles.features, pool)
        solution = solve(tiles, standardisation, l2=1e-4, start=start, max_iterations=2, threads=pool)
    assert not solution.converged
    assert solution.iterations == 2
