"""`snakemake compare`: two finished runs, wherever they lie."""

import json
import shutil

import pytest

from ..reporting.fake_run import FakeSlide, write_run

pytestmark = pytest.mark.slow

SLIDES = [
    FakeSlide(f"{label}-{n}", label, split, scores=scores)
    for label, scores in (("LUAD", (0.8, 0.1, 0.1)), ("LUSC", (0.1, 0.8, 0.1)), ("Normal", (0.1, 0.2, 0.7)))
    for n, split in enumerate(["test", "test", "validation"])
]


def evaluated(folder, slides):
    files = write_run(folder / "made", slides)
    (folder / "evaluation").mkdir()
    for file in (files.metrics, files.slides):
        shutil.move(file, folder / "evaluation" / file.name)
    return folder


def test_two_runs_are_compared(workspace):
    first = evaluated(workspace.folder / "first run", SLIDES)
    second = evaluated(workspace.folder / "second run", SLIDES[1:])
    run = workspace.snakemake("compare", "--cores", "1", "--config", f"compare={{a: {first.name}, b: {second.name}}}")
    assert "Warning: the runs were not tested on the same slides: 1 scored slides of first run" in run.stdout
    found = json.loads((workspace.folder / "results" / "comparison" / "comparison.json").read_text())
    assert found["slide"]["accuracy"]["difference"] == 0
    assert (workspace.folder / "results" / "comparison" / "comparison.html").is_file()
    assert "compare: 1" not in workspace.snakemake("-n").stdout  # a plain run does not ask for it


def test_runs_are_compared_as_they_are(workspace):
    """Also a run of this very config, of which slides and model are not there any more, or have changed since."""
    first = evaluated(workspace.folder / "results", SLIDES)
    evaluated(workspace.folder / "second", SLIDES)
    compare = ("compare", "--cores", "1", "--config", "compare={a: results, b: second}")
    assert "1 of 1 steps (100%) done" in workspace.snakemake(*compare).stdout
    assert "Nothing to be done" in workspace.snakemake(*compare).stdout
    metrics = first / "evaluation" / "metrics.json"
    metrics.write_text(metrics.read_text() + "\n")
    assert "1 of 1 steps (100%) done" in workspace.snakemake(*compare).stdout


def test_without_two_runs_it_says_what_to_set(workspace):
    run = workspace.snakemake("-n", "compare", check=False)
    assert "(two results folders: set compare.a and compare.b in the config)" in run.stdout
    assert "Traceback" not in run.stdout


def test_what_cannot_be_compared_is_one_line(workspace):
    first = evaluated(workspace.folder / "first", SLIDES)
    (first / "evaluation" / "metrics.json").write_text("{}")
    run = workspace.snakemake("compare", "--cores", "1", "--config", "compare={a: first, b: first}", check=False)
    assert run.returncode != 0
    assert "of an older slidemill. Evaluate that run again." in run.stdout
    assert "Traceback" not in run.stdout
