"""Two configs in one folder: each experiment has results of its own, and what both need is made once."""

import re

import pytest

from .test_mistakes import refused

pytestmark = pytest.mark.slow

PLAIN = ("*.*", "benchmarks/**/*", "evaluation/*", "heatmaps/*", "model/*", "predictions/*", "shards/*", "tiles/*")


def planned(workspace, *arguments):
    """The outputs of a plain run, as a dry run tells them."""
    told = workspace.snakemake("-n", *arguments).stdout
    return {file for line in re.findall(r"^    output: (.+)$", told, re.M) for file in line.split(", ")}


def test_all_that_follows_from_the_method_lies_in_a_folder_of_its_own(workspace):
    plain = planned(workspace)
    tried = planned(workspace, "--config", "experiment=wide")
    shared = {file for file in plain if file.startswith(("results/slides/", "results/tiles/"))}
    assert plain & tried == shared
    assert len(shared) == 10 + 2 * 10
    assert {file.replace("results/experiments/wide/", "results/") for file in tried} == plain


def test_an_experiment_may_be_a_cross_validation(workspace):
    files = planned(workspace, "--config", "experiment=folds", "split={folds: 3}")
    assert "results/experiments/folds/fold-2/model/model.keras" in files
    assert "results/experiments/folds/report.html" in files


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", "", ".hidden"])
def test_the_name_cannot_leave_the_folder(workspace, name):
    workspace.write(experiment=name)
    assert "a name of letters, digits" in refused(workspace)


def test_an_experiment_changes_nothing_of_what_was_there(finished, workspace):
    workspace.go_on_from(finished, "results", "logs")
    before = workspace.contents(*PLAIN)
    run = workspace.snakemake("--cores", "2", "--config", "experiment=again")
    jobs = set(re.findall(r"^(?:local)?rule (\w+):", run.stdout, re.M))
    assert "train" in jobs
    assert not jobs & {"synthesize_slide", "tile_slide"}
    assert workspace.contents(*PLAIN) == before
    again = workspace.contents("experiments/again/**/*")
    assert again["experiments/again/model/model.keras"] == before["model/model.keras"]
    assert b">tile_slide</th>" in again["experiments/again/report.html"]  # what is shared has its costs there as well
    assert "Nothing to be done" in workspace.snakemake("--cores", "2").stdout
