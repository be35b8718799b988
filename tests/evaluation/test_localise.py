import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import shapely

from slidemill.annotations.outlines_file import write_outlines
from slidemill.evaluation.localise import LocalisedSlide, NoLesionsError, Search, localise
from slidemill.inference.store import Predictions, predictions_path, write_predictions
from slidemill.slides import Bounds
from slidemill.tiling.store import SlideFacts, StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels

EXTENT = 400  # of a tile, 100 microns
GRID = np.array([[x, y] for y in range(0, 8000, EXTENT) for x in range(0, 8000, EXTENT)], np.int64)
LESION = shapely.box(800, 800, 2000, 2400)  # 300 x 400 microns
CELLS = shapely.box(6000, 6000, 6200, 6200)
ORIGIN = (100, 300)


@pytest.fixture
def write_slide(tmp_path):
    """Writes a slide with scores of 0.9 in the tiles that are named, else 0.1, and its outlines."""

    def write(slide_id, high, *areas, status="usable"):
        facts = SlideFacts(
            "mirax", SlidePixels(9000), SlidePixels(9000), 0.25, "properties", 40, bounds=Bounds(*ORIGIN, 8000, 8000)
        )
        facts = facts if status == "usable" else None
        summary = StoreSummary(
            slide_id, slide_id, status, "", (), len(GRID), len(GRID), SlidePixels(EXTENT), {}, facts, {}
        )
        write_store(store_paths(tmp_path, slide_id)[1], TileStore(summary, coordinates=GRID))
        tumour = np.full(len(GRID), 0.1, np.float32)
        for x, y in high:
            tumour[([x, y] == GRID).all(axis=1)] = 0.9
        predictions = Predictions(
            slide_id,
            slide_id,
            ("normal", "tumour"),
            GRID,
            np.stack([1 - tumour, tumour], axis=1),
            SlidePixels(EXTENT),
            "",
            "",
        )
        write_predictions(predictions_path(tmp_path / "predictions", slide_id), predictions)
        outlines = tmp_path / f"{slide_id}.geojson"
        write_outlines(outlines, {"tumour": shapely.union_all(areas)}, ORIGIN)
        return LocalisedSlide(slide_id, tmp_path / "predictions", outlines)

    (tmp_path / "predictions").mkdir()
    return write


def found(tmp_path, *slides, **search):
    metrics, table = tmp_path / "froc.json", tmp_path / "detections.tsv"
    localise(slides, tmp_path, Search("tumour", 150, 0.5, **search), seed=1, metrics=metrics, detections=table)
    with table.open() as file:
        return json.loads(metrics.read_text()), list(csv.DictReader(file, delimiter="\t"))


def test_hits_and_false_positives_of_a_cohort(tmp_path, write_slide):
    metrics, rows = found(
        tmp_path,
        write_slide("a", [(1200, 1200), (1200, 1600), (6000, 6000), (6000, 1200)], LESION, CELLS),
        write_slide("b", []),
        write_slide("c", [], LESION),
        write_slide("d", [(0, 0)], status="set_aside"),
    )
    assert [(row["slide_id"], float(row["x"]), float(row["y"]), row["hit"]) for row in rows] == [
        ("a", 1400, 1400, "lesion"),  # of two neighbours with equal scores the first
        ("a", 6200, 1400, "none"),
        ("a", 6200, 6200, "isolated_cells"),
    ]
    assert metrics["counts"] == {
        "slides": 3,
        "slides_annotated_in_part": 0,
        "slides_with_lesions": 2,
        "lesions": 2,
        "isolated_cells": 1,
        "lesions_found": 1,
        "false_positives": 1,
    }
    assert metrics["curve"]["false_positives"] == pytest.approx([0, 1 / 3])
    assert metrics["variants"]["interpolated"]["score"] == pytest.approx((0.25 / (1 / 3) * 0.5 + 5 * 0.5) / 6)
    assert metrics["variants"]["at_least"]["score"] == 0.5
    # The lesion is a box of 300 x 400 microns that has grown by 37.5 on each side: about 375 x 475.
    assert [(one["slide_id"], one["is_isolated_cells"], one["score"]) for one in metrics["lesions"]] == [
        ("a", False, pytest.approx(0.9)),
        ("a", True, None),
        ("c", False, None),
    ]
    assert (metrics["lesions"][0]["x"], metrics["lesions"][0]["y"]) == (1400, 1600)
    assert [(row["from_um"], row["lesions"], row["found"]) for row in metrics["by_size"]] == [
        (275, 0, 0),
        (500, 2, 1),
        (1000, 0, 0),
        (2000, 0, 0),
    ]


def test_any_numbers_of_false_positives(tmp_path, write_slide):
    slides = [write_slide("a", [(1200, 1200), (6000, 1200)], LESION), write_slide("b", [])]
    metrics, _ = found(tmp_path, *slides, targets=(0.5, 3.0))
    assert metrics["targets"] == [0.5, 3]
    assert metrics["variants"]["interpolated"]["sensitivity"] == [1, 1]


def test_a_slide_that_is_annotated_in_part_counts_for_nothing(tmp_path, write_slide):
    whole, other = write_slide("a", [(1200, 1200)], LESION), write_slide("b", [(1200, 1200), (6000, 1200)], LESION)
    metrics, rows = found(tmp_path, whole, replace(other, is_in_part=True))
    assert metrics["counts"]["slides"] == metrics["counts"]["slides_annotated_in_part"] == 1
    assert metrics["counts"]["lesions"] == 1
    assert metrics["counts"]["false_positives"] == 0
    assert [(row["slide_id"], row["hit"]) for row in rows] == [("a", "lesion"), ("b", "lesion"), ("b", "unknown")]


def test_test_slides_without_lesions(tmp_path, write_slide):
    with pytest.raises(NoLesionsError, match="no test slide has an annotated lesion of 'tumour' that counts"):
        found(tmp_path, write_slide("a", [(0, 0)], CELLS), write_slide("b", []))
