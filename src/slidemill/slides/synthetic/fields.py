"""Random fields and points in the plane; one array cell is one micron wide unless a function says otherwise."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import fft, ndimage

Field = npt.NDArray[np.floating[Any]]  # (height, width), float32
Points = npt.NDArray[np.float64]  # (count, 2): y, x in microns
Window = tuple[slice, slice]


def enlarge(values: Field, factor: int) -> Field:
    """Linear interpolation to `factor` times as many cells along both axes; outer cells are repeated at the rim."""
    return _enlarge_rows(_enlarge_rows(values, factor).swapaxes(0, 1), factor).swapaxes(0, 1)


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int], scale_um: int) -> Field:
    """Noise of mean 0 and variance 1 whose bumps are about `scale_um` wide."""
    step = max(1, scale_um // 2)
    coarse_shape = (shape[0] // step + 3, shape[1] // step + 3)
    coarse = ndimage.gaussian_filter(rng.standard_normal(coarse_shape, dtype=np.float32), 1.0, mode="wrap")
    coarse *= np.float32(2.0 * np.sqrt(np.pi))  # the filter divides the deviation by 2 sqrt(pi) sigma
    return enlarge(coarse, step)[step : step + shape[0], step : step + shape[1]]


def repeating_noise(rng: np.random.Generator, side: int, sigma_y: float, sigma_x: float) -> Field:
    """(side, side) noise of mean 0 and variance 1 that continues across its own edges, blurred by the two sigmas."""
    spectrum = fft.rfft2(rng.standard_normal((side, side), dtype=np.float32))
    kept_y = np.exp(-2 * (np.pi * sigma_y * np.fft.fftfreq(side)) ** 2)
    kept_x = np.exp(-2 * (np.pi * sigma_x * np.fft.rfftfreq(side)) ** 2)
    blurred = fft.irfft2(spectrum * (kept_y[:, None] * kept_x).astype(np.float32))
    return ((blurred - blurred.mean()) / blurred.std()).astype(np.float32)


def scatter(rng: np.random.Generator, chance: Field, spacing_um: float) -> Points:
    """Points about `spacing_um` apart, on a jittered hexagonal grid, each kept with the `chance` at its place."""
    height, width = chance.shape
    rows = np.arange(spacing_um / 2, height, spacing_um * 0.866)
    columns = np.arange(spacing_um / 2, width, spacing_um)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    x[1::2] += spacing_um / 2
    points = np.stack([y.ravel(), x.ravel()], axis=1)
    points += rng.uniform(-0.33 * spacing_um, 0.33 * spacing_um, points.shape)
    points = np.clip(points, 0, np.array([height - 1, width - 1]))
    return points[rng.random(len(points)) < at(chance, points)]


def around(shape: tuple[int, int], y: float, x: float, reach_um: int) -> tuple[Window, Field, Field]:
    """The part of an array of `shape` within `reach_um` of a point, and the way from the point to its rows and columns.

    Returns:
        The window, (rows, 1) and (1, columns): a cell's place less the point's, in microns.
    """
    top, left = max(0, int(y) - reach_um), max(0, int(x) - reach_um)
    bottom, right = min(shape[0], int(y) + reach_um + 1), min(shape[1], int(x) + reach_um + 1)
    dy = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(y)
    dx = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(x)
    return (slice(top, bottom), slice(left, right)), dy, dx


def two_nearest(
    points: Points, shape: tuple[int, int], reach_um: int, bias_um: npt.NDArray[np.float64] | None = None
) -> tuple[Field, Field, npt.NDArray[np.intp]]:
    """Distance in microns from every cell to the nearest and to the second nearest point, and which is the nearest.

    Args:
        points: where distances are measured to.
        shape: of the arrays to return.
        reach_um: the longest distance looked at; farther than this from every point, the result is `reach_um`.
        bias_um: taken from the distance to each point, which bends the walls between two of them.
    """
    first = np.full(shape, reach_um, np.float32)
    second = first.copy()
    owner = np.zeros(shape, np.intp)
    for index, (y, x) in enumerate(points):
        window, dy, dx = around(shape, y, x, reach_um)
        near, next_near = first[window], second[window]
        distance = np.sqrt(dy * dy + dx * dx)
        if bias_um is not None:
            distance -= np.float32(bias_um[index])
        np.minimum(next_near, np.maximum(near, distance), out=next_near)
        np.copyto(owner[window], index, where=distance < near)
        np.minimum(near, distance, out=near)
    return first, second, owner


def at(field: Field, points: Points) -> Field:
    """The value of `field` under each point."""
    return field[points[:, 0].astype(int), points[:, 1].astype(int)]


def ramp(values: Field, start: float, end: float) -> Field:
    """0 where `values` is at `start` or before it, 1 at `end` or beyond, linear between; `end` may be below."""
    return np.clip((values - np.float32(start)) / np.float32(end - start), 0, 1)


def _enlarge_rows(values: Field, factor: int) -> Field:
    height, width = values.shape
    padded = np.concatenate([values[:1], values, values[-1:]])
    result = np.empty((height, factor, width), np.float32)
    for phase in range(factor):
        offset = (phase + 0.5) / factor - 0.5
        neighbour = padded[:-2] if offset < 0 else padded[2:]
        np.multiply(neighbour - values, np.float32(abs(offset)), out=result[:, phase])
        result[:, phase] += values
    return result.reshape(height * factor, width)
