"""Feature files of other tools are read, or refused by one line that names the file."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from slidemill.features.exchange.foreign import ForeignFeaturesError
from slidemill.features.exchange.read import read_foreign

REAL = Path(__file__).parents[3] / "shared" / "features"
FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3)
PLACES = np.array([[0, 0], [0, 512], [512, 0], [1024, 512]])


def write(path, arrays, of_file=(), of_coords=()):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array
        file.attrs.update(dict(of_file))
        if of_coords:
            file["coords"].attrs.update(dict(of_coords))
    return path


def trident(path, **changes):
    attributes = {
        "patch_size": 256,
        "patch_size_level0": 512,
        "level0_magnification": 40,
        "target_magnification": 20,
        "overlap": 0,
        "level0_width": 2000,
        "level0_height": 1500,
        "name": "S",
    }
    return write(path, {"features": FEATURES, "coords": PLACES} | changes, of_coords=attributes)


def stamp(path, mpp=0.25):
    attributes = {
        "stamp_version": "2.0.0",
        "extractor": "uni",
        "unit": "um",
        "tile_size_um": 128.0,
        "tile_size_px": 256,
        "code_hash": "12345678",
        "feat_type": "tile",
    }
    return write(path, {"feats": FEATURES.astype(np.float16), "coords": PLACES * mpp}, of_file=attributes)


def test_trident(tmp_path):
    found = read_foreign(trident(tmp_path / "S.h5"))
    np.testing.assert_array_equal(found.features, FEATURES)
    np.testing.assert_array_equal(found.corners(0.25), PLACES)
    assert (found.extent(0.25), found.tile_size, found.mpp, found.slide_size) == (512, 256, 0.5, (2000, 1500))


def test_stamp_whose_places_are_microns(tmp_path):
    found = read_foreign(stamp(tmp_path / "S.h5"))
    np.testing.assert_array_equal(found.corners(0.25), PLACES)
    assert (found.extent(0.25), found.tile_size, found.mpp, found.made_by) == (512, 256, 0.5, "stamp 2.0.0")


def test_a_file_that_tells_nothing_has_the_step_of_its_grid(tmp_path):
    found = read_foreign(write(tmp_path / "S.h5", {"feats": FEATURES, "coords": PLACES}))
    assert (found.unit, found.extent(0.25), found.tile_size, found.mpp) == ("px", 512, None, None)


def test_the_side_at_another_level_is_not_taken_for_the_side_on_the_slide(tmp_path):
    arrays = {"features": FEATURES, "coords": PLACES}
    path = write(tmp_path / "S.h5", arrays, of_coords={"patch_size": 256, "patch_level": 1})
    assert read_foreign(path).extent(0.25) == 512


def test_a_first_axis_of_one_is_left_out(tmp_path):
    np.testing.assert_array_equal(read_foreign(trident(tmp_path / "S.h5", features=FEATURES[None])).features, FEATURES)


def changed(place, value, array=FEATURES):
    array = array.astype(np.float64)
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"features": changed((2, 1), np.nan)}, "number 1 of tile 2 is nan, which float16 does not hold"),
        ({"features": changed((0, 0), 1e6)}, r"number 0 of tile 0 is 1000000\.0"),
        ({"features": FEATURES[:3]}, "it has 3 features and 4 coordinates"),
        ({"features": FEATURES[0]}, r"its 'features' is float32 \(3,\) and not numbers \(tiles, numbers\)"),
        ({"features": FEATURES[:, :0]}, "its features have no numbers"),
        ({"features": np.array([b"x"] * 4)}, "and not numbers"),
        ({"coords": changed((1, 0), -1, PLACES)}, r"the place of tile 1 is \[-1\.0, 512\.0\]"),
        ({"coords": changed((1, 0), np.inf, PLACES)}, "the place of tile 1 is"),
        ({"coords": PLACES[[0, 0, 1, 2]]}, "two of its tiles are at the same place"),
        ({"coords": np.zeros((4, 3))}, "its 'coords' is"),
    ],
)
def test_what_cannot_be_right_is_refused(tmp_path, changes, told):
    with pytest.raises(ForeignFeaturesError, match=told) as caught:
        read_foreign(trident(tmp_path / "S.h5", **changes))
    assert str(caught.value).startswith(str(tmp_path / "S.h5"))
    assert "\n" not in str(caught.value)


def test_missing_datasets_are_told_with_what_is_there(tmp_path):
    with pytest.raises(ForeignFeaturesError, match="no dataset 'features' or 'feats', only 'coords'"):
        read_foreign(write(tmp_path / "a.h5", {"coords": PLACES}))
    with pytest.raises(ForeignFeaturesError, match="no dataset 'coords', only 'features'"):
        read_foreign(write(tmp_path / "b.h5", {"features": FEATURES}))


def test_other_and_damaged_files_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(ForeignFeaturesError, match="it is no HDF5 file"):
        read_foreign(tmp_path / "text.h5")
    whole = trident(tmp_path / "S.h5").read_bytes()
    for length in (9, 100, len(whole) // 2, len(whole) - 200):
        (tmp_path / "S.h5").write_bytes(whole[:length])
        with pytest.raises(ForeignFeaturesError, match="damaged or cut short"):
            read_foreign(tmp_path / "S.h5")


def test_links_to_other_files_are_not_followed(tmp_path):
    trident(tmp_path / "secret.h5")
    with h5py.File(tmp_path / "S.h5", "w") as file:
        file["features"] = h5py.ExternalLink("secret.h5", "/features")
        file["coords"] = PLACES
    with pytest.raises(ForeignFeaturesError, match="its 'features' is a link to something else"):
        read_foreign(tmp_path / "S.h5")


def test_a_dataset_that_claims_to_be_huge_takes_no_memory(tmp_path):
    with h5py.File(tmp_path / "S.h5", "w") as file:
        file.create_dataset("features", shape=(2**40, 1024), dtype="f4", chunks=(1, 1024))
        file["coords"] = PLACES
    with pytest.raises(ForeignFeaturesError, match="which no slide has"):
        read_foreign(tmp_path / "S.h5")


@pytest.mark.skipif(not REAL.exists(), reason="the real feature files are not beside the checkout, in shared/features")
def test_real_files():
    found = read_foreign(REAL / "stamp-like_TCGA-AD-6964.h5")
    assert (found.features.shape, found.extent(0.25)) == ((777, 512), 512)
    # The other one names the pictures of its tiles and not their places.
    with pytest.raises(ForeignFeaturesError, match="no dataset 'coords', only 'features', 'metadata'"):
        read_foreign(REAL / "stamp-like_TCGA-3X-AAVA.h5")
