"""Read a feature file of another tool, trusting nothing in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from slidemill.features.exchange.foreign import LARGEST_FLOAT16, ForeignFeatures, ForeignFeaturesError
from slidemill.units import TilePixels

_MAGIC = b"\x89HDF\r\n\x1a\n"
_FEATURES = ("features", "feats")
_MOST_TILES = 5_000_000  # of a slide, many times what there is
_MOST_NUMBERS = 16_384  # of a tile
_LARGEST_PLACE = 2**31  # pixels or microns


def read_foreign(path: Path) -> ForeignFeatures:
    """Read features that TRIDENT, STAMP or CLAM wrote.

    Args:
        path: an HDF5 file with `features` or `feats`, and `coords`.

    Raises:
        ForeignFeaturesError: the file is no such file, or what it holds cannot be right.
        OSError: the machine does not give the file.
    """
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise ForeignFeaturesError(path, "it is no HDF5 file")
    try:
        # Many shared file systems have no locks.
        with h5py.File(path, "r", locking=False) as content:
            return _foreign(path, content)
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise ForeignFeaturesError(path, f"it is damaged or cut short ({_first_line(error)})") from error


def _foreign(path: Path, content: h5py.File) -> ForeignFeatures:
    name = next((name for name in _FEATURES if name in content), None)
    if name is None:
        raise ForeignFeaturesError(path, f"it has no dataset 'features' or 'feats', only {_names(content)}")
    if "coords" not in content:
        raise ForeignFeaturesError(
            path,
            f"it has no dataset 'coords', only {_names(content)}",
            "Features without the places of their tiles cannot be used: extract them with places.",
        )
    features = _numbers(path, content, name, ("tiles", "numbers"), (_MOST_TILES, _MOST_NUMBERS))
    places = _numbers(path, content, "coords", ("tiles", "2"), (_MOST_TILES, 2))
    if len(features) != len(places):
        raise ForeignFeaturesError(path, f"it has {len(features)} features and {len(places)} coordinates")
    if not features.shape[1]:
        raise ForeignFeaturesError(path, "its features have no numbers")
    about, of_places = _attributes(content), _attributes(content["coords"])
    unit: Literal["px", "um"] = "um" if about.get("unit", of_places.get("unit")) == "um" else "px"
    return ForeignFeatures(
        path=path,
        features=_as_float16(path, features),
        coordinates=_checked_places(path, places),
        unit=unit,
        side=_side(about, of_places, unit),
        tile_size=_tile_size(about, of_places),
        mpp=_mpp(about, of_places),
        slide_size=_slide_size(of_places),
        made_by=" ".join(["stamp", str(about["stamp_version"])] if "stamp_version" in about else ["unknown"]),
    )


def _numbers(path: Path, content: h5py.File, name: str, axes: tuple[str, str], most: tuple[int, int]) -> np.ndarray:
    """A dataset of two axes in this very file; a first axis of length one is left out."""
    if not isinstance(content.get(name, getlink=True), h5py.HardLink):
        raise ForeignFeaturesError(path, f"its '{name}' is a link to something else")
    dataset = content[name]
    if not isinstance(dataset, h5py.Dataset) or dataset.is_virtual or dataset.external:
        raise ForeignFeaturesError(path, f"its '{name}' is no dataset of numbers in the file itself")
    shape = dataset.shape[1:] if dataset.ndim == 3 and dataset.shape[0] == 1 else dataset.shape
    if dataset.dtype.kind not in "fiu" or len(shape) != 2 or (axes[1] == "2" and shape[1] != 2):
        told = f"{dataset.dtype} {dataset.shape}"
        raise ForeignFeaturesError(path, f"its '{name}' is {told} and not numbers ({', '.join(axes)})")
    if any(length > limit for length, limit in zip(shape, most, strict=True)):
        raise ForeignFeaturesError(path, f"its '{name}' has the shape {shape}, which no slide has")
    array: np.ndarray = dataset[()].reshape(shape)
    return array


def _as_float16(path: Path, features: np.ndarray) -> np.ndarray:
    # In pieces, so that there is no second copy of it in double precision.
    for start in range(0, len(features), 8192):
        piece = features[start : start + 8192]
        wrong = ~np.isfinite(piece) | (np.abs(piece) > LARGEST_FLOAT16)
        if wrong.any():
            tile, place = np.argwhere(wrong)[0]
            raise ForeignFeaturesError(
                path, f"number {place} of tile {start + tile} is {piece[tile, place]}, which float16 does not hold"
            )
    return features.astype(np.float16, copy=False)


def _checked_places(path: Path, places: np.ndarray) -> np.ndarray:
    places = places.astype(np.float64)
    wrong = ~(np.isfinite(places) & (places >= 0) & (places < _LARGEST_PLACE)).all(axis=1)
    if wrong.any():
        tile = int(np.argmax(wrong))
        raise ForeignFeaturesError(path, f"the place of tile {tile} is {places[tile].tolist()}")
    if len(np.unique(places, axis=0)) != len(places):
        raise ForeignFeaturesError(path, "two of its tiles are at the same place")
    return places


def _attributes(of: Any) -> dict[str, Any]:
    """The attributes that are one number or one text."""
    plain = {}
    for name, value in of.attrs.items():
        value = value.item() if isinstance(value, np.generic | np.ndarray) and np.size(value) == 1 else value
        if isinstance(value, bytes):
            value = value.decode("utf-8", "replace")
        if isinstance(value, str | int | float):
            plain[name] = value
    return plain


def _side(about: Mapping[str, Any], of_places: Mapping[str, Any], unit: str) -> float | None:
    if unit == "um":
        return _positive(about.get("tile_size_um"))
    if (side := _positive(of_places.get("patch_size_level0"))) is not None:
        return side
    # CLAM tells the side at the level that it read.
    return _positive(of_places.get("patch_size")) if of_places.get("patch_level") == 0 else None


def _tile_size(about: Mapping[str, Any], of_places: Mapping[str, Any]) -> TilePixels | None:
    size = _positive(about.get("tile_size_px", of_places.get("patch_size")))
    return None if size is None else TilePixels(round(size))


def _mpp(about: Mapping[str, Any], of_places: Mapping[str, Any]) -> float | None:
    side, size = _positive(about.get("tile_size_um")), _positive(about.get("tile_size_px"))
    if side is not None and size is not None:
        return side / size
    magnification = _positive(of_places.get("target_magnification"))
    return None if magnification is None else 10.0 / magnification


def _slide_size(of_places: Mapping[str, Any]) -> tuple[int, int] | None:
    width, height = (_positive(of_places.get(f"level0_{side}")) for side in ("width", "height"))
    return None if width is None or height is None else (round(width), round(height))


def _positive(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < _LARGEST_PLACE else None


def _names(content: h5py.File) -> str:
    names = sorted(content)
    return ", ".join(f"'{name}'" for name in names[:8]) if names else "nothing"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
