from dataclasses import replace

import numpy as np
import pytest
import zarr
from zarr.storage import ZipStore

from slidemill.features.store import (
    FORMAT,
    FeatureStore,
    FeatureSummary,
    features_path,
    read_feature_summary,
    read_features,
    write_features,
)
from slidemill.zarr_zip import ZarrZipError, write_zarr_zip

SUMMARY = FeatureSummary(
    slide_id="S",
    patient_id="P",
    status="usable",
    reason="",
    encoder="small",
    weights_sha256="ab" * 32,
    dimension=4,
    input_size=224,
    mpp=0.5,
    tile_size=256,
    tile_extent=512,
    normalisation={"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
    pooling="average",
    precision="float32",
    source="slide",
    versions={"slidemill": "0.1.0"},
)


def store_of(tiles):
    generator = np.random.default_rng(tiles)
    features = generator.normal(size=(tiles, 4)).astype(np.float16)
    return FeatureStore(SUMMARY, features, generator.integers(0, 10**6, (tiles, 2)))


@pytest.mark.parametrize("tiles", [0, 1, 50])
def test_what_is_written_is_read(tmp_path, tiles):
    path = features_path(tmp_path / "small", "S")
    store = store_of(tiles)
    write_features(path, store)
    back = read_features(path)
    assert back.summary == store.summary == read_feature_summary(path)
    np.testing.assert_array_equal(back.features, store.features, strict=True)
    np.testing.assert_array_equal(back.coordinates, store.coordinates, strict=True)


def test_equal_features_are_equal_bytes(tmp_path):
    paths = [tmp_path / "one.zarr.zip", tmp_path / "other.zarr.zip"]
    for path in paths:
        write_features(path, store_of(9))
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_zarr_opens_it_in_two_lines(tmp_path):
    path, store = tmp_path / "S.zarr.zip", store_of(7)
    write_features(path, store)
    with ZipStore(path, mode="r") as opened:
        group = zarr.open_group(opened, mode="r")
        np.testing.assert_array_equal(group["features"][:], store.features, strict=True)
        assert group.attrs["encoder"] == "small"


def test_rows_that_do_not_fit_are_a_bug():
    with pytest.raises(ValueError, match="do not fit"):
        replace(store_of(3), coordinates=np.zeros((2, 2), np.int64))


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "S.zarr.zip"
    store = store_of(3)
    arrays = {"features": store.features, "coordinates": store.coordinates[:2]}
    write_zarr_zip(path, arrays=arrays, attributes={"format": "slidemill predictions 1"})
    with pytest.raises(ZarrZipError, match="'slidemill predictions 1' and not 'slidemill features 1'"):
        read_features(path)
    write_features(path, store)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ZarrZipError, match=r"S.zarr.zip: not a readable Zarr zip file"):
        read_features(path)
    assert FORMAT == "slidemill features 1"
