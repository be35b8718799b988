"""Nuclei: where they are, and their stain on the scan."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from slidemill.slides.synthetic.fields import Points
from slidemill.units import Mpp


class _Form(NamedTuple):
    """Half axes, relative stain, and the share of the stain that only the membrane has."""

    long_um: float
    short_um: float
    stain: float
    rim: float


KINDS = {
    "columnar": _Form(5.2, 2.7, 1.0, 0.22),
    "vesicular": _Form(4.6, 3.6, 1.0, 0.30),
    "small": _Form(3.9, 2.2, 1.0, 0.15),
    "spindle": _Form(6.5, 1.5, 1.0, 0.05),
    "lymphocyte": _Form(2.9, 2.7, 1.1, 0.05),
}
_NAMES = tuple(KINDS)
_ANGLES = 16  # per half turn
_VARIANTS = 3
_STRENGTHS = 5
_WEAKEST, _STRENGTH_STEP = 0.3, 0.15  # optical density
_REACH_UM = 9.0


@dataclass(frozen=True, slots=True)
class Nuclei:
    """Many nuclei.

    Attributes:
        points: (count, 2), y and x of the centres in microns.
        angles: (count,), direction of the long axis in radians, from the x axis towards y.
        kinds: (count,), index into `KINDS`.
    """

    points: Points
    angles: npt.NDArray[np.float64]
    kinds: npt.NDArray[np.int64]

    @classmethod
    def of_kind(cls, name: str, points: Points, angles: npt.NDArray[np.float64]) -> "Nuclei":
        """Nuclei that are all of one kind of `KINDS`."""
        return cls(points, angles, np.full(len(points), _NAMES.index(name)))

    @classmethod
    def joined(cls, groups: "list[Nuclei]") -> "Nuclei":
        """All groups as one, in order."""
        return cls(
            np.concatenate([group.points for group in groups]),
            np.concatenate([group.angles for group in groups]),
            np.concatenate([group.kinds for group in groups]),
        )

    def where(self, kept: npt.NDArray[np.bool_]) -> "Nuclei":
        """The nuclei whose entry in `kept` is true."""
        return Nuclei(self.points[kept], self.angles[kept], self.kinds[kept])

    def within(self, shape: tuple[int, int]) -> "Nuclei":
        """The nuclei whose centres lie on a canvas of `shape`."""
        return self.where(np.all((self.points >= 0) & (self.points < np.array(shape)), axis=1))

    def masses(self) -> npt.NDArray[np.float64]:
        """(count,), relative stain times area in square microns."""
        per_kind = np.array([0.8 * np.pi * form.long_um * form.short_um * form.stain for form in KINDS.values()])
        return per_kind[self.kinds]


def stamp(
    nuclei: Nuclei,
    stain: npt.NDArray[np.float64],
    canvas: tuple[int, int],
    mpp: Mpp,
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    """Draw nuclei at the resolution of the scan.

    Args:
        nuclei: what to draw.
        stain: (count,), optical density of haematoxylin in each nucleus; 0.3 to 0.9 are told apart.
        canvas: height and width of the area in microns.
        mpp: resolution of the scan.
        rng: draws the shapes.

    Returns:
        The area at `mpp`; 100 is an optical density of 1.
    """
    scale = 1.0 / mpp.um_per_px
    reach = round(_REACH_UM * scale)
    sheet = np.zeros((round(canvas[0] * scale) + 2 * reach + 1, round(canvas[1] * scale) + 2 * reach + 1), np.uint8)
    sprites = _sprites(rng, reach, scale)
    angle = np.rint(nuclei.angles / np.pi * _ANGLES).astype(int) % _ANGLES
    variant = rng.integers(0, _VARIANTS, len(nuclei.points))
    strength = np.clip(np.rint((stain - _WEAKEST) / _STRENGTH_STEP), 0, _STRENGTHS - 1).astype(int)
    side = 2 * reach + 1
    # The margin of the sheet turns a centre into the first row and column of its sprite.
    rows, columns = (nuclei.points * scale).astype(int).T
    for top, left, *which in zip(rows, columns, nuclei.kinds, angle, variant, strength, strict=True):
        window = sheet[top : top + side, left : left + side]
        np.maximum(window, sprites[tuple(which)], out=window)
    return sheet[reach : -reach - 1, reach : -reach - 1]


def _sprites(rng: np.random.Generator, reach: int, scale: float) -> npt.NDArray[np.uint8]:
    """(kind, angle, variant, strength, side, side) pictures of single nuclei."""
    steps = np.arange(-reach, reach + 1) / scale
    y, x = np.meshgrid(steps, steps, indexing="ij")
    strengths = _WEAKEST + _STRENGTH_STEP * np.arange(_STRENGTHS)
    bank = np.empty((len(KINDS), _ANGLES, _VARIANTS, _STRENGTHS, *y.shape), np.uint8)
    for kind, form in enumerate(KINDS.values()):
        for turn in range(_ANGLES):
            theta = np.pi * turn / _ANGLES
            along, across = x * np.cos(theta) + y * np.sin(theta), y * np.cos(theta) - x * np.sin(theta)
            for variant in range(_VARIANTS):
                density = _draw_nucleus(rng, form, along, across, size=0.88 + 0.12 * variant)
                bank[kind, turn, variant] = np.minimum(density * strengths[:, None, None] * 100, 255)
    return bank


def _draw_nucleus(
    rng: np.random.Generator,
    form: _Form,
    along: npt.NDArray[np.float64],
    across: npt.NDArray[np.float64],
    size: float,
) -> npt.NDArray[np.float64]:
    """Relative stain of a nucleus with a darker membrane and clumps of chromatin, at places along its two axes."""
    long, short = form.long_um * size, form.short_um * size
    dent, phase = rng.uniform(0.03, 0.12), rng.uniform(0, 2 * np.pi)
    radius = np.hypot(along / long, across / short) * (1 + dent * np.cos(3 * np.arctan2(across, along) + phase))
    body = np.clip((1 - radius) * short / 0.6 + 0.5, 0, 1)
    membrane = np.exp(-(((radius - 0.88) * short / 0.7) ** 2))
    chromatin = np.zeros_like(body)
    for u, v in rng.uniform(-0.7, 0.7, (4, 2)) * (long, short):
        chromatin += np.exp(-((along - u) ** 2 + (across - v) ** 2) / 0.8)
    return body * form.stain * (1 - form.rim + form.rim * membrane + 0.25 * np.minimum(chromatin, 1.0))
