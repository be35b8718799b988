"""Features to other tools and from them, by the workflow."""

import h5py
import numpy as np
import pytest

from slidemill.features.store import read_features
from slidemill.tiling.store import read_store

from .conftest import TINY_SHEET
from .test_mistakes import refused

EXTENT = 512
SLIDES = [row[0] for row in TINY_SHEET]


@pytest.fixture
def foreign(workspace):
    """Features of each slide as TRIDENT writes them: on a grid of its own, and its numbers tell the class."""
    folder = workspace.folder / "trident"
    folder.mkdir()
    corners = np.array([[x, y] for x in range(100, 1000, EXTENT) for y in range(50, 900, EXTENT)])
    for slide_id, _, label, _ in TINY_SHEET:
        rng = np.random.default_rng(len(slide_id) + sum(map(ord, slide_id)))
        with h5py.File(folder / f"{slide_id}.h5", "w") as file:
            mean = np.eye(3)[["LUAD", "LUSC", "Normal"].index(label)].repeat(4)
            file["features"] = (rng.normal(size=(len(corners), 12)) * 0.1 + mean).astype(np.float32)
            file["coords"] = corners
            file["coords"].attrs.update({"patch_size": 256, "patch_size_level0": EXTENT, "target_magnification": 10})
    workspace.write(method="probe", features={"from": "trident", "encoder": "uni_v1"}, probe={"l2": [0.1]})
    return folder


@pytest.mark.slow
def test_a_probe_on_the_features_of_another_tool_and_the_way_back(finished, workspace, foreign):
    workspace.go_on_from(finished, "results/slides")
    workspace.snakemake("--cores", "2")
    results = workspace.folder / "results"
    assert (results / "report.html").exists()
    features = read_features(results / "features/uni_v1/LUAD-0.zarr.zip")
    store = read_store(results / "tiles/LUAD-0.zarr.zip")
    np.testing.assert_array_equal(features.coordinates, store.coordinates)
    assert store.summary.tile_extent == EXTENT
    assert (results / "heatmaps").is_dir()
    workspace.snakemake("export_features", "--cores", "1", "--config", "as=clam")
    with h5py.File(results / "exports/clam/uni_v1/h5_files/LUAD-0.h5") as file, h5py.File(foreign / "LUAD-0.h5") as own:
        np.testing.assert_allclose(file["features"], own["features"], atol=1e-3)
        np.testing.assert_array_equal(file["coords"], own["coords"])
    assert sorted(path.stem for path in (results / "exports/clam/uni_v1/pt_files").iterdir()) == sorted(SLIDES)


def test_what_is_missing_is_told_before_anything_runs(workspace, foreign):
    (foreign / "LUAD-1.h5").unlink()
    assert "config: features.from: there is no file trident/LUAD-1.h5. Make it" in refused(workspace).replace(
        str(workspace.folder) + "/", ""
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"features": {"from": "trident", "encoder": "efficientnet_lite0"}}, "set features.encoder to one name"),
        ({"features": {"from": "trident", "encoder": "../up"}}, "set features.encoder to one name"),
        ({"method": "tiles"}, "features.from is set, and method: tiles learns from pixels"),
    ],
)
def test_what_cannot_go_together_is_refused(workspace, foreign, changes, told):
    workspace.write(**{"method": "probe", "features": {"from": "trident", "encoder": "uni_v1"}} | changes)
    assert told in refused(workspace)


def test_a_tool_to_export_to_has_to_be_named(workspace):
    assert "a tool to export to: add --config as=trident, as=stamp or as=clam" in refused(workspace, "export_features")
    assert "whose feature files to write: trident, stamp, clam, or null" in refused(
        workspace, "export_features", "--config", "as=tridnt"
    )
