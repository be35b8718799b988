"""Solid islands of polygonal cells with whorls of keratin, as in squamous carcinoma."""

import numpy as np

from slidemill.slides.synthetic.fields import Field, around, ramp, scatter, smooth_noise, two_nearest
from slidemill.slides.synthetic.nuclei import Nuclei
from slidemill.slides.synthetic.tissue import Layers, blend, draw_fillings, draw_stroma

_ISLAND_UM, _CELL_UM, _PEARL_UM = 190.0, 16.5, 95.0  # from one to the next
_KERATIN_RING_UM = 6.5


def draw_nests(rng: np.random.Generator, shape: tuple[int, int]) -> Layers:
    """Fill a canvas with islands, dark at their rim, that clefts and bands of stroma part."""
    everywhere = np.ones(shape, np.float32)
    islands = scatter(rng, everywhere, _ISLAND_UM)
    first, second, owner = two_nearest(islands, shape, 190, rng.uniform(0, 35, len(islands)))
    depth = (second - first) / 2 - 11 + 4 * smooth_noise(rng, shape, 40)  # microns inwards from the island's rim
    eosin, haematoxylin = draw_fillings(rng, shape, islands)[:, owner]
    epithelium = _with_pearls(rng, _cells(rng, eosin, haematoxylin, ramp(depth, 22, 2)), depth)
    cleft = np.exp(-(((depth + 1) / np.float32(2.5)) ** 2)) * ramp(smooth_noise(rng, shape, 90), -0.2, 0.5)
    whole = blend(draw_stroma(rng, shape), epithelium, ramp(depth, -1, 1))
    return Layers(whole.haematoxylin * (1 - cleft), whole.eosin * (1 - 0.9 * cleft), whole.nuclei)


def _cells(rng: np.random.Generator, eosin: Field, haematoxylin: Field, basal: Field) -> Layers:
    """A sheet of cells with pale borders, darker where `basal` is 1, one vesicular nucleus in each."""
    height, width = eosin.shape
    centres = scatter(rng, np.ones((height, width), np.float32), _CELL_UM)
    near, next_near, _ = two_nearest(centres, (height, width), 17)
    border = np.exp(-(((next_near - near) / np.float32(1.6)) ** 2))
    granules = 0.03 * smooth_noise(rng, (height, width), 12)
    return Layers(
        (haematoxylin + 0.08 * basal) * (1 - 0.8 * border),
        (eosin + 0.08 * basal + granules) * (1 - 0.6 * border),
        Nuclei.of_kind("vesicular", centres, rng.uniform(0, np.pi, len(centres))),
    )


def _with_pearls(rng: np.random.Generator, sheet: Layers, depth: Field) -> Layers:
    """Put whorls of keratin with flat nuclei around them into the middle of the islands."""
    height, width = depth.shape
    nuclei, rims = sheet.nuclei, []
    for y, x in scatter(rng, ramp(depth, 28, 40), _PEARL_UM):
        radius = min(rng.uniform(22, 48), float(depth[int(y), int(x)]) - 4)
        _draw_whorl(rng, sheet, y, x, radius)
        nuclei = nuclei.where(np.hypot(*(nuclei.points - (y, x)).T) > radius + 6)
        rims.append(_flat_nuclei(rng, y, x, radius + 4))
    return Layers(sheet.haematoxylin, sheet.eosin, Nuclei.joined([*rims, nuclei]).within((height, width)))


def _draw_whorl(rng: np.random.Generator, sheet: Layers, y: float, x: float, radius: float) -> None:
    height, width = sheet.eosin.shape
    window, dy, dx = around((height, width), y, x, int(1.4 * radius) + 2)
    turn, phase = rng.uniform(0, 2 * np.pi, 2)
    angle = np.arctan2(dy, dx)
    r = np.sqrt(dy * dy + dx * dx) * (1 + 0.13 * np.cos(2 * angle + turn) + 0.05 * np.cos(5 * angle + phase))
    wobble = (1.4 * np.cos(2 * angle + phase) + 0.7 * np.cos(4 * angle + r / 9 + turn)) * ramp(r, 0, 18)
    rings = np.sin(r * (2 * np.pi / _KERATIN_RING_UM) + wobble)
    splits = ramp(rings + 0.5 * np.cos(2 * angle + phase), -0.85, -1.2)
    inside = ramp(r, radius + 2, radius - 2)
    keratin = (0.50 + 0.16 * rings) * (1 - 0.85 * splits)
    for field, value in ((sheet.eosin, keratin), (sheet.haematoxylin, 0.10 + 0.06 * rings)):
        field[window] += (value - field[window]) * inside


def _flat_nuclei(rng: np.random.Generator, y: float, x: float, radius: float) -> Nuclei:
    angle = np.arange(0, 2 * np.pi, 11.0 / radius)
    angle = angle + rng.normal(0, 0.1, len(angle))
    r = radius + rng.normal(0, 2.0, len(angle))
    points = np.stack([y + r * np.sin(angle), x + r * np.cos(angle)], axis=1)
    return Nuclei.of_kind("spindle", points, angle + np.pi / 2)
