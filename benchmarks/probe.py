"""Fitting a linear probe: time of a pass over all features by threads, of whole fits, and memory.

    python benchmarks/probe.py --tiles 1300000 --dimension 1536

Features are drawn: classes whose centres overlap, in float16. With --compare scikit-learn solves the same on a part of
them that fits into its memory as float64.
"""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click
import numpy as np

from slidemill.probe.regression import Coefficients, _mean_loss, scores_of, solve, standardisation_of, workers
from slidemill.probe.tiles import LabelledTiles

CLASSES = 3
L2 = (1.0, 0.1, 0.01, 0.001, 0.0001)
_TILES_AT_ONCE = 50_000


@contextmanager
def timed(what: str) -> Iterator[None]:
    start, busy = time.perf_counter(), time.process_time()
    yield
    cpu = time.process_time() - busy
    print(f"{what}: {time.perf_counter() - start:.2f} s, {cpu:.2f} CPU s", flush=True)


def drawn(tiles: int, dimension: int) -> LabelledTiles:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, CLASSES, tiles)
    centres = generator.standard_normal((CLASSES, dimension)).astype(np.float32) * 0.05
    features = np.empty((tiles, dimension), np.float16)
    for start in range(0, tiles, _TILES_AT_ONCE):
        own = slice(start, start + _TILES_AT_ONCE)
        noise = generator.standard_normal(features[own].shape, dtype=np.float32)
        features[own] = centres[labels[own]] + noise
    return LabelledTiles(features, labels, np.full(tiles, 1 / tiles), {}, {})


def compare(tiles: LabelledTiles, l2: float) -> None:
    from sklearn.linear_model import LogisticRegression

    start = Coefficients(np.zeros((tiles.features.shape[1], CLASSES)), np.zeros(CLASSES))
    with workers(1) as pool:
        standardisation = standardisation_of(tiles.features, pool)
        with timed(f"{len(tiles.labels)} tiles, l2 {l2:g}, here, one thread"):
            own = solve(tiles, standardisation, l2=l2, start=start, max_iterations=1000, threads=pool)
        scores = np.exp(scores_of(tiles.features, standardisation, own.coefficients, pool))
    standardised = (tiles.features.astype(np.float64) - standardisation.mean) / standardisation.deviation
    theirs = LogisticRegression(C=1 / (l2 * len(tiles.labels)), tol=1e-6, max_iter=1000)
    with timed("the same by scikit-learn in float64"):
        theirs.fit(standardised, tiles.labels)
    print(f"greatest difference of a score: {np.abs(scores - theirs.predict_proba(standardised)).max():.1e}")


@click.command(help=__doc__)
@click.option("--tiles", type=int, default=200_000, show_default=True)
@click.option("--dimension", type=int, default=1536, show_default=True)
@click.option("--threads", type=int, multiple=True, default=(1, 2), show_default=True)
@click.option("--fit/--no-fit", default=True, help="Fit all strengths with the last number of threads.")
@click.option("--compare", "compared", type=int, default=0, help="Tiles that scikit-learn gets as well.")
def main(tiles: int, dimension: int, threads: tuple[int, ...], fit: bool, compared: int) -> None:
    data = drawn(tiles, dimension)
    print(f"{tiles} tiles of {dimension}: {data.features.nbytes / 1e9:.2f} GB", flush=True)
    present = Coefficients(np.zeros((dimension, CLASSES)), np.zeros(CLASSES))
    for number in threads:
        with workers(number) as pool:
            standardisation = standardisation_of(data.features, pool)
            with timed(f"a pass, {number} threads"):
                _mean_loss(data, standardisation, present, pool)
    if fit:
        with workers(threads[-1]) as pool:
            for l2 in L2:
                with timed(f"l2 {l2:g}"):
                    solution = solve(data, standardisation, l2=l2, start=present, max_iterations=1000, threads=pool)
                present = solution.coefficients
                print(f"  {solution.iterations} iterations, converged: {solution.converged}")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")
    if compared:
        part = LabelledTiles(data.features[:compared], data.labels[:compared], np.full(compared, 1 / compared), {}, {})
        compare(part, 0.001)


if __name__ == "__main__":
    main()
