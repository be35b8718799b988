"""Lesions as CAMELYON16 counts them, from outlines.

Source: Ehteshami Bejnordi et al. 2017, JAMA 318:2199, and the organisers' evaluation script of 2016. The script works
on a mask at level 5; here the same rules are applied to the outlines themselves.
"""

from dataclasses import dataclass

import numpy as np
import shapely

MERGE_UM = 75.0  # lesions nearer to each other than this are one
ITC_UM = 275.0  # a lesion whose major axis is shorter is a group of isolated tumour cells

_SMOOTH = 32  # segments of a quarter circle


@dataclass(frozen=True, slots=True)
class Lesion:
    """A lesion of a slide.

    Attributes:
        area: level-0 pixels, grown by half the distance within which lesions are one, holes filled.
        major_axis_um: of the ellipse that has the same second moments as `area`.
    """

    area: shapely.Polygon
    major_axis_um: float

    @property
    def is_isolated_cells(self) -> bool:
        """Whether it is too small to count as a lesion: hits on it count neither way."""
        return self.major_axis_um < ITC_UM


def lesions_of(tumour: shapely.Geometry, mpp: float) -> list[Lesion]:
    """The lesions of a slide, from top to bottom.

    Args:
        tumour: the annotated area, level-0 pixels.
        mpp: microns per level-0 pixel.
    """
    grown = tumour.buffer(MERGE_UM / 2 / mpp, quad_segs=_SMOOTH)
    parts = [shapely.Polygon(part.exterior) for part in shapely.get_parts(grown) if not part.is_empty]
    filled = shapely.get_parts(shapely.union_all(parts)) if parts else []
    lesions = [Lesion(part, major_axis(part) * mpp) for part in filled]
    return sorted(lesions, key=lambda lesion: (lesion.area.bounds[1], lesion.area.bounds[0]))


def major_axis(area: shapely.Polygon) -> float:
    """Length of the major axis of the ellipse with the second moments of a polygon without holes.

    Source: Green's theorem for the moments; the axis is four times the root of the greater one, as for an ellipse.
    """
    x, y = (shapely.get_coordinates(area.exterior) - shapely.get_coordinates(area.centroid)).T
    cross = x[:-1] * y[1:] - x[1:] * y[:-1]
    size = cross.sum() / 2

    def moment(a: np.ndarray, b: np.ndarray) -> float:
        """Mean of the product of two coordinates over the area."""
        products = a[:-1] * b[1:] + 2 * a[:-1] * b[:-1] + 2 * a[1:] * b[1:] + a[1:] * b[:-1]
        return float((products * cross).sum() / 24 / size)

    greater = np.linalg.eigvalsh([[moment(x, x), moment(x, y)], [moment(x, y), moment(y, y)]])[1]
    return float(4 * np.sqrt(max(greater, 0.0)))
