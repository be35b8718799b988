"""Free-response ROC: which lesions are found, at how many false positives a slide.

Source: the evaluation of CAMELYON16, in two variants that differ in how sensitivities are read off the curve.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import shapely

from slidemill.evaluation.lesions import Lesion
from slidemill.seeds import generator

TARGETS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

# "interpolated": linear between the points of the curve, as the organisers' script of 2016. "at_least": the sensitivity
# of the first point with at least so many false positives, as its later rewrite.
Variant = Literal["interpolated", "at_least"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)


@dataclass(frozen=True, slots=True)
class SlideHits:
    """What the detections of a slide hit.

    Attributes:
        lesion_scores: (lesions that count,) the highest score of a detection inside each; -inf for one that is missed.
        false_scores: scores of the detections outside every lesion.
    """

    lesion_scores: np.ndarray
    false_scores: np.ndarray


@dataclass(frozen=True, slots=True)
class Curve:
    """An FROC curve, from the highest threshold to the lowest.

    Attributes:
        threshold: (points,) a detection counts when its score is at least this.
        false_positives: (points,) mean number a slide, over all slides.
        sensitivity: (points,) share of the lesions that are found.
    """

    threshold: np.ndarray
    false_positives: np.ndarray
    sensitivity: np.ndarray


def hits_of(lesions: Sequence[Lesion], places: np.ndarray, scores: np.ndarray) -> SlideHits:
    """Compare the detections of a slide with its lesions.

    A detection outside every lesion is a false positive. Of those inside one the highest score counts and the others do
    not. Groups of isolated tumour cells are no lesions to be found, and detections on them are no false positives.

    Args:
        lesions: of the slide.
        places: (detections, 2), x and y, level-0 pixels.
        scores: (detections,).
    """
    inside = np.zeros(len(scores), np.bool_)
    found = []
    for lesion in lesions:
        own = shapely.contains_xy(lesion.area, *places.T) if len(places) else inside
        inside |= own
        if not lesion.is_isolated_cells:
            found.append(scores[own].max(initial=-np.inf))
    return SlideHits(np.array(found, np.float64), np.asarray(scores[~inside], np.float64))


def froc(slides: Sequence[SlideHits]) -> Curve:
    """The curve over all slides, those without lesions among them.

    Raises:
        ValueError: there is no slide, or no lesion to be found.
    """
    lesions = np.concatenate([slide.lesion_scores for slide in slides]) if slides else np.zeros(0)
    if not len(lesions):
        raise ValueError("no slide has a lesion to be found")
    false = np.concatenate([slide.false_scores for slide in slides])
    threshold = np.unique(np.concatenate([lesions[np.isfinite(lesions)], false]))[::-1]
    false_positives = len(false) - np.searchsorted(np.sort(false), threshold)
    found = len(lesions) - np.searchsorted(np.sort(lesions), threshold)
    start = np.zeros(1)
    return Curve(
        np.concatenate([[np.inf], threshold]),
        np.concatenate([start, false_positives / len(slides)]),
        np.concatenate([start, found / len(lesions)]),
    )


def sensitivity_at(curve: Curve, targets: Sequence[float], variant: Variant) -> np.ndarray:
    """Sensitivity at numbers of false positives a slide: (targets,)."""
    false, sensitivity = curve.false_positives, curve.sensitivity
    if variant == "interpolated":
        # Of the points with equally many false positives the highest is on the curve.
        last = np.append(np.diff(false) > 0, True)
        return np.asarray(np.interp(targets, false[last], sensitivity[last]))
    first = np.searchsorted(false, targets)
    return np.asarray(sensitivity[np.minimum(first, len(sensitivity) - 1)])


def score_of(
    slides: Sequence[SlideHits], targets: Sequence[float] = TARGETS, variant: Variant = "interpolated"
) -> float:
    """The mean sensitivity at the targets, by which CAMELYON16 ranked."""
    return float(sensitivity_at(froc(slides), targets, variant).mean())


def score_interval(
    slides: Sequence[SlideHits],
    *,
    targets: Sequence[float] = TARGETS,
    variant: Variant = "interpolated",
    draws: int = 1000,
    seed: int,
) -> tuple[float, float] | None:
    """A 95% interval of the score from draws of slides with replacement (percentiles).

    Slides with and without lesions are drawn apart, so that each draw has both; None with fewer than two slides of
    either kind, or no slide without lesions at all and fewer than two with; and where all draws agree, as when all
    lesions are found before any false positive, which says nothing of other slides.
    """
    kinds = [[s for s in slides if len(s.lesion_scores)], [s for s in slides if not len(s.lesion_scores)]]
    if len(kinds[0]) < 2 or len(kinds[1]) == 1:
        return None
    random = generator(seed, "froc")
    scores = []
    for _ in range(draws):
        drawn = [kind[place] for kind in kinds if kind for place in random.integers(len(kind), size=len(kind))]
        scores.append(score_of(drawn, targets, variant))
    lower, upper = np.percentile(scores, [2.5, 97.5])
    return (float(lower), float(upper)) if lower < upper else None
