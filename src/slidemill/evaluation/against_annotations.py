"""Numbers of tiles, such as their scores or the attention that they got, against what annotations say of the tiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from slidemill.annotations.decide import NO_LABEL
from slidemill.evaluation.intervals import area_interval, effective_units
from slidemill.evaluation.jackknife import Jackknife, jackknife_auc, jackknife_mean
from slidemill.evaluation.metrics import class_auc, estimate
from slidemill.evaluation.samples import Samples


@dataclass(frozen=True, slots=True)
class JudgedTiles:
    """The tiles of a slide, each with a number and with what annotations say of it.

    Attributes:
        unit: name of the slide's patient, or of its site where intervals are by site.
        numbers: (tiles,) float, such as the scores of a class, or attention; greater ones speak for the class.
        labels: (tiles,) int64, the place of each tile's class, or NO_LABEL: the tile is not counted.
    """

    unit: str
    numbers: np.ndarray
    labels: np.ndarray


def auc_against_annotations(
    slides: Sequence[JudgedTiles], place: int, name: str, unit_name: str = "patient"
) -> dict[str, Any]:
    """How well numbers rank the tiles of a class above all other tiles that have a label.

    Over all tiles together, and within each slide that has tiles of both kinds, as a mean over those slides: numbers
    that are only comparable within a slide, such as attention that adds up to 1, are judged by the second.

    Args:
        slides: the test slides.
        place: of the class, in the labels.
        name: of the class.
        unit_name: what a unit is, "patient" or "site".
    Returns:
        `tiles` that have a label, `tiles_of_class` among them, `auc` (an estimate, with an interval by unit), `slides`
        with both kinds of tiles, and `auc_within_slides` (an estimate).
    """
    counted = [_counted(slide) for slide in slides]
    counted = [slide for slide in counted if len(slide.labels)]
    names = sorted({slide.unit for slide in counted})
    unit = np.array([names.index(slide.unit) for slide in counted], np.int64)
    samples = _samples(counted, unit, place, name, unit_name)
    both = np.array([0 < np.count_nonzero(slide.labels == place) < len(slide.labels) for slide in counted], np.bool_)
    within = [
        _auc(slide.numbers, slide.labels == place) for slide, is_mixed in zip(counted, both, strict=True) if is_mixed
    ]
    return {
        "tiles": len(samples),
        "tiles_of_class": int(np.count_nonzero(samples.is_true(0))),
        "auc": class_auc(samples, 0),
        "slides": len(within),
        "auc_within_slides": _mean_over_slides(np.array(within), unit[both], name, unit_name),
    }


def _counted(slide: JudgedTiles) -> JudgedTiles:
    known = slide.labels != NO_LABEL
    return JudgedTiles(slide.unit, slide.numbers[known], slide.labels[known])


def _samples(slides: Sequence[JudgedTiles], unit: np.ndarray, place: int, name: str, unit_name: str) -> Samples:
    """Tiles of the class (0) and all others (1), with the numbers as the scores of the class."""
    labels = np.concatenate([np.zeros(0, np.int64), *(slide.labels for slide in slides)])
    numbers = np.concatenate([np.zeros(0), *(slide.numbers for slide in slides)])
    return Samples(
        (name,),
        unit=np.repeat(unit, [len(slide.labels) for slide in slides]),
        true=(labels != place).astype(np.int64),
        predicted=np.zeros(len(labels), np.int64),
        scores=numbers[:, np.newaxis],
        unit_name=unit_name,
    )


def _auc(numbers: np.ndarray, is_positive: np.ndarray) -> float:
    return jackknife_auc(is_positive, numbers, np.zeros(len(numbers), np.int64), 1).value


def _mean_over_slides(aucs: np.ndarray, unit: np.ndarray, name: str, unit_name: str) -> dict[str, Any]:
    numbers = np.unique(unit, return_inverse=True)[1].reshape(-1)
    units = 1 + numbers.max(initial=-1)
    found = jackknife_mean(aucs, numbers, units) if units else Jackknife(np.nan, np.zeros(0))
    interval = partial(area_interval, unanimous=effective_units(numbers))
    return estimate(unit_name, found, interval, "" if units else f"no slide with tiles of {name} and others")
