"""Each lesion of the test slides, how large it is, and whether it was found."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from slidemill.evaluation.froc import SlideHits
from slidemill.evaluation.lesions import ITC_UM, Lesion

# Between isolated tumour cells and macrometastases of 2 mm and more.
_SIZES_UM = (ITC_UM, 500.0, 1000.0, 2000.0, math.inf)


@dataclass(frozen=True, slots=True)
class FoundLesion:
    """A lesion.

    Attributes:
        slide_id: its slide.
        x, y: of its centroid, level-0 pixels.
        major_axis_um: see `slidemill.evaluation.lesions.Lesion`.
        is_isolated_cells: whether it counts neither way.
        score: the highest of a detection inside it; None if there is none, or it is a group of isolated cells.
    """

    slide_id: str
    x: float
    y: float
    major_axis_um: float
    is_isolated_cells: bool
    score: float | None


def found_lesions(slide_id: str, lesions: Sequence[Lesion], hits: SlideHits) -> list[FoundLesion]:
    """The lesions of a slide.

    Args:
        slide_id: the slide.
        lesions: in order.
        hits: of the detections, with a score for each lesion that counts, in the same order.
    """
    scores = iter(hits.lesion_scores.tolist())
    found = []
    for lesion in lesions:
        score = -math.inf if lesion.is_isolated_cells else next(scores)
        centre = lesion.area.centroid
        found.append(
            FoundLesion(
                slide_id,
                x=round(centre.x, 1),
                y=round(centre.y, 1),
                major_axis_um=round(lesion.major_axis_um, 1),
                is_isolated_cells=lesion.is_isolated_cells,
                score=score if math.isfinite(score) else None,
            )
        )
    return found


def by_size(lesions: Sequence[FoundLesion]) -> list[dict[str, Any]]:
    """How many lesions of each size there are, and how many were found; `to_um` is None for the largest."""
    table = []
    for start, end in pairwise(_SIZES_UM):
        own = [lesion for lesion in lesions if start <= lesion.major_axis_um < end]
        found = sum(lesion.score is not None for lesion in own)
        to_um = end if math.isfinite(end) else None
        table.append({"from_um": start, "to_um": to_um, "lesions": len(own), "found": found})
    return table
