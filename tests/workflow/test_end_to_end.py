"""The whole workflow on a tiny cohort, as a user runs it."""

import csv
import json
import os
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

STORES = ("tiles/*", "splits.tsv", "shards/*")


def test_the_run_gives_every_output(finished):
    names = set(finished.contents("**/*.*"))
    assert {"splits.tsv", "report.html", "model/model.keras", "evaluation/slides.tsv", "shards/plan.json"} <= names
    assert {f"shards/{kind}-{i}-of-2.tfrecord" for kind in ("train", "validation") for i in range(2)} <= names
    with (finished.folder / "results/splits.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    scored = {row["slide_id"] for row in rows if row["split"] != "train"}
    tested = {row["slide_id"] for row in rows if row["split"] == "test"}
    assert len(rows) == 10
    assert {name for name in names if name.startswith("predictions/")} == {f"predictions/{s}.zarr.zip" for s in scored}
    assert {f"heatmaps/{s}.{kind}" for s in tested for kind in ("png", "geojson")} <= names


def test_a_slide_with_a_name_of_other_scripts_is_everywhere(finished):
    slide_id = "M\u00fcller_\u80ba-1"  # in one spelling, whatever the sheet's
    report = (finished.folder / "results/report.html").read_text(encoding="utf-8")
    assert report.count(slide_id) > 3
    files = [name for name in finished.contents("**/*") if slide_id in name]
    assert {Path(name).parts[0] for name in files} >= {"slides", "tiles", "predictions", "heatmaps", "benchmarks"}
    geojson = json.loads((finished.folder / f"results/heatmaps/{slide_id}.geojson").read_text(encoding="utf-8"))
    assert geojson["features"]


def test_the_slide_without_tissue_is_in_the_report_with_its_reason(finished):
    report = (finished.folder / "results/report.html").read_text()
    assert "empty has no tissue: every tile is more than 50% background" in report


def test_every_job_has_a_log_and_a_benchmark(finished):
    ran = set(re.findall(r"^(?:local)?rule (\w+):", finished.printed, re.M)) - {"all"}
    jobs = {re.sub(r"_\d+$", "", name) for name in ran}
    log_files = (path.relative_to(finished.folder / "logs") for path in finished.folder.glob("logs/**/*.log"))
    logs = {path.parts[0].split(".")[0] for path in log_files}
    benchmarks = {name.split("/")[1].split(".")[0] for name in finished.contents("benchmarks/**/*.tsv")}
    assert len(jobs) >= 10
    assert jobs <= logs
    assert jobs == benchmarks


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in finished.snakemake("--cores", "2").stdout


@pytest.fixture
def poisoned(workspace, tmp_path_factory):
    """A workspace in which TensorFlow cannot be imported."""
    poison = tmp_path_factory.mktemp("poison")
    (poison / "tensorflow.py").write_text("raise RuntimeError('TensorFlow was imported')\n")
    workspace.environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(poison), os.getenv("PYTHONPATH")]))
    return workspace


def test_another_run_gives_the_same_stores_splits_and_shards_also_without_a_home(finished, poisoned, monkeypatch):
    """And without TensorFlow."""
    monkeypatch.delenv("HOME")  # as in containers and services; Open MPI does not start without
    poisoned.snakemake("--cores", "1", "results/shards/plan.json")
    assert poisoned.contents(*STORES) == finished.contents(*STORES)
    assert len(poisoned.contents(*STORES)) == 2 * 10 + 1 + 5
    train = poisoned.snakemake("--cores", "2", "results/model/model.keras", check=False)
    assert "TensorFlow was imported" in train.stdout  # the poison works


def test_results_and_report_never_import_tensorflow(finished, poisoned):
    poisoned.go_on_from(finished, "results", "logs")
    run = poisoned.snakemake("--cores", "2", "--forcerun", "evaluate", "heatmap")
    assert set(re.findall(r"^(?:local)?rule (\w+):", run.stdout, re.M)) >= {"evaluate", "heatmap", "report"}
    assert "rule train:" not in run.stdout


def test_a_corrected_label_cuts_no_tiles_again(finished, workspace):
    workspace.go_on_from(finished, "results")
    sheet = (finished.folder / "slides.tsv").read_text()
    (workspace.folder / "slides.tsv").write_text(sheet.replace("\tLUAD\tnone", "\tLUSC\tnone"))
    planned = set(re.findall(r"^(?:local)?rule (\w+):", workspace.snakemake("-n").stdout, re.M))
    assert "assign_splits" in planned
    assert not planned & {"synthesize_slide", "tile_slide"}


def test_a_tiling_parameter_cuts_all_tiles_again(finished):
    planned = finished.snakemake("-n", "--quiet", "rules", "--config", "tiling={mpp: 1.0, tile_size: 256}").stdout
    assert re.search(r"tile_slide +10", planned)


def test_another_choice_of_flags_cuts_no_tiles_again(finished):
    planned = finished.snakemake("-n", "--config", "quality={exclude: [out_of_focus]}").stdout
    rules = set(re.findall(r"^(?:local)?rule (\w+):", planned, re.M))
    assert rules >= {"assign_splits", "shard_tiles"}
    assert not rules & {"synthesize_slide", "tile_slide"}


def test_inspection(finished, workspace, tmp_path):
    assert finished.snakemake("--dag").stdout.count("tile_slide") == 10
    one = workspace.snakemake("results/tiles/LUAD-1.tfrecord", "-n", "--quiet", "rules").stdout
    assert re.search(r"total +2", one)
    finished.snakemake("--report", str(tmp_path / "snakemake.html"))
    assert (tmp_path / "snakemake.html").stat().st_size > 100_000


def test_the_plan_and_the_model_agree_with_the_config(finished):
    plan = json.loads((finished.folder / "results/shards/plan.json").read_text())
    assert plan["classes"] == ["LUAD", "LUSC", "Normal"]
    assert len(set(plan["train"]["class_tiles"].values())) <= 2
    history = (finished.folder / "results/model/history.tsv").read_text().splitlines()
    assert len(history) == 1 + 3
