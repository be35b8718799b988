"""A classifier of slides on features of heatmaps, against features worked out by hand and slides that are drawn."""

import dataclasses
import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from slidemill.errors import ConfigError
from slidemill.evaluation.aggregate import Aggregation, PredictionsError, score_slide
from slidemill.evaluation.fit_slides import LEAST_PATIENTS, TooFewSlidesError, fit_slides
from slidemill.evaluation.heatmap_features import feature_names, heatmap_features
from slidemill.evaluation.score import score_slides
from slidemill.evaluation.slide_classifier import SlideClassifierError, read_classifier, write_classifier
from slidemill.inference.store import Predictions, predictions_path, read_predictions, write_predictions
from slidemill.splits.table import SplitRow, write_splits
from slidemill.units import SlidePixels

CLASSES = ("normal", "tumour")
EXTENT = 512


def predictions_of_map(heatmap, *, slide_id="s", patient_id="p", reason="", model="m"):
    """The predictions of a slide from a map of tumour scores; NaN where there is no tissue."""
    rows, columns = np.nonzero(~np.isnan(heatmap))
    scores = np.asarray(heatmap, np.float32)[rows, columns]
    return Predictions(
        slide_id=slide_id,
        patient_id=patient_id,
        classes=CLASSES,
        coordinates=np.stack([columns, rows], axis=1).astype(np.int64) * EXTENT + 3 * EXTENT,
        scores=np.stack([1 - scores, scores], axis=1),
        tile_extent=SlidePixels(0 if reason else EXTENT),
        reason=reason,
        model_sha256=model,
    )


def features_of(heatmap):
    values = heatmap_features(predictions_of_map(np.array(heatmap, float)), ["tumour"])
    return dict(zip((name.removeprefix("tumour: ") for name in feature_names(["tumour"])), values, strict=True))


def test_features_by_hand():
    found = features_of(
        [
            [0.75, 0, 0, 0, np.nan],
            [0, 0.75, 0, 0, np.nan],
            [0, 0, 0, 0, 0.95],
            [0.55, 0, 0, 0, 0],
        ]
    )
    assert found["mean"] == pytest.approx(3 / 18)
    assert found["maximum"] == pytest.approx(0.95)
    assert found["share at 0.5"] == pytest.approx(4 / 18)
    assert np.expm1(found["regions at 0.5"]) == pytest.approx(3)  # corners touch
    assert np.expm1(found["largest_area at 0.5"]) == pytest.approx(2)
    assert found["largest_extent at 0.5"] == 0.5  # two tiles of a box of four
    assert found["largest_mean at 0.5"] == pytest.approx(0.75)
    # Two squares at their corners: along the diagonal the variance of the middles is 1/2, and of a square 1/12.
    assert np.expm1(found["largest_axis at 0.5"]) == pytest.approx(4 * np.sqrt(1 / 2 + 1 / 12))
    assert found["share at 0.9"] == pytest.approx(1 / 18)
    assert np.expm1(found["largest_area at 0.9"]) == pytest.approx(1)


def test_where_nothing_scores_high_there_is_no_region():
    found = features_of([[0.25, 0.25]])
    assert [value for name, value in found.items() if name not in ("mean", "maximum")] == [0] * 12


def test_the_order_of_tiles_and_the_place_of_the_slide_change_no_bit():
    random = np.random.default_rng(1)
    own = predictions_of_map(random.random((9, 7)))
    order = random.permutation(len(own.scores))
    other = dataclasses.replace(own, coordinates=own.coordinates[order] + 7 * EXTENT, scores=own.scores[order])
    np.testing.assert_array_equal(heatmap_features(own, CLASSES), heatmap_features(other, CLASSES))


def drawn_map(random, *, has_lesion):
    """A noisy heatmap with single tiles that are wrong, as networks give; a lesion is some tiles side by side."""
    heatmap = random.beta(1, 12, (24, 30))
    wrong = random.random(heatmap.shape) < 0.01
    heatmap[wrong] = random.uniform(0.6, 1, wrong.sum())
    heatmap[random.random(heatmap.shape) < 0.2] = np.nan
    if has_lesion:
        side = random.integers(2, 5)
        y, x = random.integers(0, 18), random.integers(0, 24)
        heatmap[y : y + side, x : x + side] = random.uniform(0.6, 1, (side, side))
    return heatmap


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Validation slides of thirty patients, test slides of sixty, and one that was set aside."""
    folder, random, rows = tmp_path_factory.mktemp("cohort"), np.random.default_rng(2), []
    for number in range(91):
        label, split = CLASSES[number % 2], "validation" if number < 30 else "test"
        name, reason = f"s{number:02}", "no tissue" if number == 90 else ""
        heatmap = drawn_map(random, has_lesion=label == "tumour") if not reason else np.full((1, 1), np.nan)
        own = predictions_of_map(heatmap, slide_id=name, patient_id=f"p{number}", reason=reason)
        write_predictions(predictions_path(folder, name), own)
        status = "set_aside" if reason else "usable"
        split = "validation" if reason else split
        rows.append(SplitRow(name, f"p{number}", label, "", split, len(own.scores), status, reason))
    write_splits(folder / "splits.tsv", rows)
    return folder, rows


def fitted(cohort, folder, **options):
    return fit_slides(cohort[0] / "splits.tsv", cohort[0], folder / "c.json", classes=CLASSES, **options)


@pytest.fixture(scope="module")
def classifier(cohort, tmp_path_factory):
    return fitted(cohort, tmp_path_factory.mktemp("fit"), measured=["tumour"])


def scored(cohort, classifier, split):
    rows = [row for row in cohort[1] if row.split == split and not row.reason]
    own = [cohort[0] / f"{row.slide_id}.zarr.zip" for row in rows]
    assert all(path.exists() for path in own)
    return rows, [score_slide(read_predictions(path), 20, classifier) for path in own]


def auc(rows, scores, method):
    return roc_auc_score([row.label == "tumour" for row in rows], [s.scores[method]["tumour"] for s in scores])


def test_it_tells_lesions_from_single_wrong_tiles_which_the_other_ways_do_not(cohort, classifier):
    rows, scores = scored(cohort, classifier, "test")
    by_method = {method: auc(rows, scores, method) for method in ("maximum", "top_k_mean", "heatmap_features")}
    assert by_method["heatmap_features"] > 0.95
    assert by_method["heatmap_features"] > max(by_method["maximum"], by_method["top_k_mean"])
    assert all(sum(score.scores["heatmap_features"].values()) == pytest.approx(1) for score in scores)


def test_slides_of_the_fit_get_scores_by_fits_that_have_not_seen_them(cohort, classifier):
    rows, scores = scored(cohort, classifier, "validation")
    assert set(classifier.held_out) == {row.slide_id for row in rows}
    for score in scores:
        assert tuple(score.scores["heatmap_features"].values()) == classifier.held_out[score.slide_id]
    blind = dataclasses.replace(classifier, held_out={})
    _, seen = scored(cohort, blind, "validation")

    def loss(scores):
        pairs = zip(rows, scores, strict=True)
        return -np.mean([np.log(score.scores["heatmap_features"][row.label]) for row, score in pairs])

    assert loss(scores) > loss(seen)


def test_labels_that_mean_nothing_give_held_out_scores_that_mean_nothing(cohort, tmp_path):
    random = np.random.default_rng(3)
    rows = [dataclasses.replace(row, label=CLASSES[random.integers(2)]) for row in cohort[1]]
    write_splits(tmp_path / "splits.tsv", rows)
    found = fit_slides(tmp_path / "splits.tsv", cohort[0], tmp_path / "c.json", classes=CLASSES)
    own = [row for row in rows if row.slide_id in found.held_out]
    right = np.mean([found.held_out[row.slide_id][CLASSES.index(row.label)] > 0.5 for row in own])
    assert right < 0.75


def test_the_file_reads_back_and_a_second_fit_writes_the_same_bytes(cohort, classifier, tmp_path):
    assert fitted(cohort, tmp_path, measured=["tumour"]) == read_classifier(tmp_path / "c.json") == classifier
    first = (tmp_path / "c.json").read_bytes()
    fitted(cohort, tmp_path, measured=["tumour"])
    assert (tmp_path / "c.json").read_bytes() == first
    assert len(json.loads(first)["features"]) == 14


def test_all_classes_are_measured_unless_some_are_named(cohort, tmp_path):
    assert len(fitted(cohort, tmp_path).mean) == 28


def test_too_few_patients_of_a_class_are_refused(cohort, tmp_path):
    rows = [row for row in cohort[1] if row.label == "normal" or row.slide_id == "s01"]
    write_splits(tmp_path / "splits.tsv", rows)
    with pytest.raises(TooFewSlidesError, match=f"'tumour' has 1 patients among them. It needs {LEAST_PATIENTS}"):
        fit_slides(tmp_path / "splits.tsv", cohort[0], tmp_path / "c.json", classes=CLASSES)


def test_scores_of_another_model_are_refused(classifier):
    with pytest.raises(PredictionsError, match="fitted on scores of another model"):
        score_slide(predictions_of_map(np.ones((2, 2)), model="other"), 20, classifier)


def test_without_a_classifier_nothing_is_scored_by_it(tmp_path):
    write_predictions(predictions_path(tmp_path, "s"), predictions_of_map(np.ones((2, 2))))
    with pytest.raises(ConfigError, match="heatmap_features needs a slide classifier"):
        score_slides(
            ["s"],
            predictions_folder=tmp_path,
            aggregation=Aggregation("heatmap_features"),
            output_tsv=tmp_path / "scores.tsv",
        )


@pytest.mark.parametrize(
    "change",
    [{"format": "x"}, {"mean": [1]}, {"weights": [[1, 2]]}, {"intercepts": [None, 1]}, {"features": []}, {"l2": None}],
)
def test_a_damaged_file_is_refused(classifier, tmp_path, change):
    path = tmp_path / "c.json"
    write_classifier(path, classifier)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(SlideClassifierError, match=r"Delete it and run again"):
        read_classifier(path)
    path.write_text("{")
    with pytest.raises(SlideClassifierError, match="cannot be read"):
        read_classifier(path)
