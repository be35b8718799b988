"""What all architectures are made of: layers of stain, and the connective tissue between the structures."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from slidemill.slides.synthetic.fields import Field, Points, at, repeating_noise, scatter, smooth_noise
from slidemill.slides.synthetic.nuclei import Nuclei

_WEAVE_SIDE = 1024  # cells of the repeating weave
_WEAVE_CELLS_PER_UM = 2  # finer than the layers, or fibres that run askew would show steps


@dataclass(frozen=True, slots=True)
class Layers:
    """Stain on the slide, one cell per micron, as optical density.

    Attributes:
        haematoxylin: outside nuclei.
        eosin: everywhere.
        nuclei: drawn over it, at the resolution of the scan.
    """

    haematoxylin: Field
    eosin: Field
    nuclei: Nuclei


def draw_stroma(rng: np.random.Generator, shape: tuple[int, int]) -> Layers:
    """Wavy collagen with pale gaps, spindle cells along the fibres and scattered lymphocytes."""
    weave = repeating_noise(rng, _WEAVE_SIDE, 3.2, 28.0) + 0.5 * repeating_noise(rng, _WEAVE_SIDE, 1.8, 10.0)
    bend_y = _coarse_noise(rng, shape, 260, 55.0) + _coarse_noise(rng, shape, 56, 5.0)
    bend_x = _coarse_noise(rng, shape, 260, 55.0)
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    x = np.arange(shape[1], dtype=np.float32)[None, :]
    turn = rng.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    across = ((y * cos - x * sin + bend_y) * _WEAVE_CELLS_PER_UM).astype(np.int32) & (_WEAVE_SIDE - 1)
    along = ((x * cos + y * sin + bend_x) * _WEAVE_CELLS_PER_UM).astype(np.int32) & (_WEAVE_SIDE - 1)
    fibres = weave.ravel()[across * _WEAVE_SIDE + along]
    eosin = np.float32(0.32) + np.float32(0.10) * fibres
    eosin *= np.clip((fibres + np.float32(1.7)) * np.float32(1.6), 0.12, 1)  # gaps between bundles
    points = scatter(rng, np.full(shape, 0.5, np.float32), 17.0)
    angles = turn - np.arctan(_slope_along_x(bend_y, points)) + rng.normal(0, 0.2, len(points))
    is_round = rng.random(len(points)) < 0.15
    nuclei = Nuclei.joined(
        [
            Nuclei.of_kind("spindle", points[~is_round], angles[~is_round]),
            Nuclei.of_kind("lymphocyte", points[is_round], angles[is_round]),
        ]
    )
    return Layers(np.float32(0.025) + np.float32(0.008) * fibres, eosin, nuclei)


def draw_fillings(rng: np.random.Generator, shape: tuple[int, int], centres: Points) -> npt.NDArray[np.float32]:
    """Eosin and haematoxylin, (2, count), of what fills each gland's lumen, island of cells or air space.

    Neighbours are alike. All architectures draw from this one distribution, so that no palette belongs to one.
    """
    regions = np.stack([at(smooth_noise(rng, shape, 360), centres) for _ in range(2)])
    share = ndtr(0.75 * regions + 0.66 * rng.standard_normal(regions.shape))
    return (np.array([[0.03], [0.0]]) + np.array([[0.30], [0.08]]) * share).astype(np.float32)


def blend(below: Layers, above: Layers, cover: Field) -> Layers:
    """`above` where `cover` is 1, `below` where it is 0; the nuclei of each only where it is the stronger one."""
    return Layers(
        below.haematoxylin + (above.haematoxylin - below.haematoxylin) * cover,
        below.eosin + (above.eosin - below.eosin) * cover,
        Nuclei.joined(
            [
                below.nuclei.where(at(cover, below.nuclei.points) < 0.5),
                above.nuclei.where(at(cover, above.nuclei.points) >= 0.5),
            ]
        ),
    )


def _coarse_noise(rng: np.random.Generator, shape: tuple[int, int], scale_um: int, height_um: float) -> Field:
    return np.float32(height_um) * smooth_noise(rng, shape, scale_um)


def _slope_along_x(field: Field, points: Points) -> Field:
    reach = 4
    row, column = points.astype(int).T
    last = field.shape[1] - 1
    rise = field[row, np.minimum(column + reach, last)] - field[row, np.maximum(column - reach, 0)]
    return rise / np.float32(2 * reach)
