import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from slidemill.zarr_zip import ZarrZipError, read_zarr_zip, write_zarr_zip

arrays = st_numpy.arrays(
    dtype=st.sampled_from([np.dtype(name) for name in ("bool", "uint8", "int64", "float32")]),
    shape=st_numpy.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5),
)


@given(array=arrays, attributes=st.dictionaries(st.text(), st.none() | st.integers(-(2**53), 2**53) | st.text()))
def test_what_is_written_is_read_back(tmp_path_factory, array, attributes):
    path = tmp_path_factory.mktemp("zarr") / "x.zarr.zip"
    write_zarr_zip(path, arrays={"a": array}, attributes=attributes)
    content = read_zarr_zip(path)
    np.testing.assert_array_equal(content.arrays["a"], array)
    assert content.arrays["a"].dtype == array.dtype
    assert content.attributes == attributes


def test_equal_content_gives_equal_bytes_at_any_time(tmp_path, monkeypatch):
    paths = [tmp_path / "1.zarr.zip", tmp_path / "2.zarr.zip"]
    for path, zone in zip(paths, ["UTC", "Asia/Tokyo"], strict=True):
        monkeypatch.setenv("TZ", zone)
        write_zarr_zip(path, arrays={"b": np.arange(5), "a": np.ones((3, 2))}, attributes={"x": [1, None]})
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_only_the_named_arrays_are_read(tmp_path):
    path = tmp_path / "x.zarr.zip"
    write_zarr_zip(path, arrays={"a": np.arange(3), "b": np.arange(4)}, attributes={"n": 1})
    assert list(read_zarr_zip(path, names=("b",)).arrays) == ["b"]
    assert read_zarr_zip(path, names=()).arrays == {}


@pytest.mark.parametrize("kept", [0, 2, 200, -1])
def test_a_file_cut_short_is_an_error_with_its_name(tmp_path, kept):
    path = tmp_path / "x.zarr.zip"
    write_zarr_zip(path, arrays={"a": np.arange(100)}, attributes={})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ZarrZipError, match=r"x\.zarr\.zip: not a readable Zarr zip file"):
        read_zarr_zip(path)


def test_a_changed_byte_in_a_chunk_is_noticed(tmp_path):
    path = tmp_path / "x.zarr.zip"
    write_zarr_zip(path, arrays={"a": np.random.default_rng(0).integers(2**60, size=100)}, attributes={})
    content = bytearray(path.read_bytes())
    content[content.index(b"a/c/0") + 100] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ZarrZipError):
        read_zarr_zip(path)


def test_a_missing_file_is_an_error_with_its_name(tmp_path):
    with pytest.raises(ZarrZipError, match="none"):
        read_zarr_zip(tmp_path / "none.zarr.zip")
    assert os.listdir(tmp_path) == []
