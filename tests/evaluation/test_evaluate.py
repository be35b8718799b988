import csv
import json

import pytest

from slidemill.evaluation.aggregate import Aggregation, PredictionsError
from slidemill.evaluation.evaluate import EvaluationFiles, FoldFiles, evaluate
from slidemill.evaluation.score import NoSlidesError, score_slides
from slidemill.evaluation.slides_table import read_slides
from slidemill.evaluation.top_tiles import read_top_tiles
from slidemill.inference.store import predictions_path, write_predictions
from slidemill.splits.table import SplitRow, write_splits
from slidemill.tiling.store import SlideFacts, StoreSummary, TileStore, store_paths, write_store
from slidemill.zarr_zip import ZarrZipError

CLASSES = ("LUAD", "LUSC", "Normal")
BY_MEAN = Aggregation()
SLIDES = {  # slide: patient, label, split, tile scores, reason
    "s1": ("p1", "LUAD", "test", [[0.75, 0.25, 0], [0.5, 0.25, 0.25]], ""),
    "s2": ("p1", "LUSC", "test", [[0.5, 0.25, 0.25]], ""),
    "s3": ("p2", "Normal", "test", [], "no tissue"),
    "s4": ("p3", "LUSC", "test", [[0, 1, 0]], ""),
    "s5": ("p4", "LUSC", "train", [[0, 1, 0]], ""),
    "s6": ("p5", "LUSC", "validation", [[0.25, 0.75, 0]], ""),
    "s7": ("p6", "LUAD", "validation", [[0.75, 0.25, 0]], ""),
}


@pytest.fixture
def folder(tmp_path, predictions_of):
    rows = []
    for slide_id, (patient, label, split, scores, reason) in SLIDES.items():
        predictions = predictions_of(scores, slide_id=slide_id, patient_id=patient, reason=reason)
        write_predictions(predictions_path(tmp_path, slide_id), predictions)
        status = "set_aside" if reason else "usable"
        write_store(store_paths(tmp_path / "tiles", slide_id)[1], store_of(slide_id, patient, status, reason))
        rows.append(SplitRow(slide_id, patient, label, "site", split, len(scores), status, reason))
    write_splits(tmp_path / "splits.tsv", rows)
    return tmp_path


def store_of(slide_id, patient, status, reason):
    facts = SlideFacts("aperio", 1024, 1024, 0.5, "properties", 20.0)
    return TileStore(
        StoreSummary(slide_id, patient, status, reason, (), 0, 4, 512, {}, None if reason else facts, versions={})
    )


def _evaluate(folder, *, classes=CLASSES, aggregation=BY_MEAN, **options):
    out = folder / "out"
    files = EvaluationFiles(
        folds=[FoldFiles(folder / "splits.tsv", folder)],
        tiles=folder / "tiles",
        metrics=out / "metrics.json",
        slides=out / "slides.tsv",
        top_tiles=out / "top_tiles.tsv",
    )
    evaluate(files, classes=classes, seed=1, aggregation=aggregation, **options)
    return json.loads(files.metrics.read_text()), read_slides(files.slides)


def test_only_test_slides_are_evaluated_and_none_of_them_vanishes(folder):
    metrics, slides = _evaluate(folder)
    assert [row.slide_id for row in slides] == ["s1", "s2", "s3", "s4"]
    assert metrics["counts"] == {
        "slides": 4,
        "slides_scored": 3,
        "slides_set_aside": 1,
        "patients": 3,
        "patients_scored": 2,
        "tiles": 4,
        "slides_per_class": {"LUAD": 1, "LUSC": 2, "Normal": 0},
    }
    assert metrics["slide"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert metrics["slide"]["auc"]["macro"]["value"] is None
    assert metrics["model_sha256"] == "m"
    assert metrics["cross_validation"] is None


def test_a_row_of_the_table(folder):
    _, slides = _evaluate(folder)
    assert (slides[0].predicted, slides[0].label, slides[0].site) == ("LUAD", "LUAD", "site")
    assert set(slides[0].predicted_by.values()) == {"LUAD"}
    assert slides[0].scores == {"LUAD": 0.625, "LUSC": 0.25, "Normal": 0.125}
    assert slides[0].score == 0.625
    assert [row.is_right for row in slides] == [True, False, False, True]


def test_a_slide_set_aside_has_empty_scores_and_its_reason(folder):
    _evaluate(folder)
    with (folder / "out" / "slides.tsv").open() as file:
        row = list(csv.DictReader(file, delimiter="\t"))[2]
    assert (row["status"], row["reason"], row["tile_count"]) == ("set_aside", "no tissue", "0")
    assert {row[name] for name in ("score", "score_LUAD", "predicted", "predicted_majority", "majority_fraction")} == {
        ""
    }


def test_levels_points_and_subgroups(folder):
    metrics, _ = _evaluate(folder)
    assert [metrics[level]["count"] for level in ("tile", "slide", "patient")] == [4, 3, 3]  # p1 has two classes
    point = metrics["operating_points"]["LUAD"]
    assert point["thresholds"] == [0.5]  # half-way between the validation slides' 0.75 and 0.25
    assert (point["test"]["true_positives"], point["test"]["false_positives"]) == (1, 1)
    assert metrics["operating_points"]["Normal"] is None
    assert metrics["subgroups"]["scanner"]["aperio 20x"]["slides"] == 3
    assert list(metrics["subgroups"]["preparation"]) == ["unknown"]


def test_the_aggregation_decides(folder, predictions_of):
    tiles = [[0.5, 0.375, 0.125], [0.5, 0.375, 0.125], [0, 1, 0]]
    write_predictions(predictions_path(folder, "s1"), predictions_of(tiles, slide_id="s1", patient_id="p1"))
    by_mean, slides = _evaluate(folder)
    assert (slides[0].predicted, slides[0].predicted_by["majority"]) == ("LUSC", "LUAD")
    by_majority, slides = _evaluate(folder, aggregation=Aggregation("majority"))
    assert (slides[0].predicted, slides[0].scores["LUAD"]) == ("LUAD", pytest.approx(2 / 3))
    assert by_mean["slide"]["accuracy"] == by_majority["aggregations"]["mean"]["slide"]["accuracy"]
    assert by_mean["slide"]["accuracy"] != by_majority["slide"]["accuracy"]


def test_grades_have_a_quadratic_kappa_at_each_level(folder):
    unordered, _ = _evaluate(folder)
    metrics, _ = _evaluate(folder, is_ordered=True)
    assert (unordered["ordered_classes"], metrics["ordered_classes"]) == (False, True)
    for level in ("tile", "slide", "patient"):
        assert "quadratic_kappa" not in unordered[level]
        assert metrics[level]["quadratic_kappa"].keys() == {"value", "interval_95", "reason"}
        assert "quadratic_kappa" in metrics["aggregations"]["mean"].get(level, metrics[level])


def test_top_tiles(folder):
    _evaluate(folder)
    tiles = read_top_tiles(folder / "out" / "top_tiles.tsv")
    assert [(t.slide_id, t.score) for t in tiles if (t.gallery, t.class_name) == ("typical", "LUAD")] == [
        ("s1", 0.75),
        ("s1", 0.5),
    ]
    assert [(t.slide_id, t.class_name) for t in tiles if t.gallery == "mistakes"] == [("s2", "LUAD")]


def test_the_same_input_gives_the_same_bytes(folder):
    _evaluate(folder)
    first = (folder / "out" / "metrics.json").read_bytes()
    _evaluate(folder)
    assert (folder / "out" / "metrics.json").read_bytes() == first


def test_missing_predictions_are_an_error(folder):
    predictions_path(folder, "s2").unlink()
    with pytest.raises(ZarrZipError, match="s2"):
        _evaluate(folder)


def test_other_classes_are_an_error(folder):
    with pytest.raises(PredictionsError, match="not for Normal, LUAD, LUSC"):
        _evaluate(folder, classes=("Normal", "LUAD", "LUSC"))


def test_an_unknown_label_is_an_error(folder):
    write_splits(folder / "splits.tsv", [SplitRow("s1", "p1", "Lymphoma", "", "test", 2, "usable", "")])
    with pytest.raises(PredictionsError, match="Lymphoma"):
        _evaluate(folder)


def test_predictions_of_two_models_are_an_error(folder, predictions_of):
    other = predictions_of([[0, 1, 0]], slide_id="s4", patient_id="p3", model="another")
    write_predictions(predictions_path(folder, "s4"), other)
    with pytest.raises(PredictionsError, match="slide s4: another model"):
        _evaluate(folder)


def test_a_file_of_another_slide_is_an_error(folder, predictions_of):
    write_predictions(predictions_path(folder, "s4"), predictions_of([[0, 1, 0]], slide_id="s9"))
    with pytest.raises(PredictionsError, match="the file is of slide s9"):
        _evaluate(folder)


def test_scores_of_unlabelled_slides(folder):
    score_slides(["s1", "s3"], predictions_folder=folder, aggregation=Aggregation(), output_tsv=folder / "scores.tsv")
    lines = (folder / "scores.tsv").read_text().splitlines()
    assert lines[0].split("\t") == [
        *("slide_id", "patient_id", "predicted", "score", "score_LUAD", "score_LUSC", "score_Normal"),
        *("predicted_mean", "predicted_majority", "predicted_top_k_mean", "predicted_median", "predicted_maximum"),
        *("majority_fraction", "tile_count", "reason"),
    ]
    assert lines[1] == "s1\tp1\tLUAD\t0.625\t0.625\t0.25\t0.125\tLUAD\tLUAD\tLUAD\tLUAD\tLUAD\t1.0\t2\t"
    assert lines[2] == "s3\tp2\t\t\t\t\t\t\t\t\t\t\t\t0\tno tissue"


def test_nothing_to_score_is_an_error(folder):
    with pytest.raises(NoSlidesError):
        score_slides([], predictions_folder=folder, aggregation=Aggregation(), output_tsv=folder / "scores.tsv")
