"""Splits of today, written into a copy of the sheet."""

import pytest

from .test_mistakes import refused

pytestmark = pytest.mark.slow


def test_the_pinned_sheet_keeps_splits_with_another_seed(workspace):
    output = workspace.snakemake("pin_splits", "--cores", "1", "--quiet", "rules").stdout
    assert "results/slides.pinned.tsv: 10 slides state their split" in output
    pinned = workspace.folder / "results/slides.pinned.tsv"
    sheet = workspace.folder / "slides.tsv"
    assert [line.rpartition("\t")[0] for line in pinned.read_text().splitlines()] == sheet.read_text().splitlines()
    (workspace.folder / "pinned.tsv").write_bytes(pinned.read_bytes())
    again = workspace.snakemake("pin_splits", "--cores", "1", "--config", "slides=pinned.tsv", "seed=7").stdout
    assert "10 slides state their split" in again
    assert pinned.read_bytes() == (workspace.folder / "pinned.tsv").read_bytes()


def test_a_cross_validation_has_no_split_to_pin(workspace):
    workspace.write(split={"folds": 3})
    assert "a cross-validation has another for each fold" in refused(workspace, "pin_splits")


def test_what_the_workflow_writes_is_no_sheet_to_read(workspace):
    workspace.snakemake("pin_splits", "--cores", "1")
    told = "config: slides: results/slides.pinned.tsv is written by the workflow. Copy it to a place outside results/"
    assert told in refused(workspace, "--config", "slides=results/slides.pinned.tsv")
