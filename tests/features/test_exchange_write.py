"""Features written as other tools write them: the layouts, and the way back."""

import io
import pickle
import zipfile
from dataclasses import replace

import h5py
import numpy as np
import pytest

from slidemill.features.exchange.export import ExportError, export_features
from slidemill.features.exchange.foreign import ForeignFeaturesError
from slidemill.features.exchange.imports import import_features
from slidemill.features.exchange.tensor_file import write_tensor
from slidemill.features.store import features_path, read_features, write_features
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_store, write_store

from .conftest import TILE_SIZE

# What the config says of tiles; other numbers than those of the files, which count.
PARAMETERS = TilingParameters(mpp=1.0, tile_size=100, max_background=0.5, jpeg_quality=90)


@pytest.fixture(scope="module")
def extracted(cohort, small, tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    cohort.extract(small, to=folder)
    return folder / small.name


@pytest.fixture(scope="module", params=["trident", "stamp", "clam"])
def exported(request, cohort, extracted, tmp_path_factory):
    """The layout and its folder."""
    output = tmp_path_factory.mktemp("exports") / request.param
    export(cohort, extracted, request.param, output)
    return request.param, output


def export(cohort, extracted, layout, output, exclude=()):
    return export_features(
        list(cohort.slides), [extracted], tiles=cohort.tiles, layout=layout, exclude=exclude, output=output
    )


def h5_of(exported, slide_id):
    layout, output = exported
    folders = {
        "trident": f"20x_{TILE_SIZE}px_0px_overlap/features_small",
        "stamp": "small",
        "clam": "small/h5_files",
    }
    return output / folders[layout] / f"{slide_id}.h5"


def test_slides_with_tiles_have_a_file_each(exported, cohort):
    layout, output = exported
    names = {path.name for path in output.rglob("*.*")}
    kinds = ["h5", "pt"] if layout == "clam" else ["h5"]
    assert names == {f"{slide}.{kind}" for slide in ("A", "B", "fine") for kind in kinds}
    assert all(h5_of(exported, slide).exists() for slide in ("A", "B", "fine"))


def test_the_layout(exported, cohort, extracted):
    layout, _ = exported
    features, store = read_features(features_path(extracted, "fine")), cohort.store("fine")
    facts = store.summary.slide
    with h5py.File(h5_of(exported, "fine")) as file:
        if layout == "stamp":
            assert file["feats"].dtype == np.float16
            np.testing.assert_array_equal(file["feats"], features.features)
            np.testing.assert_allclose(file["coords"], store.coordinates * facts.mpp)
            assert dict(file.attrs) | {"stamp_version": "", "code_hash": ""} == {
                "stamp_version": "",
                "extractor": "small",
                "unit": "um",
                "tile_size_um": store.summary.tile_extent * facts.mpp,
                "tile_size_px": TILE_SIZE,
                "code_hash": "",
                "feat_type": "tile",
            }
            return
        assert file["features"].dtype == np.float32
        np.testing.assert_array_equal(file["features"], features.features.astype(np.float32))
        assert file["coords"].dtype == np.int64
        np.testing.assert_array_equal(file["coords"], store.coordinates)
        assert dict(file["coords"].attrs) == {
            "patch_size": TILE_SIZE,
            "patch_size_level0": store.summary.tile_extent,
            "level0_magnification": 40,
            "target_magnification": 20,
            "overlap": 0,
            "level0_width": facts.width,
            "level0_height": facts.height,
            "name": "fine",
        }


def test_the_same_features_come_back(exported, cohort, extracted, tmp_path):
    for slide_id in ("A", "fine"):
        outputs = {"store": tmp_path / f"{slide_id}.store.zarr.zip", "features": tmp_path / f"{slide_id}.zarr.zip"}
        source = SlideSource(cohort.slides[slide_id], slide_id, f"P-{slide_id}")
        import_features(source, PARAMETERS, h5_of(exported, slide_id), encoder="small", **outputs)
        own, back = read_features(features_path(extracted, slide_id)), read_features(outputs["features"])
        np.testing.assert_array_equal(back.features, own.features)
        np.testing.assert_array_equal(back.coordinates, own.coordinates)
        for name in ("slide_id", "patient_id", "tile_size", "tile_extent", "encoder", "dimension", "status"):
            assert getattr(back.summary, name) == getattr(own.summary, name)
        cut, made = cohort.store(slide_id), read_store(outputs["store"])
        np.testing.assert_array_equal(made.coordinates, cut.coordinates)
        np.testing.assert_array_equal(made.thumbnail, cut.thumbnail)
        assert (made.summary.tile_count, made.summary.slide) == (cut.summary.tile_count, cut.summary.slide)
        # The overview is coarser than the tiles, on which cutting measures.
        assert np.abs(made.tissue_fraction - cut.tissue_fraction).mean() < 0.1


def test_equal_features_give_equal_files(exported, cohort, extracted, tmp_path):
    layout, output = exported
    export(cohort, extracted, layout, tmp_path / "again")
    for path in output.rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(output)).read_bytes() == path.read_bytes()


def test_tiles_with_a_flag_to_exclude_stay_behind(cohort, extracted, tmp_path):
    store = cohort.store("A")
    flagged = store.quality.copy()
    flagged[0] |= 1
    tiles = tmp_path / "tiles"
    write_store(tiles / "A.zarr.zip", replace(store, quality=flagged))
    export_features(
        ["A"], [extracted], tiles=tiles, layout="stamp", exclude=["pen_marks"], output=tmp_path / "exports" / "stamp"
    )
    with h5py.File(tmp_path / "exports" / "stamp" / "small" / "A.h5") as file:
        assert len(file["feats"]) == (flagged & 1 == 0).sum() < len(store.coordinates)


def test_features_of_other_tiles_leave_no_folder(cohort, extracted, tmp_path):
    own = read_features(features_path(extracted, "A"))
    write_features(features_path(tmp_path / "small", "A"), replace(own, coordinates=own.coordinates + 1))
    with pytest.raises(ExportError, match="its tiles are not those of the tile store"):
        export_features(
            ["A"], [tmp_path / "small"], tiles=cohort.tiles, layout="clam", exclude=(), output=tmp_path / "out" / "clam"
        )
    assert list((tmp_path / "out").iterdir()) == []


def trident_file(path, corners, **attributes):
    with h5py.File(path, "w") as file:
        file["features"] = np.ones((len(corners), 4), np.float32)
        file["coords"] = np.array(corners)
        file["coords"].attrs.update(
            {"patch_size": 64, "patch_size_level0": 64, "target_magnification": 20} | attributes
        )
    return path


@pytest.mark.parametrize(
    ("corners", "attributes", "told"),
    [
        ([[0, 0], [100_000, 0]], {}, r"tile 1 at \[100000, 0\] lies outside the slide of"),
        ([[0, 0]], {"level0_width": 5, "level0_height": 5}, r"it was made of a slide of \(5, 5\) pixels"),
        ([[0, 0]], {"patch_size_level0": 99_999}, "a tile of 99999 pixels is larger than the slide"),
    ],
)
def test_features_of_another_slide_are_refused(cohort, tmp_path, corners, attributes, told):
    path = trident_file(tmp_path / "A.h5", corners, **attributes)
    with pytest.raises(ForeignFeaturesError, match=told):
        import_features(
            SlideSource(cohort.slides["A"], "A", "P"),
            PARAMETERS,
            path,
            encoder="uni",
            store=tmp_path / "store.zarr.zip",
            features=tmp_path / "features.zarr.zip",
        )
    assert not (tmp_path / "store.zarr.zip").exists()


def test_a_slide_that_cannot_be_read_is_set_aside(cohort, tmp_path):
    outputs = {"store": tmp_path / "store.zarr.zip", "features": tmp_path / "features.zarr.zip"}
    path = trident_file(tmp_path / "damaged.h5", [[0, 0]])
    import_features(SlideSource(cohort.slides["damaged"], "damaged", "P"), PARAMETERS, path, encoder="uni", **outputs)
    features, store = read_features(outputs["features"]), read_store(outputs["store"])
    assert features.features.shape == (0, 4)
    assert store.summary.status == features.summary.status == "set_aside"
    assert "damaged.svs" in store.summary.reason


class _Names(pickle.Unpickler):
    """Gives what is named as its name."""

    def find_class(self, module, name):
        return (lambda *arguments: arguments) if name == "_rebuild_tensor_v2" else (lambda: f"{module}.{name}")

    def persistent_load(self, pid):
        return (pid[0], pid[1](), *pid[2:])


@pytest.mark.parametrize("shape", [(5, 3), (1, 70_000), (0, 4)])
def test_a_tensor_is_described_as_torch_does(tmp_path, shape):
    array = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    write_tensor(tmp_path / "a.pt", array)
    with zipfile.ZipFile(tmp_path / "a.pt") as file:
        assert file.testzip() is None
        described = _Names(io.BytesIO(file.read("archive/data.pkl"))).load()
        data = np.frombuffer(file.read("archive/data/0"), "<f4").reshape(shape)
    storage = ("storage", "torch.FloatStorage", "0", "cpu", array.size)
    assert described == (storage, 0, shape, (shape[1], 1), False, "collections.OrderedDict")
    np.testing.assert_array_equal(data, array)


def test_torch_loads_a_tensor(tmp_path):
    torch = pytest.importorskip("torch", reason="torch is not installed here")
    array = np.random.default_rng(1).normal(size=(300, 1000)).astype(np.float32)
    write_tensor(tmp_path / "a.pt", array)
    np.testing.assert_array_equal(torch.load(tmp_path / "a.pt", weights_only=True).numpy(), array)
