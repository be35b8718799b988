import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from slidemill.annotations.decide import NO_LABEL, DecidedLabels, LabelRule, StaleLabelsError
from slidemill.annotations.store import TileLabels, labels_path, write_labels
from slidemill.evaluation.against_annotations import JudgedTiles, auc_against_annotations
from slidemill.evaluation.aggregate import Aggregation
from slidemill.evaluation.evaluate import EvaluationFiles, FoldFiles, evaluate
from slidemill.evaluation.hard_negatives import find_hard_negatives
from slidemill.evaluation.scored_split import TileTruth
from slidemill.inference.store import Predictions, predictions_path, read_predictions, write_predictions
from slidemill.sampling import read_hard_tiles
from slidemill.splits.table import SplitRow, write_splits
from slidemill.tiling.store import StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels

CLASSES = ("normal", "tumour")
TUMOUR = 1


def tiles(unit, numbers, labels):
    return JudgedTiles(unit, np.array(numbers, float), np.array(labels, np.int64))


def test_tiles_of_a_class_against_all_others_that_have_a_label():
    first = tiles("p1", [0.9, 0.2, 0.6, 0.99], [1, 0, 0, NO_LABEL])
    second = tiles("p2", [0.5, 0.1, 0.3], [1, 1, 0])
    found = auc_against_annotations([first, second, tiles("p3", [0.4], [NO_LABEL])], TUMOUR, "tumour")
    assert (found["tiles"], found["tiles_of_class"], found["slides"]) == (6, 3, 2)
    # Tumour 0.9, 0.5, 0.1 against 0.2, 0.6, 0.3: three pairs are won, then two, then none.
    assert found["auc"]["value"] == pytest.approx(5 / 9)
    # Within the first slide 2 of 2 pairs, within the second 1 of 2.
    assert found["auc_within_slides"]["value"] == pytest.approx(0.75)


def test_numbers_that_compare_within_a_slide_only():
    # Attention adds up to 1: in a slide of few tiles each has more of it.
    small, large = tiles("p1", [0.6, 0.4], [1, 0]), tiles("p2", [0.2, 0.15, 0.15, 0.15], [1, 0, 0, 0])
    found = auc_against_annotations([small, large], TUMOUR, "tumour")
    assert found["auc_within_slides"]["value"] == 1
    assert found["auc"]["value"] == pytest.approx(7 / 8)


@given(
    slides=st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.sampled_from([0, 1, NO_LABEL])), max_size=8), min_size=1, max_size=6
    )
)
def test_it_is_the_area_of_scikit_learn(slides):
    made = [tiles(f"p{n % 3}", *(zip(*slide, strict=True) if slide else ([], []))) for n, slide in enumerate(slides)]
    found = auc_against_annotations(made, TUMOUR, "tumour")
    known = [(number, label) for slide in slides for number, label in slide if label != NO_LABEL]
    if {label for _, label in known} == {0, 1}:
        numbers, labels = zip(*known, strict=True)
        assert found["auc"]["value"] == pytest.approx(roc_auc_score(labels, numbers))
    else:
        assert found["auc"]["value"] is None
        assert found["auc"]["reason"] in ("nothing of class tumour", "nothing of classes other than tumour")


def test_intervals_are_by_patient():
    one = [tiles("p1", [0.9, 0.8, 0.1, 0.3], [1, 0, 0, 1])] * 6
    assert auc_against_annotations(one, TUMOUR, "tumour")["auc"]["interval_95"] is None
    assert auc_against_annotations(one, TUMOUR, "tumour", "site")["auc"]["reason"] == "one site only"
    random = np.random.default_rng(1)
    many = [tiles(f"p{n}", random.random(50), random.integers(2, size=50)) for n in range(8)]
    for name in ("auc", "auc_within_slides"):
        found = auc_against_annotations(many, TUMOUR, "tumour")[name]
        assert found["interval_95"][0] < found["value"] < found["interval_95"][1]
    # Tiles of one patient count as one patient, however many they are.
    copied = [tiles(slide.unit, np.tile(slide.numbers, 4), np.tile(slide.labels, 4)) for slide in many]
    again = auc_against_annotations(copied, TUMOUR, "tumour")["auc"]["interval_95"]
    assert again == pytest.approx(auc_against_annotations(many, TUMOUR, "tumour")["auc"]["interval_95"])


CORNERS = np.array([[0, 0], [64, 0], [128, 0], [192, 0]], np.int64)


@pytest.fixture
def folder(tmp_path):
    """A tumour slide whose first tile is tumour, whose last is ambiguous; and a normal one."""
    rows = []
    for slide_id, label, scores, shares in (
        ("t", "tumour", [0.9, 0.2, 0.7, 0.9], [1.0, 0, 0, 0.2]),
        ("n", "normal", [0.1, 0.3, 0.2, 0.8], [0, 0, 0, 0]),
        ("v", "normal", [0.1, 0.1, 0.2, 0.2], [0, 0, 0, 0]),
    ):
        tumour = np.array(scores, np.float32)
        write_predictions(
            predictions_path(tmp_path, slide_id),
            Predictions(
                slide_id, slide_id, CLASSES, CORNERS, np.stack([1 - tumour, tumour], axis=1), SlidePixels(64), "", "m"
            ),
        )
        summary = StoreSummary(slide_id, slide_id, "usable", "", (), 4, 4, SlidePixels(64), {}, None, {})
        write_store(
            store_paths(tmp_path / "tiles", slide_id)[1],
            TileStore(summary, coordinates=CORNERS, quality=np.zeros(4, np.uint8)),
        )
        coverage = np.array(shares, np.float32)[:, np.newaxis]
        if slide_id != "v":
            labels = TileLabels(slide_id, ("tumour",), CORNERS, coverage, SlidePixels(64), True, {}, "", ())
            write_labels(labels_path(tmp_path / "labels", slide_id), labels)
        rows.append(
            SplitRow(slide_id, slide_id, label, "", "validation" if slide_id == "v" else "test", 4, "usable", "")
        )
    write_splits(tmp_path / "splits.tsv", rows)
    return tmp_path


def evaluated(folder, tiles_as):
    files = EvaluationFiles(
        [FoldFiles(folder / "splits.tsv", folder)],
        folder / "tiles",
        metrics=folder / "metrics.json",
        slides=folder / "slides.tsv",
        top_tiles=folder / "top_tiles.tsv",
    )
    labels = DecidedLabels(folder / "labels", CLASSES, LabelRule(0.5, "normal"))
    evaluate(files, classes=CLASSES, seed=1, aggregation=Aggregation(), truth=TileTruth(labels, tiles_as))
    return json.loads(files.metrics.read_text())


def test_tiles_are_judged_by_annotations(folder):
    metrics = evaluated(folder, "annotations")
    assert metrics["tiles_as"] == "annotations"
    assert metrics["tile"]["count"] == 7  # without the ambiguous one
    assert metrics["tile"]["confusion"] == [[4, 2], [0, 1]]
    assert metrics["tile"]["accuracy"]["value"] == pytest.approx(5 / 7)
    assert metrics["slide"]["count"] == 2
    assert list(metrics["annotations"]) == ["tumour"]
    assert metrics["annotations"]["tumour"]["auc"]["value"] == 1


def test_a_model_of_slides_is_asked_whether_it_finds_what_is_outlined(folder):
    metrics = evaluated(folder, "slide")
    assert metrics["tiles_as"] == "slide"
    assert metrics["tile"]["confusion"] == [[3, 1], [1, 3]]
    assert metrics["annotations"]["tumour"]["tiles"] == 7


def test_labels_of_other_tiles_are_an_error(folder):
    labels = TileLabels("t", ("tumour",), CORNERS[:3], np.zeros((3, 1), np.float32), SlidePixels(64), True, {}, "", ())
    write_labels(labels_path(folder / "labels", "t"), labels)
    with pytest.raises(StaleLabelsError):
        evaluated(folder, "annotations")


def test_hard_negatives_are_tiles_of_the_rest_that_are_taken_for_something_else(folder):
    labels = DecidedLabels(folder / "labels", CLASSES, LabelRule(0.5, "normal"))
    find_hard_negatives(["t", "n"], folder, labels, folder / "hard.tsv")
    assert (folder / "hard.tsv").read_text().splitlines() == [
        "slide_id\tx\ty\tpredicted\tscore",
        "n\t192\t0\ttumour\t0.8",
        "t\t128\t0\ttumour\t0.7",  # not its tumour, nor the tile that is ambiguous
    ]
    listed = read_hard_tiles(folder / "hard.tsv", folder / "tiles")
    assert listed.of_slide("t").tolist() == [2]
    find_hard_negatives(["n"], folder, replace(labels, rule=LabelRule(0.5, "tumour")), folder / "hard.tsv")
    assert len((folder / "hard.tsv").read_text().splitlines()) == 1 + 3


def test_a_slide_that_was_set_aside_has_no_hard_negatives(folder):
    nothing = np.zeros((0, 2))
    write_predictions(
        predictions_path(folder, "n"),
        Predictions("n", "n", CLASSES, nothing.astype(np.int64), nothing, SlidePixels(0), "no tissue", "m"),
    )
    labels = DecidedLabels(folder / "labels", CLASSES, LabelRule(0.5, "normal"))
    find_hard_negatives(["n"], folder, labels, folder / "hard.tsv")
    assert len((folder / "hard.tsv").read_text().splitlines()) == 1


def test_attention_is_judged_by_annotations(folder):
    """Of a model of bags that gives tiles no scores; slides weigh the same, however many tiles share the attention."""
    for slide_id, attention in (("t", [0.3, 0.1, 0.4, 0.2]), ("n", [0.25] * 4), ("v", [0.25] * 4)):
        own = read_predictions(predictions_path(folder, slide_id))
        scores = np.zeros((0, 2), np.float32)
        bag = replace(own, scores=scores, slide_scores=np.array([0.4, 0.6], np.float32), attention=np.array(attention))
        write_predictions(predictions_path(folder, slide_id), bag)
    metrics = evaluated(folder, "slide")
    assert metrics["tile"]["count"] == 0
    # The tumour tile has more of it than one of two normal ones; all tiles of the normal slide have the average, 1.
    found = metrics["annotations"]["tumour"]
    assert found["auc_within_slides"]["value"] == pytest.approx(0.5)
    assert found["auc"]["value"] == pytest.approx(5 / 6)
