import csv
import json
import warnings
from dataclasses import replace

import numpy as np
import pytest

from slidemill.annotations.decide import AnnotatedTiles, DecidedLabels, LabelRule
from slidemill.annotations.store import TileLabels, labels_path, write_labels
from slidemill.features.checks import FeaturesMismatchError
from slidemill.features.store import features_path, read_features, write_features
from slidemill.probe.fit import TrialRow, best_trial, fit_probe
from slidemill.probe.parameters import ProbeInputs, ProbeOutputs, ProbeParameters
from slidemill.splits import read_splits
from slidemill.tiling.store import read_store, store_paths
from slidemill.training import tracking as mlflow_tracking
from slidemill.training.description import read_description
from slidemill.training.tracking import tracking_uri
from slidemill.units import SlidePixels

from ..waiting import PATIENCE_SECONDS
from .conftest import CLASSES, DIMENSION, DrawnSlides, write_slide

PARAMETERS = ProbeParameters(l2=(0.0001, 1.0, 0.01))


def fitted(slides, folder, *, parameters=PARAMETERS, exclude=("pen_marks",), threads=1, tracking=None, annotated=None):
    outputs = ProbeOutputs(folder / "model.keras", folder / "history.tsv", folder / "probe.json")
    fit_probe(
        ProbeInputs(slides.splits, slides.tiles, slides.features, annotated),
        outputs,
        parameters,
        classes=CLASSES,
        exclude=exclude,
        threads=threads,
        tracking=tracking,
    )
    return outputs


@pytest.fixture(scope="module")
def outputs(drawn, tmp_path_factory):
    return fitted(drawn, tmp_path_factory.mktemp("fitted"))


def history(outputs):
    with outputs.history.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_every_strength_is_tried_and_the_one_with_the_lowest_validation_loss_is_kept(outputs):
    rows = history(outputs)
    assert [float(row["l2"]) for row in rows] == [1.0, 0.01, 0.0001]
    losses = [float(row["validation_loss"]) for row in rows]
    facts = json.loads(outputs.facts.read_text())
    assert facts["l2"] == float(rows[int(np.argmin(losses))]["l2"])
    train_losses = [float(row["train_loss"]) for row in rows]
    assert train_losses == sorted(train_losses, reverse=True)  # the weaker the penalty, the closer the fit


def test_the_facts_count_the_tiles_that_are_used(drawn, outputs):
    facts = json.loads(outputs.facts.read_text())
    rows = [row for row in read_splits(drawn.splits) if row.tile_count]
    for split in ("train", "validation"):
        assert facts[split]["slide_tiles"] == {row.slide_id: row.tile_count for row in rows if row.split == split}
        assert facts[split]["tiles"] == sum(facts[split]["class_tiles"].values())


def test_the_model_takes_features_as_they_are_and_knows_where_they_are_from(drawn, outputs):
    from slidemill.training.model_file import load_model

    model, description = load_model(outputs.model), read_description(outputs.model)
    assert (description.method, description.architecture, description.classes) == ("probe", "linear", CLASSES)
    assert (description.tile_size_px, description.tile_mpp, description.input_size_px) == (256, 0.5, 224)
    assert (description.encoder.name, description.encoder.dimension) == ("drawn", DIMENSION)
    rows = [row for row in read_splits(drawn.splits) if row.split == "validation"]
    right, losses = [], []
    for row in rows:
        own = read_features(features_path(drawn.features, row.slide_id)).features
        used = own[np.arange(len(own)) % 5 != 0]
        scores = model(used.astype(np.float32), training=False).numpy()
        np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
        label = CLASSES.index(row.label)
        right += list(scores.argmax(axis=1) == label)
        losses.append(-np.log(scores[:, label]).mean())
    best = min(history(outputs), key=lambda row: float(row["validation_loss"]))
    assert np.mean(right) == pytest.approx(float(best["validation_accuracy"]), abs=1e-5)
    assert np.mean(losses) == pytest.approx(float(best["validation_loss"]), abs=1e-4)  # one slide of each class


def test_the_files_do_not_depend_on_the_number_of_threads(drawn, outputs, tmp_path):
    again = fitted(drawn, tmp_path, threads=2)
    for name in ("model", "history", "facts"):
        assert getattr(again, name).read_bytes() == getattr(outputs, name).read_bytes()


@pytest.mark.parametrize("balance", ["none", "slide", "patient"])
def test_balance_changes_what_is_learned(drawn, outputs, tmp_path, balance):
    other = fitted(drawn, tmp_path, parameters=ProbeParameters(l2=(0.01,), balance=balance))
    (row,) = history(other)
    assert row["train_loss"] != history(outputs)[1]["train_loss"]


def test_of_equal_losses_the_stronger_penalty_is_kept():
    rows = [
        TrialRow(trial, l2, 1, 0, 0, loss, 0, 0) for trial, l2, loss in ((1, 1.0, 0.5), (2, 0.1, 0.5), (3, 0.01, 0.6))
    ]
    assert best_trial(rows).l2 == 1.0


def changed(drawn, folder):
    """A copy of the files of the drawn slides."""
    slides = DrawnSlides(folder)
    for name in ("tiles", "features"):
        (folder / name).mkdir()
        for file in (drawn.folder / name).iterdir():
            (folder / name / file.name).symlink_to(file)
    slides.splits.symlink_to(drawn.splits)
    return slides


def rewritten(slides, slide_id, **changes):
    path = features_path(slides.features, slide_id)
    own = read_features(path)
    path.unlink()
    summary = {name: value for name, value in changes.items() if hasattr(own.summary, name)}
    arrays = {name: value for name, value in changes.items() if name not in summary}
    write_features(path, replace(own, summary=replace(own.summary, **summary), **arrays))


def test_features_of_two_encoders_are_refused(drawn, tmp_path):
    slides = changed(drawn, tmp_path)
    rewritten(slides, "s04", weights_sha256="cd" * 32)
    with pytest.raises(FeaturesMismatchError, match=r"s04\.zarr\.zip: its weights sha256 is 'cdcd.* that of s00 'abab"):
        fitted(slides, tmp_path / "out")


def test_validation_features_of_another_encoder_are_refused(drawn, tmp_path):
    slides = changed(drawn, tmp_path)
    for slide_id in ("s06", "s07", "s08"):
        rewritten(slides, slide_id, encoder="other")
    with pytest.raises(FeaturesMismatchError, match="its encoder is 'other', and that of the train slides 'drawn'"):
        fitted(slides, tmp_path / "out")


def test_features_of_other_tiles_are_refused(drawn, tmp_path):
    slides = changed(drawn, tmp_path)
    own = read_features(features_path(drawn.features, "s01"))
    rewritten(slides, "s01", coordinates=own.coordinates + 256)
    with pytest.raises(FeaturesMismatchError, match=r"s01.*are not the 29 of the slide's tile store"):
        fitted(slides, tmp_path / "out")


def test_numbers_that_are_not_finite_are_refused(drawn, tmp_path):
    slides = changed(drawn, tmp_path)
    features = read_features(features_path(drawn.features, "s02")).features.copy()
    features[3, 2] = np.inf
    rewritten(slides, "s02", features=features)
    with pytest.raises(FeaturesMismatchError, match=r"s02.*not finite"):
        fitted(slides, tmp_path / "out")


def test_flags_that_splits_do_not_know_are_told(drawn, tmp_path):
    with pytest.raises(FeaturesMismatchError, match="Run assign_splits again"):
        fitted(drawn, tmp_path, exclude=())


def test_a_split_without_tiles_is_told(tmp_path, drawn):
    slides = changed(drawn, tmp_path)
    rows = drawn.splits.read_text().replace("\ttrain\t", "\ttest\t")
    slides.splits.unlink()
    slides.splits.write_text(rows)
    with pytest.raises(FeaturesMismatchError, match="no slide of this split has tiles"):
        fitted(slides, tmp_path / "out")


def test_mlflow_gets_parameters_trials_and_the_model(drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setattr(mlflow_tracking, "_LAST_SECONDS", PATIENCE_SECONDS)
    uri = tracking_uri(str(tmp_path / "mlflow"), tmp_path)
    fitted(drawn, tmp_path, tracking=uri)
    with warnings.catch_warnings(action="ignore"):  # of MLflow about MLflow
        from mlflow import MlflowClient, pyfunc

        client = MlflowClient(uri)
        (run,) = client.search_runs([client.get_experiment_by_name("slidemill").experiment_id])
        loaded = pyfunc.load_model(f"{run.info.artifact_uri}/model")
        assert loaded.predict(np.zeros((2, DIMENSION), np.float32)).shape == (2, len(CLASSES))
    assert run.info.status == "FINISHED"
    assert (run.data.params["method"], run.data.params["encoder"]) == ("probe", "drawn")
    strengths = [point.value for point in client.get_metric_history(run.info.run_id, "l2")]
    assert strengths == [1.0, 0.01, 0.0001]
    assert [point.step for point in client.get_metric_history(run.info.run_id, "validation_auc")] == [1, 2, 3]
    assert {file.path for file in client.list_artifacts(run.info.run_id)} >= {"history.tsv", "probe.json", "model"}


def test_a_slide_of_one_tile_counts(tmp_path, drawn):
    slides = changed(drawn, tmp_path)
    for folder in (slides.tiles, slides.features):
        (folder / "s00.zarr.zip").unlink()
    write_slide(slides, "s00", np.ones((1, DIMENSION)))
    text = slides.splits.read_text().replace("train\t16\t", "train\t1\t", 1)
    slides.splits.unlink()
    slides.splits.write_text(text)
    facts = json.loads(fitted(slides, tmp_path / "out").facts.read_text())
    assert facts["train"]["slide_tiles"]["s00"] == 1


def test_tiles_have_the_class_of_their_annotated_region_and_those_without_one_are_left_out(drawn, tmp_path):
    expected = {}
    for row in read_splits(drawn.splits):
        store = read_store(store_paths(drawn.tiles, row.slide_id)[1])
        number = np.arange(len(store.coordinates))
        coverage = np.stack([number % 4 == 0, number % 4 == 1], axis=1).astype(np.float32)
        coverage[number % 4 == 2] = 0.2  # neither enough nor nothing
        shares = TileLabels(row.slide_id, ("A", "B"), store.coordinates, coverage, SlidePixels(256), True, {}, "", ())
        write_labels(labels_path(tmp_path, row.slide_id), shares)
        used = number[(number % 5 != 0) & (number % 4 != 2)]
        expected[row.slide_id] = {"A": sum(used % 4 == 0), "B": sum(used % 4 == 1), "C": sum(used % 4 == 3)}
    annotated = AnnotatedTiles(DecidedLabels(tmp_path, CLASSES, LabelRule(0.5, "C")), drawn.tiles, ("pen_marks",))
    outputs = fitted(drawn, tmp_path, annotated=annotated)
    facts = json.loads(outputs.facts.read_text())
    for split in ("train", "validation"):
        own = [expected[row.slide_id] for row in read_splits(drawn.splits) if row.split == split]
        assert facts[split]["class_tiles"] == {name: sum(one[name] for one in own) for name in CLASSES}
        assert list(facts[split]["slide_tiles"].values()) == [sum(one.values()) for one in own if sum(one.values())]


def test_annotations_that_leave_no_tile_are_told(drawn, tmp_path):
    for row in read_splits(drawn.splits):
        store = read_store(store_paths(drawn.tiles, row.slide_id)[1])
        nothing = np.zeros((len(store.coordinates), 1), np.float32)
        shares = TileLabels(row.slide_id, ("A",), store.coordinates, nothing, SlidePixels(256), True, {}, "", ())
        write_labels(labels_path(tmp_path, row.slide_id), shares)
    annotated = AnnotatedTiles(DecidedLabels(tmp_path, CLASSES, LabelRule(0.5, None)), drawn.tiles, ("pen_marks",))
    with pytest.raises(FeaturesMismatchError, match="no tile of this split has a label"):
        fitted(drawn, tmp_path, annotated=annotated)
