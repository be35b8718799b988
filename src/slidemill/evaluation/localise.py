"""Lesions that the scores of tiles find: detections, FROC, and the AUC of tiles against their labels."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import shapely

from slidemill.annotations.outlines_file import read_outlines
from slidemill.annotations.place import viewer_origin
from slidemill.atomic import write_text
from slidemill.errors import SlidemillError
from slidemill.evaluation.detections import Detections, detect
from slidemill.evaluation.found_lesions import FoundLesion, by_size, found_lesions
from slidemill.evaluation.froc import TARGETS, VARIANTS, SlideHits, froc, hits_of, score_interval, sensitivity_at
from slidemill.evaluation.lesions import Lesion, lesions_of
from slidemill.evaluation.sources import load_predictions
from slidemill.tiling.store import SlideFacts, read_summary, store_paths

FORMAT = "slidemill froc 2"
_COLUMNS = ("slide_id", "x", "y", "score", "hit")


class NoLesionsError(SlidemillError):
    """Test slides without a lesion to be found."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return (
            f"no test slide has an annotated lesion of '{self.name}' that counts (of 200 microns or more). Annotate "
            "more test slides, or set localisation.class to null."
        )


@dataclass(frozen=True, slots=True)
class LocalisedSlide:
    """The files of a test slide.

    Attributes:
        slide_id: the slide.
        predictions: folder of its predictions.
        outlines: of its classes.
        is_in_part: whether not all of its lesions are annotated. Such a slide is left out: nobody knows how many
            lesions it has, and a detection outside those that are known may be right.
    """

    slide_id: str
    predictions: Path
    outlines: Path
    is_in_part: bool = False


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, and how.

    Attributes:
        name: the class whose regions are lesions.
        radius_um: detections nearer to each other than this are one.
        least: lowest score of a detection.
        targets: numbers of false positives a slide, ascending, at which sensitivity is told.
    """

    name: str
    radius_um: float
    least: float
    targets: tuple[float, ...] = TARGETS


def localise(
    slides: Sequence[LocalisedSlide], tiles: Path, search: Search, *, seed: int, metrics: Path, detections: Path
) -> None:
    """Compare the peaks of tile scores with annotated lesions.

    Args:
        slides: the test slides, with those that have no lesion.
        tiles: folder of their tile stores.
        search: what is looked for.
        seed: of the interval.
        metrics: froc.json, written.
        detections: detections.tsv, written.
    Raises:
        NoLesionsError: there is no lesion to be found.
        ZarrZipError: predictions or a tile store are missing or damaged.
    """
    hits: list[SlideHits] = []
    lesions: list[FoundLesion] = []
    rows, left_out = [], 0
    for slide in slides:
        facts = read_summary(store_paths(tiles, slide.slide_id)[1]).slide
        if facts is None:  # set aside: nothing was looked at
            continue
        own = _lesions(slide, facts, search.name)
        found = _detections(slide, facts, search)
        rows += _rows(slide, found, own)
        if slide.is_in_part:
            left_out += 1
        else:
            hits.append(hits_of(own, found.places, found.scores))
            lesions += found_lesions(slide.slide_id, own, hits[-1])
    if not any(len(slide.lesion_scores) for slide in hits):
        raise NoLesionsError(search.name)
    write_text(detections, _table(rows))
    write_text(metrics, json.dumps(_metrics(hits, lesions, search, seed, left_out), indent=1, allow_nan=False) + "\n")


def _lesions(slide: LocalisedSlide, facts: SlideFacts, name: str) -> list[Lesion]:
    areas = read_outlines(slide.outlines, viewer_origin(facts))
    return lesions_of(areas[name], facts.mpp) if name in areas else []


def _detections(slide: LocalisedSlide, facts: SlideFacts, search: Search) -> Detections:
    predictions = load_predictions(slide.predictions, slide.slide_id)
    return detect(
        predictions.coordinates,
        predictions.scores[:, predictions.classes.index(search.name)],
        extent=int(predictions.tile_extent),
        radius=search.radius_um / facts.mpp,
        least=search.least,
    )


def _rows(slide: LocalisedSlide, found: Detections, lesions: Sequence[Lesion]) -> list[tuple[str, str, str, str, str]]:
    rows = []
    for (x, y), score in zip(found.places.tolist(), found.scores.tolist(), strict=True):
        hit = next((lesion for lesion in lesions if shapely.contains_xy(lesion.area, x, y)), None)
        nothing = "unknown" if slide.is_in_part else "none"
        kind = nothing if hit is None else "isolated_cells" if hit.is_isolated_cells else "lesion"
        rows.append((slide.slide_id, f"{x:g}", f"{y:g}", f"{score:.6g}", kind))
    return rows


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows(rows)
    return text.getvalue()


def _metrics(
    hits: Sequence[SlideHits], lesions: Sequence[FoundLesion], search: Search, seed: int, left_out: int
) -> Mapping[str, Any]:
    curve = froc(hits)
    counted = [lesion for lesion in lesions if not lesion.is_isolated_cells]
    return {
        "format": FORMAT,
        "class": search.name,
        "radius_um": search.radius_um,
        "least_score": search.least,
        "counts": {
            "slides": len(hits),
            "slides_annotated_in_part": left_out,
            "slides_with_lesions": sum(bool(len(slide.lesion_scores)) for slide in hits),
            "lesions": len(counted),
            "isolated_cells": len(lesions) - len(counted),
            "lesions_found": sum(lesion.score is not None for lesion in counted),
            "false_positives": int(sum(len(slide.false_scores) for slide in hits)),
        },
        "lesions": [asdict(lesion) for lesion in lesions],
        "by_size": by_size(counted),
        "targets": list(search.targets),
        "variants": {
            variant: {
                "sensitivity": sensitivity_at(curve, search.targets, variant).tolist(),
                "score": float(sensitivity_at(curve, search.targets, variant).mean()),
                "interval_95": score_interval(hits, targets=search.targets, variant=variant, seed=seed),
            }
            for variant in VARIANTS
        },
        "curve": {
            "false_positives": curve.false_positives.tolist(),
            "sensitivity": curve.sensitivity.tolist(),
            "threshold": [None, *curve.threshold[1:].tolist()],
        },
    }
