"""`snakemake features`: the embedded encoder on the tiny cohort, and what is told before anything runs."""

import numpy as np
import pytest

from slidemill.features.store import read_features
from slidemill.tiling.store import read_store

from .conftest import REPOSITORY, TINY_SHEET


@pytest.mark.slow
def test_every_slide_of_the_sheet_has_features(workspace):
    workspace.write(features={"slides_per_job": 4})
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
            "the encoder uni_v2 takes tiles of mpp 0.5, and tiling.mpp is 1. Set tiling: {mpp: 0.5}",
        ),
        ({"encoder": "InceptionV3"}, "Set features.encoders.InceptionV3.file"),
        ({"encoders": {"own": {"file": "file:///models/own.onnx"}}}, "Write the plain path: /models/own.onnx"),
        ({"encoders": {"own": {"knd": "onnx"}}}, "features.encoders.own.knd is unknown. Did you mean 'kind'?"),
    ],
)
def test_what_cannot_work_is_told_before_anything_runs(workspace, features, told):
    workspace.write(features=features, tiling={"tile_size": 256, "mpp": 1.0})
    run = workspace.snakemake("-n", "features", check=False)
    assert run.returncode != 0
    assert told in run.stdout
    assert "Traceback" not in run.stdout


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
