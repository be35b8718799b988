import os
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from zarr.storage import ZipStore

from slidemill.zarr_zip import ZarrZipError, read_zarr_attributes, read_zarr_zip, write_zarr_zip

arrays = st_numpy.arrays(
    dtype=st.sampled_from([np.dtype(name) for name in ("bool", "uint8", "int64", "float16", "float32", "float64")]),
    shape=st_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
)


@given(array=arrays, attributes=st.dictionaries(st.text(), st.none() | st.integers(-(2**53), 2**53) | st.text()))
def test_what_is_written_is_read_back(tmp_path_factory, array, attributes):
    path = tmp_path_factory.mktemp("zarr") / "x.zarr.zip"
    write_zarr_zip(path, arrays={"a": array}, attributes=attributes)
    content = read_zarr_zip(path)
    with ZipStore(path, mode="r") as store:
        by_library = zarr.open_group(store, mode="r", zarr_format=3)
        for read, told in ((content.arrays["a"], content.attributes), (by_library["a"][...], dict(by_library.attrs))):
            np.testing.assert_array_equal(read, array)
            assert np.asarray(read).dtype == array.dtype
            assert told == attributes
    content.arrays["a"][...] = 0  # who has read an array may change it
    assert read_zarr_attributes(path) == attributes


def test_reading_needs_no_library_of_zarr(tmp_path):
    write_zarr_zip(tmp_path / "x.zarr.zip", arrays={"a": np.arange(3)}, attributes={})
    code = (
        "import sys, pathlib, slidemill.zarr_zip as z; z.read_zarr_zip(pathlib.Path(sys.argv[1])); print(*sys.modules)"
    )
    run = [sys.executable, "-c", code, tmp_path / "x.zarr.zip"]
    loaded = subprocess.run(run, capture_output=True, check=True, text=True).stdout.split()
    assert "imagecodecs" in loaded
    assert not {"zarr", "numcodecs"} & set(loaded)


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


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("zarr.json", b"[]"),
        ("zarr.json", b"{"),
        ("zarr.json", b"\xff"),
        ("zarr.json", b'{"attributes": []}'),
        ("a/zarr.json", b"{}"),
        ("a/zarr.json", b'{"shape": [3], "data_type": "object"}'),
        ("a/zarr.json", b'{"shape": ["x"], "data_type": "int64"}'),
        ("a/c/0", b""),
        ("a/c/0", b"no zstd"),
    ],
)
def test_another_content_is_an_error_with_the_name_of_the_file(tmp_path, entry, text):
    path = tmp_path / "x.zarr.zip"
    write_zarr_zip(path, arrays={"a": np.arange(3)}, attributes={})
    change(path, entry, text)
    with pytest.raises(ZarrZipError, match=r"x\.zarr\.zip: not a readable Zarr zip file"):
        read_zarr_zip(path)


@pytest.mark.parametrize("other", [np.arange(4), np.arange(2)])
def test_a_chunk_of_another_array_is_an_error(tmp_path, other):
    path, second = tmp_path / "x.zarr.zip", tmp_path / "y.zarr.zip"
    write_zarr_zip(path, arrays={"a": np.arange(3)}, attributes={})
    write_zarr_zip(second, arrays={"a": other}, attributes={})
    with zipfile.ZipFile(second) as archive:
        change(path, "a/c/0", archive.read("a/c/0"))
    with pytest.raises(ZarrZipError, match=r"x\.zarr\.zip"):
        read_zarr_zip(path)


def test_an_array_in_chunks_is_an_error_and_no_part_of_it(tmp_path):
    path = tmp_path / "x.zarr.zip"
    with ZipStore(path, mode="w") as store:
        zarr.create_group(store, zarr_format=3).create_array("a", data=np.arange(4), chunks=(2,))
    with pytest.raises(ZarrZipError, match="another form"):
        read_zarr_zip(path)


def change(path, entry, content):
    """Give an entry of a zip file another content."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (entries | {entry: content}).items():
            archive.writestr(name, text)
