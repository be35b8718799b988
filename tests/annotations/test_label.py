import json
from dataclasses import replace

import numpy as np
import pytest

from slidemill.annotations.counts import count_labels, read_counts, write_counts
from slidemill.annotations.decide import (
    NO_LABEL,
    AnnotatedTiles,
    DecidedLabels,
    LabelRule,
    StaleLabelsError,
    tile_classes,
)
from slidemill.annotations.export import export_annotations
from slidemill.annotations.label import RegionNames, label_slide, label_tiles, read_classes
from slidemill.annotations.outlines_file import read_outlines
from slidemill.annotations.place import AnnotatedSlide
from slidemill.annotations.reading import read_annotations
from slidemill.annotations.regions import AnnotationError
from slidemill.annotations.store import TileLabels, labels_path, read_labels, write_labels
from slidemill.slides import Bounds
from slidemill.tiling.store import SlideFacts, StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels

from .conftest import asap

CLASSES = ["normal", "tumour", "stroma"]
FACTS = SlideFacts("generic-tiff", SlidePixels(1000), SlidePixels(1000), 0.5, "properties", None)


@pytest.fixture
def store():
    """Four tiles of 100 pixels in a row."""
    corners = np.array([[0, 0], [100, 0], [200, 0], [300, 0]], np.int64)
    summary = StoreSummary("S", "P", "usable", "", (), 4, 100, SlidePixels(100), {}, FACTS, {})
    return TileStore(summary, coordinates=corners)


@pytest.fixture
def annotation(tmp_path):
    """Tumour on the first tile, on 60 of 100 columns of the second, less an exclusion on a part of the first."""
    path = tmp_path / "S.xml"
    tumour, hole = [(0, 0), (160, 0), (160, 100), (0, 100)], [(0, 0), (30, 0), (30, 100), (0, 100)]
    path.write_text(asap(("a", "Polygon", "Tumor", tumour), ("b", "Polygon", "Exclusion", hole)))
    return path


def labelled(store, annotation, **names):
    names = RegionNames(**names)
    return label_tiles(store, read_classes(store, annotation, names), names)


def test_shares_of_a_slide(store, annotation, tmp_path):
    labels = labelled(store, annotation, classes={"tumour": ["Tumor", "_0"]}, without=["Exclusion"])
    np.testing.assert_allclose(labels.coverage[:, 0], [0.7, 0.6, 0, 0], atol=1e-6)
    write_labels(tmp_path / "S.zarr.zip", labels)
    again = read_labels(tmp_path / "S.zarr.zip")
    np.testing.assert_array_equal(again.coverage, labels.coverage)
    assert replace(again, coverage=None, coordinates=None) == replace(labels, coverage=None, coordinates=None)


def test_a_slide_without_annotations_has_tiles_without_classes(store):
    labels = labelled(store, None, classes={"tumour": ["Tumor"]})
    assert labels.coverage.shape == (4, 1)
    assert not labels.coverage.any()
    assert labels.annotation_sha256 == ""


def test_a_region_that_the_config_does_not_name(store, annotation):
    with pytest.raises(AnnotationError, match="regions of 'Exclusion', which the config's 'labels' do not name"):
        labelled(store, annotation, classes={"tumour": ["Tumor"]})
    ignored = labelled(store, annotation, classes={"tumour": ["Tumor"]}, ignore=["Exclusion"])
    np.testing.assert_allclose(ignored.coverage[:, 0], [1, 0.6, 0, 0], atol=1e-6)


def labels_of(*rows, classes=("tumour", "stroma"), exhaustive=True):
    coverage = np.array(rows, np.float32).reshape(-1, len(classes))
    corners = np.zeros((len(rows), 2), np.int64)
    return TileLabels("S", classes, corners, coverage, SlidePixels(1), exhaustive, {}, "", ())


def test_which_share_makes_a_label():
    labels = labels_of([0.5, 0.4], [0.3, 0.6], [0.49, 0.0], [0.0, 0.0], [0.5, 0.5], [0.0, 0.001])
    rule = LabelRule(at_least=0.5, rest="normal")
    assert tile_classes(labels, CLASSES, rule).tolist() == [1, 2, NO_LABEL, 0, 1, NO_LABEL]


def test_what_touches_a_class_a_little_may_count_as_the_rest():
    labels = labels_of([0.05, 0.04], [0.05, 0.06])
    rule = LabelRule(at_least=0.5, rest="normal", rest_at_most=0.1)
    assert tile_classes(labels, CLASSES, rule).tolist() == [0, NO_LABEL]


def test_nothing_is_known_of_the_rest_of_a_slide_that_is_annotated_in_part():
    rule = LabelRule(at_least=0.5, rest="normal")
    assert tile_classes(labels_of([0.9, 0], [0, 0], exhaustive=False), CLASSES, rule).tolist() == [1, NO_LABEL]
    assert tile_classes(labels_of([0.9, 0], [0, 0]), CLASSES, LabelRule(0.5, None)).tolist() == [1, NO_LABEL]


def test_no_tiles():
    assert len(tile_classes(labels_of(), CLASSES, LabelRule(0.5, "normal"))) == 0


CORNERS = np.array([[0, 0], [70_000, 1], [1, 70_000], [300, 0]], np.int64)


@pytest.fixture
def decided(tmp_path):
    """Of four tiles the second and the third are tumour."""
    shares = np.array([[0], [1], [1], [0]], np.float32)
    remarks = ("1 line(s) without an area were passed over", "an outline was mended")
    labels = TileLabels("S", ("tumour",), CORNERS, shares, SlidePixels(100), True, {}, "", remarks)
    write_labels(labels_path(tmp_path, "S"), labels)
    return DecidedLabels(tmp_path, ("normal", "tumour"), LabelRule(0.5, "normal"))


@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [3, 1], [2, 2, 0], []])
def test_labels_of_some_tiles_in_any_order(decided, rows):
    assert decided.of_tiles("S", CORNERS[rows]).tolist() == [[0, 1, 1, 0][row] for row in rows]


def test_labels_of_a_tile_that_was_not_labelled(decided):
    with pytest.raises(StaleLabelsError, match=r"other tiles than those that are used\. Delete it and run again"):
        decided.of_tiles("S", np.array([[0, 0], [70_001, 1]]))


def test_labels_of_the_used_tiles_of_a_store(decided, store, tmp_path):
    tiles = replace(store, coordinates=CORNERS, quality=np.array([0, 1, 2, 1], np.uint8))
    write_store(store_paths(tmp_path / "tiles", "S")[1], tiles)
    annotated = AnnotatedTiles(decided, tmp_path / "tiles", ("pen_marks",))
    assert annotated.of_slide("S", 2).tolist() == [0, 1]
    with pytest.raises(StaleLabelsError, match=r"labels of 2 tiles, and splits\.tsv counts 3"):
        annotated.of_slide("S", 3)


def test_tiles_of_each_class_are_counted(decided, store, tmp_path):
    write_store(
        store_paths(tmp_path / "tiles", "S")[1],
        replace(store, coordinates=CORNERS, quality=np.array([0, 0, 0, 1], np.uint8)),
    )
    without_rest = replace(decided, rule=LabelRule(0.5, None))
    counts = [
        *count_labels([("S", 3)], AnnotatedTiles(decided, tmp_path / "tiles", ("pen_marks",))),
        *count_labels([("S", 4)], AnnotatedTiles(without_rest, tmp_path / "tiles", ())),
    ]
    assert [own.of_class for own in counts] == [{"normal": 1, "tumour": 2}, {"normal": 0, "tumour": 2}]
    assert [own.without for own in counts] == [0, 2]
    write_counts(tmp_path / "tile_labels.tsv", counts[:1], decided.classes)
    assert read_counts(tmp_path / "tile_labels.tsv") == {"S": counts[0]}
    assert len(counts[0].remarks) == 2


def test_coordinates_of_qupath_start_at_the_bounds(store, tmp_path):
    store = replace(store, summary=replace(store.summary, slide=replace(FACTS, bounds=Bounds(100, 0, 800, 900))))
    ring = [[0, 0], [100, 0], [100, 50], [0, 50], [0, 0]]
    square = {"type": "Polygon", "coordinates": [ring]}
    path = tmp_path / "S.geojson"
    path.write_text(
        json.dumps([{"type": "Feature", "geometry": square, "properties": {"classification": {"name": "T"}}}])
    )
    assert labelled(store, path, classes={"tumour": ["T"]}).coverage[:, 0].tolist() == [0, 0.5, 0, 0]


def test_outlines_are_those_of_the_classes_in_the_coordinates_of_qupath(store, annotation, tmp_path):
    store = replace(store, summary=replace(store.summary, slide=replace(FACTS, bounds=Bounds(100, 50, 800, 900))))
    write_store(tmp_path / "store.zarr.zip", store)
    names = RegionNames({"tumour": ["Tumor"], "rare": ["_9"]}, ["Exclusion"])
    outlines = tmp_path / "S.geojson"
    label_slide(
        tmp_path / "store.zarr.zip",
        annotation,
        names,
        exhaustive=True,
        labels=tmp_path / "labels.zarr.zip",
        outlines=outlines,
    )
    [feature] = json.loads(outlines.read_text())["features"]
    assert feature["properties"]["classification"] == {"name": "tumour"}
    assert min(feature["geometry"]["coordinates"][0]) == [-70, -50]
    area = read_outlines(outlines, (100, 50))["tumour"]
    assert area.equals(read_classes(store, annotation, names).areas["tumour"])


def test_regions_are_exported_for_qupath_with_their_names_and_holes(store, annotation, tmp_path):
    bounds = Bounds(100, 50, 800, 900)
    write_store(
        tmp_path / "store.zarr.zip", replace(store, summary=replace(store.summary, slide=replace(FACTS, bounds=bounds)))
    )
    exported = tmp_path / "S.geojson"
    export_annotations(tmp_path / "store.zarr.zip", annotation, exported)
    tumour, exclusion = json.loads(exported.read_text())["features"]
    assert tumour["properties"] == {"objectType": "annotation", "classification": {"name": "Tumor"}}
    assert exclusion["properties"]["classification"] == {"name": "Exclusion"}
    assert min(tumour["geometry"]["coordinates"][0]) == [-100, -50]
    # What was written is read as what it was.
    slide = AnnotatedSlide(1000, 1000, 0.5, (100, 50))
    again, before = (read_annotations(path, slide) for path in (exported, annotation))
    assert [region.name for region in again.regions] == [region.name for region in before.regions]
    assert all(a.area.equals(b.area) for a, b in zip(again.regions, before.regions, strict=True))


def test_the_export_of_a_slide_that_could_not_be_read_is_empty(store, annotation, tmp_path):
    write_store(tmp_path / "store.zarr.zip", replace(store, summary=replace(store.summary, slide=None)))
    export_annotations(tmp_path / "store.zarr.zip", annotation, tmp_path / "S.geojson")
    assert json.loads((tmp_path / "S.geojson").read_text())["features"] == []
