import json
import shutil
import statistics

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from slidemill.evaluation.aggregate import Aggregation, PredictionsError
from slidemill.evaluation.cross_validation import LEVELS
from slidemill.evaluation.evaluate import EvaluationFiles, FoldFiles, evaluate
from slidemill.evaluation.scored_split import FoldsError
from slidemill.evaluation.slides_table import read_slides
from slidemill.inference.store import predictions_path, write_predictions
from slidemill.splits.table import SplitRow, write_splits
from slidemill.tiling.store import StoreSummary, TileStore, store_paths, write_store

CLASSES = ("LUAD", "LUSC", "Normal")
FOLDS = 3
PATIENTS = 27
TILES = 4
METRICS = ("accuracy", "balanced_accuracy", "auc_macro", "log_loss")


@pytest.fixture
def folds(tmp_path, predictions_of):
    """Each patient has two slides; patient n is tested in fold n % 3 and validates in the one before."""
    random = np.random.default_rng(5)
    slides = [(f"s{n:02d}-{part}", n) for n in range(PATIENTS) for part in "ab"]
    for slide_id, n in slides:
        summary = StoreSummary(slide_id, f"p{n}", "usable", "", (), TILES, TILES, 512, {}, None, versions={})
        write_store(store_paths(tmp_path / "tiles", slide_id)[1], TileStore(summary))
    found = []
    for fold in range(FOLDS):
        files = FoldFiles(tmp_path / f"{fold}" / "splits.tsv", tmp_path / f"{fold}" / "predictions")
        split_of = {fold: "test", (fold + 1) % FOLDS: "validation", (fold + 2) % FOLDS: "train"}
        rows = []
        for slide_id, n in slides:
            label = CLASSES[n // FOLDS % 3]
            rows.append(SplitRow(slide_id, f"p{n}", label, "", split_of[n % FOLDS], TILES, "usable", ""))
            if rows[-1].split != "train":
                weights = np.where(np.array(CLASSES) == label, 1.5 + fold / 2, 1.0)
                scores = random.dirichlet(weights, TILES)
                predictions = predictions_of(scores, slide_id=slide_id, patient_id=f"p{n}", model=f"model {fold}")
                write_predictions(predictions_path(files.predictions, slide_id), predictions)
        write_splits(files.splits, rows)
        found.append(files)
    return found


def _evaluate(folder, folds):
    files = EvaluationFiles(
        folds,
        folder / "tiles",
        metrics=folder / "metrics.json",
        slides=folder / "slides.tsv",
        top_tiles=folder / "top_tiles.tsv",
    )
    evaluate(files, classes=CLASSES, seed=1, aggregation=Aggregation())
    return json.loads(files.metrics.read_text()), read_slides(files.slides)


def test_every_slide_is_in_the_table_once_with_the_fold_that_tested_it(tmp_path, folds):
    metrics, slides = _evaluate(tmp_path, folds)
    assert [row.slide_id for row in slides] == sorted(f"s{n:02d}-{part}" for n in range(PATIENTS) for part in "ab")
    assert all(row.fold == int(row.slide_id[1:3]) % FOLDS for row in slides)
    assert metrics["counts"]["patients_scored"] == PATIENTS
    assert metrics["model_sha256"] is None
    assert [fold["model_sha256"] for fold in metrics["cross_validation"]["folds"]] == [f"model {n}" for n in range(3)]


def test_pooled_metrics_are_those_of_all_slides_by_scikit_learn(tmp_path, folds):
    metrics, slides = _evaluate(tmp_path, folds)
    labels = [row.label for row in slides]
    scores = np.array([list(row.scores.values()) for row in slides])
    assert metrics["slide"]["accuracy"]["value"] == pytest.approx(accuracy_score(labels, [r.predicted for r in slides]))
    assert metrics["slide"]["auc"]["macro"]["value"] == pytest.approx(
        roc_auc_score(labels, scores, multi_class="ovr", labels=CLASSES)
    )


def test_a_fold_has_the_metrics_and_intervals_that_it_has_alone(tmp_path, folds):
    together, _ = _evaluate(tmp_path, folds)
    for number, files in enumerate(folds):
        alone, _ = _evaluate(tmp_path, [files])
        fold = together["cross_validation"]["folds"][number]
        assert alone["cross_validation"] is None
        for level in LEVELS:
            for name in ("accuracy", "balanced_accuracy", "log_loss", "brier"):
                assert fold[level][name] == alone[level][name]
            assert fold[level]["auc_macro"] == alone[level]["auc"]["macro"]


def test_mean_and_standard_deviation_over_the_folds(tmp_path, folds):
    metrics, _ = _evaluate(tmp_path, folds)
    found = metrics["cross_validation"]
    for name in METRICS:
        values = [fold["slide"][name]["value"] for fold in found["folds"]]
        assert len(set(values)) > 1
        assert found["mean"]["slide"][name] == pytest.approx(statistics.mean(values))
        assert found["sd"]["slide"][name] == pytest.approx(statistics.stdev(values))


def test_each_fold_has_its_own_threshold(tmp_path, folds):
    metrics, slides = _evaluate(tmp_path, folds)
    for name in CLASSES:
        point = metrics["operating_points"][name]
        alone = [_evaluate(tmp_path, [files])[0]["operating_points"][name] for files in folds]
        assert point["thresholds"] == [own["thresholds"][0] for own in alone]
        assert len(set(point["thresholds"])) == FOLDS
        called = [row.scores[name] >= point["thresholds"][row.fold] for row in slides]
        right = sum(is_called for row, is_called in zip(slides, called, strict=True) if row.label == name)
        assert point["test"]["true_positives"] == right
        assert point["validation"]["true_positives"] == sum(own["validation"]["true_positives"] for own in alone)


def test_a_class_that_one_fold_lacks_has_no_mean(tmp_path, folds):
    rows = [line for line in folds[0].splits.read_text().splitlines() if "\tNormal\t\ttest" not in line]
    folds[0].splits.write_text("\n".join(rows) + "\n")
    metrics, _ = _evaluate(tmp_path, folds)
    assert metrics["cross_validation"]["folds"][0]["slide"]["auc_macro"]["value"] is None
    assert metrics["cross_validation"]["mean"]["slide"]["auc_macro"] is None
    assert metrics["cross_validation"]["mean"]["slide"]["accuracy"] is not None


def test_thresholds_of_another_model_are_refused(tmp_path, folds):
    mixed = FoldFiles(folds[0].splits, tmp_path / "mixed")
    shutil.copytree(folds[1].predictions, mixed.predictions)
    for path in sorted(folds[0].predictions.iterdir()):
        patient = int(path.name[1:3])
        if patient % FOLDS == 0:  # tested in fold 0
            shutil.copy2(path, mixed.predictions)
    with pytest.raises(PredictionsError, match="another model gave them than those of the validation slides"):
        _evaluate(tmp_path, [mixed])


def test_a_slide_that_two_folds_test_is_refused(tmp_path, folds):
    with pytest.raises(FoldsError, match="slide s00-a is a test slide of two folds"):
        _evaluate(tmp_path, [folds[0], folds[0]])
