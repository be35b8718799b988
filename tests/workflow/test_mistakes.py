"""Mistakes in the config and in the sheet are told before anything runs, without a traceback."""

import shlex

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
        ({"model": "results/{slide_id}.keras"}, "model: results/{slide_id}.keras has braces"),
        ({"training": {"architecture": "InceptonV3"}}, "Did you mean InceptionV3"),
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
        (
            ["TCGA-AA-0001-11A", "TCGA-AA-0001", "LUAD", "glands 20x 1x1mm"],
            "the barcode in its slide_id says normal tissue",
        ),
        (["luad-1", "P", "LUAD", "glands 20x 1x1mm"], "slide_id 'LUAD-1' and 'luad-1' differ only in case"),
    ],
)
def test_the_sheet(workspace, row, told):
    workspace.write(row)
    assert told in refused(workspace)


def test_a_target_of_no_slide(workspace):
    assert "no slide 'NONE' in" in refused(workspace, "results/tiles/NONE.tfrecord")


def test_what_the_command_line_gives_is_told_too(workspace):
    told = refused(workspace, "--config", "training={learning_rate: '1,5', epochs: 3}", "tiling={mpp: 1e-3}")
    assert 'config: training.learning_rate is "1,5". Expected: learning rate of one rank, above 0.' in told
    assert "config: tiling.mpp is 0.001. Expected: microns per pixel of the tiles, 0.05 to 50." in told


def test_texts_of_a_config_file_reach_the_jobs_as_they_stand_there(workspace):
    name = "[old] run #3/0123.h5"
    weights = workspace.folder / name
    weights.parent.mkdir()
    weights.write_bytes(b"\x89HDF\r\n\x1a\n")
    workspace.write(training={"weights": name, "learning_rate": "1e-3", "architecture": "small_cnn"})
    planned = workspace.snakemake("-n", "--printshellcmds", "results/model/model.keras").stdout
    assert f"--weights '{name}'" in planned
    assert "--learning-rate 0.001" in planned


def test_slides_are_read_where_their_paths_say_whatever_these_hold(workspace):
    """Signs that shells and patterns take for their own are parts of a file's name like any other."""
    path = "a [1] *?#$HOME 'x' y\".svs"
    (workspace.folder / path).touch()
    slide_id = "M\u00fcller_\u80ba-2"
    sheet = (workspace.folder / "slides.tsv").read_text().splitlines()
    rows = [f"{sheet[0]}\tpath", *sheet[1:], f"{slide_id}\tP-1\tLUAD\t\t{path}"]
    (workspace.folder / "slides.tsv").write_text("\n".join(rows))
    planned = workspace.snakemake("-n", "--printshellcmds", f"results/tiles/{slide_id}.tfrecord").stdout
    assert f"--slide {shlex.quote(path)} --slide-id {shlex.quote(slide_id)} " in planned
