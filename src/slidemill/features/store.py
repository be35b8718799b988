"""The features of a slide: one row for each tile of its tile store, made by one encoder.

A file holds all tiles of the store in the store's order, also those with quality flags: which of them are used is
decided when features are read. A slide that cannot be used has a file as well: it is empty and says why.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from slidemill.tiling.store import Status
from slidemill.units import SlidePixels, TilePixels
from slidemill.zarr_zip import ZarrZipError, read_zarr_zip, write_zarr_zip

FORMAT = "slidemill features 1"

Precision = Literal["float32", "float16", "bfloat16"]
Fit = Literal["resize", "crop"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSummary:
    """What is known of features without their arrays; the attributes of the Zarr file.

    Attributes:
        slide_id, patient_id: as in the slide sheet.
        status: "usable", or "set_aside" when the slide gave no tiles.
        reason: why it was set aside, one line; empty for a usable slide.
        encoder: name of the encoder, such as "efficientnet_lite0".
        weights_sha256: of the encoder's weights; empty where nobody knows it, as in files of other programs.
        dimension: numbers for each tile.
        input_size: pixels, side of the encoder's input.
        mpp: microns per pixel of the tiles, as asked for when they were cut.
        tile_size: pixels, side of the tiles at `mpp`.
        tile_extent: side of a tile on the slide; 0 where it could not be known.
        normalisation: "mean" and "std" of the three channels, on a scale of 0 to 1.
        pooling: what the features are of what the network gives, such as "average".
        precision: of the computation; the file holds float16.
        source: where the pixels came from: "slide", "records", or the program that made the features.
        versions: the software that made the features.
        fit: how a tile was brought to `input_size`, "resize" or "crop"; "resize" where nobody knows it.
    """

    slide_id: str
    patient_id: str
    status: Status
    reason: str
    encoder: str
    weights_sha256: str
    dimension: int
    input_size: int
    mpp: float
    tile_size: TilePixels
    tile_extent: SlidePixels
    normalisation: dict[str, list[float]]
    pooling: str
    precision: Precision
    source: str
    versions: dict[str, str] = field(default_factory=dict)
    fit: Fit = "resize"

    @classmethod
    def from_attributes(cls, attributes: dict[str, Any]) -> Self:
        """Read the attributes of a Zarr file back."""
        return cls(**{key: value for key, value in attributes.items() if key != "format"})


@dataclass(frozen=True, slots=True)
class FeatureStore:
    """The features of a slide.

    Attributes:
        summary: what they are of, and what made them.
        features: (tiles, dimension) float16.
        coordinates: (tiles, 2) int64, level-0 pixels, x and y of the top left corner, in the order of the tile store.
    """

    summary: FeatureSummary
    features: np.ndarray
    coordinates: np.ndarray

    def __post_init__(self) -> None:
        tiles = len(self.coordinates)
        if self.coordinates.shape != (tiles, 2) or self.features.shape != (tiles, self.summary.dimension):
            raise ValueError(
                f"features {self.features.shape} and coordinates {self.coordinates.shape} do not fit each other and "
                f"dimension {self.summary.dimension}"
            )


def write_features(path: Path, store: FeatureStore) -> None:
    """Write features, atomically; equal features give equal bytes."""
    arrays: dict[str, np.ndarray] = {
        "features": store.features.astype(np.float16, copy=False),
        "coordinates": store.coordinates.astype(np.int64, copy=False),
    }
    write_zarr_zip(path, arrays=arrays, attributes={"format": FORMAT} | asdict(store.summary))


def read_features(path: Path) -> FeatureStore:
    """Read the features of a slide.

    Raises:
        ZarrZipError: the file is missing or damaged, or holds something else.
    """
    content = read_zarr_zip(path, names=("features", "coordinates"))
    summary = _summary(path, content.attributes)
    try:
        return FeatureStore(summary, **content.arrays)
    except ValueError as error:
        raise ZarrZipError(path, str(error)) from None


def read_feature_summary(path: Path) -> FeatureSummary:
    """Read what is known of features without their arrays, which is fast for a slide of any size.

    Raises:
        ZarrZipError: the file is missing or damaged, or holds something else.
    """
    return _summary(path, read_zarr_zip(path, names=()).attributes)


def features_path(folder: Path, slide_id: str) -> Path:
    """Path of a slide's features in the folder of an encoder."""
    return folder / f"{slide_id}.zarr.zip"


def _summary(path: Path, attributes: dict[str, Any]) -> FeatureSummary:
    found = attributes.get("format")
    if found != FORMAT:
        raise ZarrZipError(path, f"its format is {found!r} and not {FORMAT!r}")
    return FeatureSummary.from_attributes(attributes)
