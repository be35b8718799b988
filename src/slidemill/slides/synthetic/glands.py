"""Rings of columnar nuclei around lumina, as in adenocarcinoma."""

import numpy as np
import numpy.typing as npt

from slidemill.slides.synthetic.fields import Field, Points, around, at, ramp, smooth_noise
from slidemill.slides.synthetic.nuclei import Nuclei
from slidemill.slides.synthetic.tissue import Layers, blend, draw_fillings, draw_stroma

_SMALLEST_UM, _LARGEST_UM = 30.0, 75.0  # radius of a gland
_NUCLEAR_DEPTH_UM = 8.5  # of the centre of a nucleus below the gland's outer wall

_Waves = list[tuple[int, float, float]]  # number around the wall, height, phase


def draw_glands(rng: np.random.Generator, shape: tuple[int, int]) -> Layers:
    """Fill a canvas with glands 60 to 150 microns wide in stroma; some touch."""
    centres, radii = _pack_circles(rng, shape)
    fillings = draw_fillings(rng, shape, centres).T
    filling = np.zeros((2, *shape), np.float32)
    depth = np.full(shape, -50.0, np.float32)  # microns inwards from the outer wall of the nearest gland
    rings = []
    for (y, x), radius, fill in zip(centres, radii, fillings, strict=True):
        waves = [(k, rng.uniform(0, 0.32 / k**1.3), rng.uniform(0, 2 * np.pi)) for k in (2, 3, 4, 5)]
        window, dy, dx = around(shape, y, x, int(1.45 * radius))
        inwards = radius * _wall(np.arctan2(dy, dx), waves) - np.sqrt(dy * dy + dx * dx)
        np.copyto(filling[:, *window], fill[:, None, None], where=inwards > depth[window])
        np.maximum(depth[window], inwards, out=depth[window])
        rings.append(_ring(rng, y, x, radius, waves))
    ring = Nuclei.joined(rings).within(shape)
    ring = ring.where(np.abs(at(depth, ring.points) - 9) < 8)  # where glands touch, some are in the other's lumen
    return blend(draw_stroma(rng, shape), _epithelium(rng, depth, filling, ring), ramp(depth, -1, 0.5))


def _epithelium(rng: np.random.Generator, depth: Field, filling: Field, nuclei: Nuclei) -> Layers:
    height, width = depth.shape
    shape = (height, width)
    thickness = 21 + 3 * smooth_noise(rng, shape, 50)
    lumen = ramp(depth - thickness, -1, 1.5)
    mucin = 1 + 0.2 * smooth_noise(rng, shape, 30) + 0.1 * smooth_noise(rng, shape, 8)
    eosin = 0.33 + 0.04 * smooth_noise(rng, shape, 10) + 0.10 * ramp(depth - thickness, -5, -1)
    haematoxylin = 0.12 + 0.02 * smooth_noise(rng, shape, 16)
    eosin += (filling[0] * mucin - eosin) * lumen
    haematoxylin += (filling[1] * mucin - haematoxylin) * lumen
    return Layers(haematoxylin, eosin, nuclei)


def _pack_circles(rng: np.random.Generator, shape: tuple[int, int]) -> tuple[Points, npt.NDArray[np.float64]]:
    """Centres and radii of circles that hardly overlap, the large ones first."""
    tries = int(shape[0] * shape[1] / 600)
    centres = rng.uniform(0, 1, (tries, 2)) * shape
    radii = np.sort(rng.uniform(_SMALLEST_UM, _LARGEST_UM, tries))[::-1]
    placed = np.empty((0, 3))
    for (y, x), radius in zip(centres, radii, strict=True):
        gap = np.hypot(placed[:, 0] - y, placed[:, 1] - x) - placed[:, 2] - radius
        if np.all(gap > -1):
            placed = np.vstack([placed, (y, x, radius)])
    return placed[:, :2], placed[:, 2]


def _ring(rng: np.random.Generator, y: float, x: float, radius: float, waves: _Waves) -> Nuclei:
    angle = np.arange(0, 2 * np.pi, 6.2 / radius)
    angle = angle + rng.normal(0, 0.02, len(angle))
    r = radius * _wall(angle, waves) - _NUCLEAR_DEPTH_UM + rng.normal(0, 1.6, len(angle))
    points = np.stack([y + r * np.sin(angle), x + r * np.cos(angle)], axis=1)
    return Nuclei.of_kind("columnar", points, angle + rng.normal(0, 0.2, len(angle)))


def _wall(angle: Field, waves: _Waves) -> Field:
    """The outer wall's distance from the centre in each direction, as a share of the radius."""
    wall = np.ones_like(angle)
    for k, height, phase in waves:
        wall += height * np.cos(k * angle + phase)
    return wall
