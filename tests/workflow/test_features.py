"""`snakemake features`: the embedded encoder on the tiny cohort, and what is told before anything runs."""

import re
from collections import defaultdict

import numpy as np
import pytest

from slidemill.features.store import read_features
from slidemill.tiling.store import read_store

from .conftest import REPOSITORY, TINY_SHEET

pytestmark = pytest.mark.slow


def test_every_slide_of_the_sheet_has_features(finished, workspace):
    workspace.go_on_from(finished, "results/slides", "results/tiles")
    workspace.write_config(features={"slides_per_job": 4})
    workspace.snakemake("features", "--cores", "2")
    folder = workspace.folder / "results"
    for slide_id, *_ in TINY_SHEET:
        features = read_features(folder / "features" / "efficientnet_lite0" / f"{slide_id}.zarr.zip")
        tiles = read_store(folder / "tiles" / f"{slide_id}.zarr.zip")
        np.testing.assert_array_equal(features.coordinates, tiles.coordinates)
        assert features.features.shape == (tiles.summary.tile_count, 1280)
        assert (features.summary.dimension, features.summary.source) == (1280, "slide")
        assert features.summary.reason == tiles.summary.reason
    assert not list((folder / "checkpoints" / "features").rglob("*.zarr.zip"))
    again = workspace.snakemake("features", "--cores", "2")
    assert "Nothing to be done" in again.stdout


@pytest.mark.parametrize(
    ("features", "told"),
    [
        ({"encoder": "efficientnet_lite"}, "Did you mean efficientnet_lite0"),
        (
            {"encoder": "uni_v2"},
            "the encoder uni_v2 takes tiles of mpp 0.5, and tiling.mpp is 1. Set tiling: {mpp: 0.5}, or features."
            "tiles: encoder for tiles of its own beside those",
        ),
        ({"encoder": "InceptionV3"}, "Set features.encoders.InceptionV3.file"),
        ({"encoders": {"own": {"file": "file:///models/own.onnx"}}}, "Write the plain path: /models/own.onnx"),
        ({"encoders": {"own": {"knd": "onnx"}}}, "features.encoders.own.knd is unknown. Did you mean 'kind'?"),
        (
            {"tiles": "encoder"},
            "takes tiles of any tile_size and mpp. Set features.encoders.efficientnet_lite0.tile_size",
        ),
        (
            {"tiles": "encoder", "encoders": {"efficientnet_lite0": {"tile_size": 128}}},
            "takes tiles of any mpp. Set features.encoders.efficientnet_lite0.mpp, or features.tiles: tiling.",
        ),
        (
            {"tiles": "encoder", "encoder": ["uni_v1", "virchow"]},
            "uni_v1 of 256 pixels at 0.5, virchow of 224 pixels at 0.5 microns per pixel. Run them one after the other",
        ),
        ({"tiles": "encoder", "source": "records"}, "pixels are stored of the tiles of tiling only"),
        ({"tiles": "encoder", "from": "made"}, "features.from brings its own tiles. Set features.tiles: tiling."),
    ],
)
def test_what_cannot_work_is_told_before_anything_runs(workspace, features, told):
    workspace.write(features=features, tiling={"tile_size": 256, "mpp": 1.0})
    run = workspace.snakemake("-n", "features", check=False)
    assert run.returncode != 0
    assert told in run.stdout
    assert "Traceback" not in run.stdout


OWN = {"tiles": "encoder", "encoders": {"efficientnet_lite0": {"tile_size": 96, "mpp": 1.0}}}


def test_what_an_encoder_gets_is_what_its_features_are_used_for(workspace):
    """Labels, splits, predictions and pictures of a probe are of the encoder's tiles, shards of those of `tiling`."""
    own, first = "results/tiles/96px_1mpp", "results/tiles"
    workspace.write(
        features=OWN, heatmap={"overlay_mpp": 4.0}, method="probe", localisation={"class": "LUAD"}, labels=LABELS
    )
    users = inputs_of(workspace)
    assert {"label_tiles", "assign_splits", "fit_probe", "heatmap", "evaluate", "localise", "report"} <= users[own]
    assert {"extract_features_0", "predict_slides_0", "overlay"} <= users[own]
    assert users[first] == {"tile_again"}
    workspace.write(features=OWN, method="tiles", labels=LABELS)
    users = inputs_of(workspace, "all", "features")
    assert users[own] == {"extract_features_0", "extract_features_1"}
    assert {"label_tiles", "assign_splits", "shard_tiles", "predict_slides_0", "heatmap", "tile_again"} <= users[first]


LABELS = {"from": "annotations", "classes": {"LUAD": ["a"], "LUSC": ["b"]}, "rest": "Normal"}


def inputs_of(workspace, *targets):
    """The rules that read something of each folder."""
    told = workspace.snakemake("-n", *targets).stdout
    users = defaultdict(set)
    for rule, files in re.findall(r"^(?:local)?rule (\w+):\n +input: (.*)$", told, re.M):
        for file in files.split(", "):
            users[file.rpartition("/")[0]].add(rule)
    return users


def test_tiles_of_an_encoder_that_are_those_of_tiling_are_cut_once(workspace):
    same = {"tile_size": 256, "mpp": 0.5}
    workspace.write(features={"tiles": "encoder", "encoders": {"efficientnet_lite0": same}})
    assert "tile_again" not in workspace.snakemake("-n", "features").stdout


def test_an_encoder_of_torch_needs_its_environment(workspace):
    if (REPOSITORY / "envs" / "encoders" / ".venv").exists():
        pytest.skip("it is there")
    (workspace.folder / "uni.bin").touch()
    workspace.write(features={"encoder": "uni_v1", "encoders": {"uni_v1": {"file": "uni.bin"}}})
    run = workspace.snakemake("-n", "features", check=False)
    assert "needs PyTorch, which has an environment of its own: run 'make env ENCODERS=torch'" in run.stdout
    assert (
        run.stdout.count("Terms of use of uni_v1: CC-BY-NC-ND-4.0 (access has to be asked for, no commercial use)") == 1
    )
