"""Multinomial logistic regression on standardised features, solved by L-BFGS over all tiles.

What is minimised over weights W (dimension, classes) and intercepts b (classes), for standardised features z, labels y
and tile weights w that add up to 1:

    sum_i w_i * -log softmax(z_i W + b)[y_i]  +  l2 / 2 * sum(W^2)

Where all n tiles weigh the same, that is LogisticRegression(C=1 / (l2 * n)) of scikit-learn. Intercepts go free.

Tiles go through in small pieces that stay in a core's cache: standardised, scored and added to the gradient there, in
double precision. So memory beyond the features is a few megabytes a thread. Blocks of pieces are shared among threads
and added up in order: the result does not depend on how many there are.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax
from threadpoolctl import threadpool_limits

from slidemill.probe.tiles import LabelledTiles

_TILES_PER_PIECE = 512
_BLOCKS = 64  # at most so many threads have work; fewer where tiles are few
_GRADIENT = 1e-6  # greatest component of the gradient at the solution
_CORRECTIONS = 20  # that L-BFGS keeps of the curvature

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Standardisation:
    """Mean and standard deviation of each feature.

    Attributes:
        mean, deviation: (dimension,) float64; the deviation is 1 for a feature that never changes.
    """

    mean: np.ndarray
    deviation: np.ndarray


@dataclass(frozen=True, slots=True)
class Coefficients:
    """Of the scores, softmax(z @ weights + intercepts) for standardised features z.

    Attributes:
        weights: (dimension, classes) float64.
        intercepts: (classes,) float64.
    """

    weights: np.ndarray
    intercepts: np.ndarray


@dataclass(frozen=True, slots=True)
class Solution:
    """What the solver found.

    Attributes:
        coefficients: the minimum, or where the solver was when it ran out of iterations.
        iterations: of the solver.
        converged: whether the gradient is as good as zero.
    """

    coefficients: Coefficients
    iterations: int
    converged: bool


class Workers:
    """Threads that go through tiles; made by `workers`."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool

    def over_blocks(self, function: Callable[[slice], _T], tiles: int) -> Iterator[_T]:
        """The results for each block of tiles, in order."""
        blocks = max(1, min(_BLOCKS, tiles // _TILES_PER_PIECE))
        edges = np.linspace(0, tiles, blocks + 1).astype(int)
        return self._pool.map(function, map(slice, edges[:-1], edges[1:]))


@contextmanager
def workers(threads: int) -> Iterator[Workers]:
    """Threads for a while, in which products of matrices use no others."""
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        yield Workers(pool)


def standardisation_of(features: np.ndarray, threads: Workers) -> Standardisation:
    """Mean and standard deviation of each feature over all tiles.

    Args:
        features: (tiles, dimension) float16.
        threads: that share the work.
    """
    tiles, dimension = features.shape

    def sums(block: slice) -> np.ndarray:
        return sum((piece.sum(axis=0) for piece in _pieces(features[block])), np.zeros(dimension))

    mean = sum(threads.over_blocks(sums, tiles), np.zeros(dimension)) / tiles

    def squares(block: slice) -> np.ndarray:
        pieces = (piece - mean for piece in _pieces(features[block]))
        return sum((np.einsum("ij,ij->j", piece, piece) for piece in pieces), np.zeros(dimension))

    deviation = np.sqrt(sum(threads.over_blocks(squares, tiles), np.zeros(dimension)) / tiles)
    return Standardisation(mean, np.where(deviation > 0, deviation, 1.0))


def solve(
    tiles: LabelledTiles,
    standardisation: Standardisation,
    *,
    l2: float,
    start: Coefficients,
    max_iterations: int,
    threads: Workers,
) -> Solution:
    """Find the coefficients of the lowest loss.

    Args:
        tiles: to learn from.
        standardisation: of their features.
        l2: strength of the penalty.
        start: where the solver begins; the nearer, the fewer iterations.
        max_iterations: after which it gives up.
        threads: that share the work.
    """
    dimension, classes = start.weights.shape

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        present = _unpacked(flat, dimension, classes)
        loss, gradient, of_intercepts = _mean_loss(tiles, standardisation, present, threads)
        gradient += l2 * present.weights
        return loss + l2 / 2 * float(np.sum(present.weights**2)), np.append(gradient.ravel(), of_intercepts)

    found = minimize(
        loss_and_gradient,
        np.append(start.weights.ravel(), start.intercepts),
        jac=True,
        method="L-BFGS-B",
        options={
            "maxiter": max_iterations,
            "maxfun": 2 * max_iterations,
            "maxcor": _CORRECTIONS,
            "gtol": _GRADIENT,
            "ftol": 0,
        },
    )
    converged = bool(np.abs(found.jac).max() <= _GRADIENT)
    return Solution(_unpacked(found.x, dimension, classes), int(found.nit), converged)


def scores_of(
    features: np.ndarray, standardisation: Standardisation, coefficients: Coefficients, threads: Workers
) -> np.ndarray:
    """Scores of tiles: the logarithms of the probabilities of the classes, (tiles, classes) float64."""
    weights, intercepts = _of_centred(standardisation, coefficients)

    def scored(block: slice) -> np.ndarray:
        pieces = [_log_scores(piece, weights, intercepts) for piece in _centred(features[block], standardisation)]
        return np.concatenate([np.zeros((0, len(intercepts))), *pieces])

    return np.concatenate(list(threads.over_blocks(scored, len(features))))


def _mean_loss(
    tiles: LabelledTiles, standardisation: Standardisation, coefficients: Coefficients, threads: Workers
) -> tuple[float, np.ndarray, np.ndarray]:
    """The loss without its penalty, and its gradient over weights and intercepts."""
    weights, intercepts = _of_centred(standardisation, coefficients)

    def of_block(block: slice) -> tuple[float, np.ndarray, np.ndarray]:
        loss, gradient, of_intercepts = 0.0, np.zeros(weights.shape), np.zeros(intercepts.shape)
        start = block.start
        for piece in _centred(tiles.features[block], standardisation):
            own = slice(start, start + len(piece))
            start = own.stop
            log_scores = _log_scores(piece, weights, intercepts)
            labelled = np.arange(len(piece)), tiles.labels[own]
            loss -= float(tiles.weights[own] @ log_scores[labelled])
            residual = np.exp(log_scores)
            residual[labelled] -= 1
            residual *= tiles.weights[own, None]
            gradient += piece.T @ residual
            of_intercepts += residual.sum(axis=0)
        return loss, gradient, of_intercepts

    total = 0.0, np.zeros(weights.shape), np.zeros(intercepts.shape)
    for part in threads.over_blocks(of_block, len(tiles.labels)):
        total = total[0] + part[0], total[1] + part[1], total[2] + part[2]
    loss, gradient, of_intercepts = total
    return loss, gradient / standardisation.deviation[:, None], of_intercepts


def _of_centred(standardisation: Standardisation, coefficients: Coefficients) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of features of which only the mean was taken: a pass less over each piece."""
    return coefficients.weights / standardisation.deviation[:, None], coefficients.intercepts


def _log_scores(piece: np.ndarray, weights: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
    return np.asarray(log_softmax(piece @ weights + intercepts, axis=1))


def _centred(features: np.ndarray, standardisation: Standardisation) -> Iterator[np.ndarray]:
    for piece in _pieces(features):
        piece -= standardisation.mean
        yield piece


def _pieces(features: np.ndarray) -> Iterator[np.ndarray]:
    """Pieces of features in double precision; each is valid until the next one."""
    memory = np.empty((min(_TILES_PER_PIECE, len(features)), features.shape[1]))
    for start in range(0, len(features), _TILES_PER_PIECE):
        own = features[start : start + _TILES_PER_PIECE]
        piece = memory[: len(own)]
        np.copyto(piece, own)
        yield piece


def _unpacked(flat: np.ndarray, dimension: int, classes: int) -> Coefficients:
    return Coefficients(flat[:-classes].reshape(dimension, classes), flat[-classes:])
