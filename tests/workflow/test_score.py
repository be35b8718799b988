"""New slides, scored by the model of a finished run."""

import csv
import hashlib
import os
import subprocess

import pytest

from .conftest import Workspace

pytestmark = pytest.mark.slow

SCORED = "results/scoring/new"


def score(workspace, model, paths):
    rows = "".join(f"{path.stem}\tP-{number}\t{path}\n" for number, path in enumerate(paths))
    (workspace.folder / "new.tsv").write_text("slide_id\tpatient_id\tpath\n" + rows)
    workspace.snakemake("score", "--cores", "2", "--config", "slides=new.tsv", f"model={model}")
    with (workspace.folder / SCORED / "scores.tsv").open() as file:
        return {row["slide_id"]: row for row in csv.DictReader(file, delimiter="\t")}


def named(folder, name, slide):
    (folder / name).symlink_to(slide)
    return folder / name


def test_slides_without_labels_are_scored_and_the_model_stays(finished, workspace, draw_slide):
    model = finished.folder / "results/model/model.keras"
    before = hashlib.sha256(model.read_bytes()).hexdigest()
    good = named(workspace.folder, "good.svs", draw_slide("glands 20x 0.9x0.8mm"))
    torn = named(workspace.folder, "torn.svs", draw_slide("nests 20x 0.9x0.8mm truncated"))
    rows = score(workspace, model, [good, torn])
    assert rows["good"]["predicted"] in ("LUAD", "LUSC", "Normal")
    assert 1 / 3 <= float(rows["good"]["score"]) <= 1
    assert rows["torn"]["predicted"] == ""
    assert "cannot be read" in rows["torn"]["reason"]
    assert set(workspace.contents("scoring/new/heatmaps/*")) == {
        f"scoring/new/heatmaps/{slide}.{kind}" for slide in ("good", "torn") for kind in ("png", "geojson")
    }
    assert os.listdir(workspace.folder / "results") == ["scoring"]
    assert os.listdir(workspace.folder / "logs") == ["scoring"]
    assert hashlib.sha256(model.read_bytes()).hexdigest() == before


def test_scoring_in_the_folder_of_a_training_changes_nothing_of_it(finished, tmp_path, draw_slide):
    """Not even where a new slide has the name of one that the model was tested on."""
    workspace = Workspace(tmp_path / "copy")
    subprocess.run(["cp", "-a", finished.folder, workspace.folder], check=True)
    before = workspace.contents("**/*")
    tested = next(name for name in before if name.startswith("heatmaps/")).removeprefix("heatmaps/").rsplit(".")[0]
    rows = score(
        workspace, "results/model/model.keras", [named(tmp_path, f"{tested}.svs", draw_slide("nests 20x 0.9x0.8mm"))]
    )
    assert int(rows[tested]["tile_count"]) > 0
    after = workspace.contents("**/*")
    assert {name: content for name, content in after.items() if not name.startswith("scoring/")} == before
    assert "Nothing to be done" in workspace.snakemake("-n").stdout
    again = workspace.snakemake("score", "-n", "--config", "slides=new.tsv", "model=results/model/model.keras").stdout
    assert "Nothing to be done" in again


def test_the_model_of_this_very_folder_is_not_trained_again(finished, draw_slide, tmp_path):
    new = named(tmp_path, "new.svs", draw_slide("alveoli 20x 0.9x0.8mm"))
    (finished.folder / "new.tsv").write_text(f"slide_id\tpatient_id\tpath\nnew\tP\t{new}\n")
    planned = finished.snakemake(
        "score", "-n", "--quiet", "rules", "--config", "slides=new.tsv", "model=results/model/model.keras"
    ).stdout
    assert "train" not in planned.split("Job stats")[1]
    assert "score_slides" in planned


def test_the_real_slide(finished, workspace, real_slide):
    rows = score(workspace, finished.folder / "results/model/model.keras", [real_slide])
    assert int(rows["CMU-1-Small-Region"]["tile_count"]) > 15


def test_score_without_a_model_is_one_clear_line(workspace):
    run = workspace.snakemake("score", "-n", check=False)
    assert run.returncode != 0
    assert "(a trained model: add --config slides=SHEET.tsv model=PATH/model.keras)" in run.stdout
    assert "Traceback" not in run.stdout
