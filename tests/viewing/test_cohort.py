"""The cohort as it stands: of a finished run, and of one that goes on."""

import json
import os

import pytest

from .conftest import (
    CLASSES,
    CONFIG,
    Run,
    predictions_of,
    put_evaluation,
    put_predictions,
    put_splits,
    put_store,
    store_of,
    write_sheet,
)


def cohort_of(run):
    """The cohort when all files were read, in as many looks as the machine needs."""
    while True:
        reply = run.ask("/api/cohort")
        assert reply.status == 200
        if reply.json["complete"]:
            return reply.json


def slides_of(run):
    return {slide["slide"]: slide for slide in cohort_of(run)["slides"]}


def test_every_slide_of_the_sheet_is_there_with_its_state(run):
    slides = slides_of(run)
    assert {name: slide["state"] for name, slide in slides.items()} == {
        "right": "predicted",
        "wrong": "predicted",
        "lzw": "predicted",
        "bounds": "predicted",
        "aside": "set aside",
        "tiled": "tiled",
        "gone": "tiled",
        "far": "waiting",
    }
    assert slides["aside"]["reason"] == "aside has no tissue."
    right = slides["right"]
    assert (right["split"], right["mpp"], right["annotated"], right["site"]) == ("test", 0.4, True, "S1")
    assert (right["width"], right["height"], right["tiles"], right["flags"]) == (700, 600, 4, ["pen_marks"])


def test_what_runs_say_of_a_slide_has_scores_uncertainty_and_whether_it_is_right(run):
    slides = slides_of(run)
    main = slides["wrong"]["runs"]["main"]
    assert (main["predicted"], main["right"], main["split"]) == ("LUSC", False, "test")
    assert main["scores"] == pytest.approx([0.2625, 0.7375])
    assert main["uncertainty"] == pytest.approx(1 - (0.7375 - 0.2625))
    # Validation slides are in no table of the evaluation: their predictions are read.
    assert slides["lzw"]["runs"]["main"]["scores"] == pytest.approx([0.9, 0.1])
    assert slides["right"]["runs"]["mil"]["scores"] == pytest.approx([0.75, 0.25])


def test_the_runs_are_that_of_the_config_and_the_experiments(run):
    runs = run.ask("/api/cohort").json["runs"]
    assert [(each["key"], each["method"], each["encoder"], each["state"]) for each in runs] == [
        ("main", "tiles", None, "evaluated"),
        ("mil", "mil", "an_encoder", "predicting"),
    ]
    assert runs[0]["classes"] == list(CLASSES)


def test_a_browser_that_has_it_is_told_so(run):
    cohort_of(run)
    reply = run.ask("/api/cohort")
    again = run.ask("/api/cohort", headers={"if-none-match": reply.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.fixture
def going_on(tmp_path):
    own = Run(tmp_path, CONFIG)
    write_sheet(own.sheet, [{"slide_id": "S", "patient_id": "P", "label": "LUAD", "path": "S.svs"}])
    return own


def test_a_slide_goes_from_waiting_to_evaluated_while_the_run_goes_on(going_on):
    def seen():
        slide = slides_of(going_on.anew())["S"]
        return slide["state"], slide["split"], slide["runs"].get("main", {}).get("scores")

    results = going_on.results
    assert seen() == ("waiting", None, None)
    put_store(results, store_of("S", (700, 600)))
    assert seen() == ("tiled", None, None)
    put_splits(results, {"S": "test"})
    put_predictions(results, predictions_of("S", [0.5, 0.5, 0.75, 0.75]))
    assert seen() == ("predicted", "test", [0.625, 0.375])
    put_evaluation(results, {"S": 0.25})
    assert seen() == ("predicted", "test", [0.25, 0.75])
    # A model that was trained again: what was evaluated is of another one.
    put_predictions(results, predictions_of("S", [1, 1, 1, 1]))
    later = (results / "evaluation" / "slides.tsv").stat().st_mtime_ns + 10**9
    os.utime(results / "predictions" / "S.zarr.zip", ns=(later, later))
    assert seen() == ("predicted", "test", [1.0, 0.0])


def test_the_same_viewer_sees_what_comes(going_on, monkeypatch):
    monkeypatch.setattr("slidemill.viewing.cohort._SECONDS_BETWEEN_LOOKS", 0.0)
    assert slides_of(going_on)["S"]["state"] == "waiting"
    put_store(going_on.results, store_of("S", (700, 600)))
    assert slides_of(going_on)["S"]["state"] == "tiled"


def test_what_was_not_read_yet_comes_with_the_next_look(going_on, monkeypatch):
    names = ("A", "B")
    write_sheet(going_on.sheet, [{"slide_id": n, "patient_id": n, "label": "LUAD", "path": f"{n}.svs"} for n in names])
    for name in names:
        put_store(going_on.results, store_of(name, (700, 600)))
    monkeypatch.setattr("slidemill.viewing.cohort._SECONDS_OF_A_LOOK", -1.0)  # time for one file

    def seen():
        cohort = going_on.ask("/api/cohort").json
        return [slide["state"] for slide in cohort["slides"]], cohort["complete"]

    assert seen() == (["tiled", "waiting"], False)
    assert seen() == (["tiled", "tiled"], True)


def test_folds_are_runs_and_all_together_are_one(tmp_path):
    own = Run(tmp_path, CONFIG | {"split": {"folds": 2}})
    rows = [{"slide_id": name, "patient_id": name, "label": "LUAD", "path": f"{name}.svs"} for name in ("A", "B")]
    write_sheet(own.sheet, rows)
    for fold, tested, other in ((0, "A", "B"), (1, "B", "A")):
        part = own.results / f"fold-{fold}"
        put_splits(part, {tested: "test", other: "validation"})
        put_predictions(part, predictions_of(tested, [0.25] * 4), predictions_of(other, [0.75] * 4))
    reply = cohort_of(own)
    assert [run["key"] for run in reply["runs"]] == ["main", "fold-0", "fold-1"]
    slide = next(slide for slide in reply["slides"] if slide["slide"] == "B")
    assert slide["fold"] == 1
    found = {key: (verdict["scores"][0], verdict["split"]) for key, verdict in slide["runs"].items()}
    assert found == {"main": (0.25, "test"), "fold-0": (0.75, "validation"), "fold-1": (0.25, "test")}
    values = own.ask("/api/slides/B/values?run=fold-0")
    assert values.status == 200


def test_an_experiment_that_has_the_name_of_another_run_has_a_key_of_its_own(tmp_path):
    own = Run(tmp_path, CONFIG)
    write_sheet(own.sheet, [{"slide_id": "S", "patient_id": "P", "label": "LUAD", "path": "S.svs"}])
    for name in ("main", "fold-1"):
        folder = own.results / "experiments" / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(CONFIG))
    keys = [run["key"] for run in own.ask("/api/cohort").json["runs"]]
    assert keys == ["main", "experiments/fold-1", "experiments/main"]


@pytest.mark.parametrize("damage", ["cut", "garbled", "other"])
@pytest.mark.parametrize("which", ["store", "predictions"])
def test_a_damaged_file_of_results_is_one_sentence_and_the_rest_is_shown(going_on, damage, which):
    results = going_on.results
    put_store(results, store_of("S", (700, 600)))
    put_predictions(results, predictions_of("S", [0.5] * 4))
    path = results / ("tiles" if which == "store" else "predictions") / "S.zarr.zip"
    content = path.read_bytes()
    if damage == "other":
        other = results / ("predictions" if which == "store" else "tiles") / "S.zarr.zip"
        path.write_bytes(other.read_bytes())
    else:
        half = len(content) // 2
        path.write_bytes(content[:half] if damage == "cut" else content[:half] + bytes(len(content) - half))
    slide = slides_of(going_on)["S"]
    assert "S.zarr.zip" in slide["reason"]
    assert "\n" not in slide["reason"]
    address = "quality" if which == "store" else "values"
    reply = going_on.ask(f"/api/slides/S/{address}")
    assert reply.status == 422
    assert "S.zarr.zip" in reply.json["error"]
