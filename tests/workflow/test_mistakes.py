"""Mistakes in the config and in the sheet are told before anything runs, without a traceback."""

import pytest


def refused(workspace, *arguments):
    run = workspace.snakemake("-n", *arguments, check=False)
    assert run.returncode != 0
    assert "Traceback" not in run.stdout
    return run.stdout


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tilling": {}}, "config: tilling is unknown. Did you mean 'tiling'?"),
        ({"classes": ["LUAD", "LUSC", "Normal", "SCLC"]}, "no slide of class 'SCLC'"),
        ({"slides": "gone.tsv"}, "gone.tsv: no such slide sheet"),
        ({"model": "gone.keras"}, "gone.keras: there is no such model file"),
        ({"split": {"train": 0.9, "validation": 0.2, "test": 0.1}}, "the fractions add up to 1.2"),
    ],
)
def test_the_config(workspace, change, told):
    workspace.write(**change)
    assert told in refused(workspace)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (["LUAD-1", "P-LUAD-1", "LUAD", "glands 20x 1x1mm"], "slide_id 'LUAD-1' stands on line"),
        (["x", "P", "LUDA", "glands 20x 1x1mm"], "slide 'x' has label 'LUDA', which is none of the config's classes"),
        (["x", "P", "LUAD", ""], "slide 'x' has no 'path' and no 'file_id'"),
        (["TCGA-AA-0001-01A", "P", "LUAD", "glands 20x 1x1mm"], "its barcode says 'TCGA-AA-0001'"),
    ],
)
def test_the_sheet(workspace, row, told):
    workspace.write(row)
    assert told in refused(workspace)


def test_a_target_of_no_slide(workspace):
    assert "no slide 'NONE' in" in refused(workspace, "results/tiles/NONE.tfrecord")
