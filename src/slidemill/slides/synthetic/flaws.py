"""What should not be on a slide: dust, marker ink and a file that ends too early."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from slidemill.slides.synthetic.aperio import TILE_PX
from slidemill.slides.synthetic.fields import Field, around, enlarge, ramp, smooth_noise
from slidemill.units import Mpp

_KEPT_SHARE = 0.6
# Optical density of red, green and blue where the ink is thick.
_INKS = {"blue": (1.10, 0.65, 0.12), "green": (0.95, 0.25, 0.70), "black": (0.95, 0.95, 0.90)}


@dataclass(frozen=True, slots=True)
class Ink:
    """Marker strokes on the cover glass.

    Attributes:
        density: thickness of the ink, 0 to about 1, one cell per micron, with a margin of one cell on each side.
        colour: (3,), optical density where the thickness is 1.
    """

    density: Field
    colour: npt.NDArray[np.float32]

    def cover(self, light: npt.NDArray[np.uint8], mpp: Mpp, row: int, column: int) -> None:
        """Lay the ink over one tile, in place."""
        factor = round(1 / mpp.um_per_px)
        side = TILE_PX // factor
        block = self.density[row * side : (row + 1) * side + 2, column * side : (column + 1) * side + 2]
        if not block.any():
            return
        density = enlarge(block, factor)[factor:-factor, factor:-factor, None]
        light[..., :3] = light[..., :3] * np.power(np.float32(10), -density * self.colour)


def draw_ink(rng: np.random.Generator, area: tuple[int, int], canvas: tuple[int, int]) -> Ink:
    """One to three strokes of a marker, 100 to 250 microns wide, from the rim of the slide into the tissue."""
    distance = np.full(canvas, 1e6, np.float32)
    width = rng.uniform(100, 250)
    for _ in range(rng.integers(1, 3)):
        _add_stroke(rng, distance, area, width)
    streaks = 0.04 * smooth_noise(rng, canvas, 10) + 0.12 * smooth_noise(rng, canvas, 130)
    edge = distance + 4 * smooth_noise(rng, canvas, 70) + 1.5 * smooth_noise(rng, canvas, 12)
    rim = 0.25 * np.exp(-(((edge + 8) / np.float32(8)) ** 2))  # ink gathers where the stroke ends
    density = ramp(edge, 3, -3) * np.clip(0.75 + streaks + rim, 0.25, 1.3)
    name = ("blue", "green", "black")[rng.integers(3)]
    return Ink(np.pad(density, 1, mode="edge"), np.array(_INKS[name], np.float32))


def draw_dust(rng: np.random.Generator, area: tuple[int, int], canvas: tuple[int, int]) -> tuple[Field, Field]:
    """Specks of dust on the glass, as (haematoxylin, eosin)."""
    eosin = np.zeros(canvas, np.float32)
    haematoxylin = np.zeros(canvas, np.float32)
    for _ in range(rng.poisson(9 * area[0] * area[1] / 1e6) + 1):
        y, x = rng.uniform(12, area[0] - 12), rng.uniform(12, area[1] - 12)
        radius = rng.uniform(1.0, 5.0)
        window, dy, dx = around(canvas, y, x, 10)
        r = np.hypot(dy, dx) * (1 + 0.3 * np.cos(2 * np.arctan2(dy, dx) + rng.uniform(0, 6)))
        speck = np.clip(radius - r + 0.5, 0, 1).astype(np.float32)
        haematoxylin[window] += speck * np.float32(rng.uniform(0.1, 0.6))
        eosin[window] += speck * np.float32(rng.uniform(0.0, 0.3))
    return haematoxylin, eosin


def draw_shadow(rng: np.random.Generator, canvas: tuple[int, int]) -> Field:
    """What a dirty cover glass adds to haematoxylin: patches that are too faint to pass for tissue."""
    return np.float32(0.014) * ramp(smooth_noise(rng, canvas, 400), 0.3, 2.0)


def truncate(path: Path) -> None:
    """Cut a file to 60% of its bytes, as an interrupted download leaves it."""
    os.truncate(path, int(path.stat().st_size * _KEPT_SHARE))


def _add_stroke(rng: np.random.Generator, distance: Field, area: tuple[int, int], width_um: float) -> None:
    """Lower `distance` to the microns outside of a curved stroke; negative inside."""
    start = np.array([rng.choice([0.04, 0.96]) * area[0], rng.uniform(0.1, 0.9) * area[1]])
    end = np.array([rng.uniform(0.25, 0.75) * area[0], rng.choice([0.05, 0.95]) * area[1]])
    middle = np.array([rng.uniform(0.3, 0.7) * area[0], rng.uniform(0.3, 0.7) * area[1]])
    for t in np.linspace(0, 1, 60):
        y, x = (1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end
        window, dy, dx = around((distance.shape[0], distance.shape[1]), y, x, int(width_um / 2 + 20))
        np.minimum(
            distance[window], np.sqrt(dy * dy + dx * dx) - width_um / 2, out=distance[window], casting="same_kind"
        )
