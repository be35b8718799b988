"""The report of a run: one HTML file that needs nothing else."""

from pathlib import Path
from typing import Any

import yaml

import slidemill
from slidemill.atomic import write_text
from slidemill.evaluation.slides_table import SlideRow
from slidemill.evaluation.top_tiles import PER_SLIDE, TopTile, read_top_tiles
from slidemill.reporting import charts, result_charts, wording
from slidemill.reporting.cohort_numbers import (
    all_slides,
    class_lines,
    cohort_flow,
    flagged_slides,
    label_lines,
    set_aside_slides,
    site_lines,
)
from slidemill.reporting.costs import rule_costs
from slidemill.reporting.galleries import tile_galleries
from slidemill.reporting.layers import layer_names
from slidemill.reporting.page_templates import page_templates
from slidemill.reporting.palette import class_colour
from slidemill.reporting.pictures import array_uri
from slidemill.reporting.provenance import file_hashes, software_versions, tiling_versions
from slidemill.reporting.slide_pictures import slide_pictures
from slidemill.reporting.sources import Run, RunFiles, read_run
from slidemill.tiling.store import read_store

_THUMBNAIL_SIDE_PX = 180
_PICTURED_REASONS = 60  # slides set aside or flagged that are shown with a picture
_PICTURED_MISTAKES = 24
_COUNTED_SLIDES = 500  # whose tiles of each class are listed
FEW_UNITS = 30  # patients (or sites) below which a headline does not look like a result


def write_report(files: RunFiles, output: Path) -> None:
    """Write report.html, atomically; the same files give the same bytes.

    Args:
        files: of the run.
        output: the page. Pictures and charts stand inside it, and it asks no network for anything.
    Raises:
        ZarrZipError: a tile store is missing or damaged.
    """
    run = read_run(files)
    page = page_templates().get_template("report.html.j2").render(_content(run, files))
    write_text(output, page)


def _content(run: Run, files: RunFiles) -> dict[str, Any]:
    """What the template shows, section by section."""
    return {
        "classes": run.classes,
        "class_place": {name: place for place, name in enumerate(run.classes)},
        "class_colours": [class_colour(place) for place in range(len(run.classes))],
        "metrics": run.metrics,
        "methods": wording.METHOD_NAMES,
        "level_columns": wording.columns_of(wording.LEVEL_COLUMNS, run.metrics["slide"]),
        "fold_columns": wording.columns_of(wording.FOLD_COLUMNS, run.metrics["slide"]),
        "tiles_per_slide": PER_SLIDE,
        **_cohort(run, files),
        **_training(run),
        **_test_slides(run, files),
        **_provenance(run, files),
        "viewer": run.config.get("viewing", {}).get("url"),
    }


def _cohort(run: Run, files: RunFiles) -> dict[str, Any]:
    set_aside, flagged = set_aside_slides(all_slides(run.parts)), flagged_slides(run.summaries)
    pictured = {row.slide_id for row in set_aside[:_PICTURED_REASONS]}
    pictured |= {slide_id for slide_ids in flagged.values() for slide_id in slide_ids[:_PICTURED_REASONS]}
    return {
        "flow": cohort_flow(run.parts),
        "set_aside": set_aside,
        "flagged": flagged,
        "thumbnails": {slide_id: _thumbnail(files.store(slide_id)) for slide_id in sorted(pictured)},
        "part_names": list(run.parts),
        "part_of": {row.slide_id: name for name, rows in run.parts.items() for row in rows},
        "class_lines": class_lines(run.parts, run.classes),
        "site_lines": site_lines(run.parts),
        **_tile_labels(run),
        "grid_count": sum(summary.grid_count for summary in run.summaries.values()),
    }


def _tile_labels(run: Run) -> dict[str, Any]:
    if run.tile_labels is None:
        return {"label_lines": []}
    usable = [row for row in all_slides(run.parts) if row.tile_count]
    return {
        "label_lines": label_lines(run.parts, run.tile_labels, run.classes),
        "labelled_slides": [run.tile_labels[row.slide_id] for row in usable[:_COUNTED_SLIDES]],
        "labelled_count": len(usable),
        "remarked_slides": [own for own in run.tile_labels.values() if own.remarks],
    }


def _training(run: Run) -> dict[str, Any]:
    return {
        "trainings": run.trainings,
        "row_name": charts.progress(max((fold.history for fold in run.trainings), key=len, default=[])).name,
        "is_trained": any(training.plan for training in run.trainings),
        "training_charts": charts.training_charts([fold.history for fold in run.trainings if fold.history]),
    }


def _test_slides(run: Run, files: RunFiles) -> dict[str, Any]:
    scored = [row for row in run.slides if row.is_scored]
    pictures = slide_pictures([files.preview(row.slide_id) for row in scored], panels=1 + len(_layers(run)))
    wrong = sorted((row for row in scored if not row.is_right), key=_certainty, reverse=True)
    return {
        "slides": run.slides,
        "pictures": {row.slide_id: picture for row, picture in zip(scored, pictures, strict=True)},
        "wrong": wrong,
        "worst": wrong[:_PICTURED_MISTAKES],
        "galleries": tile_galleries(_shown_tiles(run, files), run.classes, files),
        "never_chosen": _never_chosen(run),
        "has_attention": _has_attention(run),
        "layers": _layers(run),
        "is_small": run.metrics["intervals"]["units"] < FEW_UNITS,
        "absent_classes": [name for name, slides in run.metrics["counts"]["slides_per_class"].items() if not slides],
        "roc_chart": result_charts.roc_chart(run.metrics),
        "precision_recall_chart": result_charts.precision_recall_chart(run.metrics),
        "froc": run.froc,
        "froc_chart": result_charts.froc_chart(run.froc) if run.froc else None,
        "calibration_chart": result_charts.calibration_chart(run.metrics),
    }


def _shown_tiles(run: Run, files: RunFiles) -> list[TopTile]:
    """The tiles of the galleries.

    Where tiles are judged by annotations, what is least like a class on its slides is mostly what they say is not it.
    """
    tiles = read_top_tiles(files.top_tiles)
    by_region = run.metrics["tiles_as"] == "annotations"
    return [tile for tile in tiles if not (by_region and tile.gallery == "untypical")]


def _layers(run: Run) -> list[str]:
    return layer_names(run.classes, tile_scores=run.metrics["tile"]["count"] > 0, attention=_has_attention(run))


def _has_attention(run: Run) -> bool:
    """Whether the model scores slides by the attention of their tiles."""
    return bool(run.metrics["aggregation"]["method"] == "model")


def _never_chosen(run: Run) -> list[str]:
    """Classes that have the highest score in no tile of the test slides."""
    if not run.metrics["tile"]["count"]:
        return []
    chosen = [sum(column) for column in zip(*run.metrics["tile"]["confusion"], strict=True)]
    return [name for name, tiles in zip(run.classes, chosen, strict=True) if not tiles]


def _certainty(row: SlideRow) -> float:
    return row.score or 0.0


def _provenance(run: Run, files: RunFiles) -> dict[str, Any]:
    return {
        "config_yaml": yaml.safe_dump(run.config, sort_keys=False, allow_unicode=True),
        "slidemill_version": slidemill.__version__,
        "software_versions": software_versions(),
        "tiling_versions": tiling_versions(run.summaries),
        "hashes": file_hashes(run, files),
        "costs": rule_costs(files.benchmarks),
    }


def _thumbnail(store: Path) -> str | None:
    thumbnail = read_store(store).shown_thumbnail
    return array_uri(thumbnail, _THUMBNAIL_SIDE_PX) if thumbnail.size else None
