"""The tile store of a slide: which tiles it gave, where their records are, and how they were made.

A store is two files: `tiles/{slide}.tfrecord` holds the JPEG tiles, `tiles/{slide}.zarr.zip` holds their index, read
and written here. Where nothing reads pixels from records there is only the index. A slide that cannot be used has a
store as well: it is empty and says why.

A store holds all tissue tiles with their flags. Which flags exclude a tile is decided when the store is read, so that
another decision cuts no tile again.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from slidemill.slides import Bounds, shown_part
from slidemill.tiling.most_tissue import most_tissue
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag, flag_bits
from slidemill.units import SlidePixels
from slidemill.zarr_zip import read_zarr_zip, write_zarr_zip

FORMAT = "slidemill tile store 1"

Status = Literal["usable", "set_aside"]


@dataclass(frozen=True, slots=True)
class SlideFacts:
    """What the slide's file says of itself.

    Attributes:
        vendor: as OpenSlide names it, such as "aperio".
        width, height: size of level 0.
        mpp: microns per level-0 pixel.
        mpp_source: where `mpp` is from: "slide sheet", "properties", "TIFF tags" or "objective power".
        objective_power: magnification of the scan, None where the file does not state it.
        file_mpp: what the file tells of the resolution, None where it tells nothing.
        bounds: the part that was scanned, x, y, width and height in level-0 pixels; None where that is all of it.
    """

    vendor: str
    width: SlidePixels
    height: SlidePixels
    mpp: float
    mpp_source: str
    objective_power: float | None
    file_mpp: float | None = None
    bounds: Bounds | None = None

    @property
    def shown_size(self) -> tuple[SlidePixels, SlidePixels]:
        """Width and height of what viewers show of the slide, level-0 pixels."""
        if self.bounds is None:
            return self.width, self.height
        return SlidePixels(self.bounds.width), SlidePixels(self.bounds.height)

    @classmethod
    def from_attributes(cls, attributes: dict[str, Any]) -> Self:
        """Read the facts in the attributes of a Zarr file back."""
        bounds = attributes.get("bounds")
        return cls(**attributes | {"bounds": None if bounds is None else Bounds(*bounds)})


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """What is known of a store without its arrays; its attributes in the Zarr file.

    Attributes:
        slide_id, patient_id: as in the slide sheet.
        status: "usable", or "set_aside" when the slide gave no tiles.
        reason: why it was set aside, one line; empty for a usable slide.
        flags: of the slide: quality flags, such as "pen_marks", "damaged", "mpp_from_sheet_not_file".
        tile_count: number of tiles kept.
        grid_count: number of full tiles that fit into the slide.
        tile_extent: side of a tile on the slide; 0 where it could not be known.
        parameters: every tiling parameter.
        slide: the slide's facts, None where the file could not be read.
        versions: the software that made the store.
        reader: "direct", "openslide" or "plain", what read the slide; empty where nothing could.
        flagged: number of the kept tiles with each quality flag.
        damaged_count: number of tiles that may hold tissue and cannot be decoded; they are not kept.
    """

    slide_id: str
    patient_id: str
    status: Status
    reason: str
    flags: tuple[str, ...]
    tile_count: int
    grid_count: int
    tile_extent: SlidePixels
    parameters: dict[str, Any]
    slide: SlideFacts | None
    versions: dict[str, str]
    reader: str = ""
    flagged: dict[str, int] = field(default_factory=dict)
    damaged_count: int = 0

    @classmethod
    def from_attributes(cls, attributes: dict[str, Any]) -> Self:
        """Read the attributes of a Zarr file back."""
        values = {key: value for key, value in attributes.items() if key != "format"}
        values["flags"] = tuple(values["flags"])
        values["slide"] = SlideFacts.from_attributes(values["slide"]) if values["slide"] else None
        return cls(**values)


def _empty(*shape: int, dtype: Any) -> Any:
    return field(default_factory=lambda: np.zeros(shape, dtype))


@dataclass(frozen=True, slots=True)
class TileStore:
    """The index of a slide's tiles.

    Attributes:
        summary: status, parameters and the slide's facts.
        coordinates: (tiles, 2) int64, level-0 pixels, x and y of the top left corner.
        tissue_fraction: (tiles,) float32, share of the tile's area that is tissue.
        ink_fraction: (tiles,) float32, share of the tile's area under marks of a pen.
        sharpness: (tiles,) float32, `slidemill.tiling.quality.sharpness_of`.
        quality: (tiles,) uint8, flags of the tile as bits: 1 pen marks, 2 out of focus.
        offset, length: (tiles,) int64, bytes, place of each framed record in the TFRecord file; 0 where there is none.
        tissue_mask: (height, width) bool, the whole slide at thumbnail resolution.
        thumbnail: (height, width, 3) uint8 RGB, the whole slide without its label and macro images.
        damaged: (damaged tiles, 2) int64, level-0 pixels, corners of tiles that cannot be decoded.
        unseen: (parts, 4) int64, level-0 pixels, x, y, width and height of parts of the slide that cannot be decoded
            for the thumbnail, which is white there.
    """

    summary: StoreSummary
    coordinates: np.ndarray = _empty(0, 2, dtype=np.int64)
    tissue_fraction: np.ndarray = _empty(0, dtype=np.float32)
    ink_fraction: np.ndarray = _empty(0, dtype=np.float32)
    sharpness: np.ndarray = _empty(0, dtype=np.float32)
    quality: np.ndarray = _empty(0, dtype=np.uint8)
    offset: np.ndarray = _empty(0, dtype=np.int64)
    length: np.ndarray = _empty(0, dtype=np.int64)
    tissue_mask: np.ndarray = _empty(0, 0, dtype=np.bool_)
    thumbnail: np.ndarray = _empty(0, 0, 3, dtype=np.uint8)
    damaged: np.ndarray = _empty(0, 2, dtype=np.int64)
    unseen: np.ndarray = _empty(0, 4, dtype=np.int64)

    @property
    def shown_thumbnail(self) -> np.ndarray:
        """The part of the thumbnail that viewers show of the slide."""
        facts = self.summary.slide
        return shown_part(self.thumbnail, (facts.width, facts.height), facts.bounds) if facts else self.thumbnail

    def is_used(self, exclude: Collection[QualityFlag], most: int | None = None) -> np.ndarray:
        """(tiles,) bool, which tiles have none of the flags to exclude; with `most` so many, see `most_tissue`."""
        used = _is_used(self.quality, exclude)
        return used if most is None else most_tissue(self.tissue_fraction, used, most)

    def without(self, exclude: Collection[QualityFlag], most: int | None = None) -> "TileStore":
        """The store with the tiles that `is_used` tells; a slide of which none is left is set aside."""
        used = self.is_used(exclude, most)
        left = {name: getattr(self, name)[used] for name in _ARRAYS_OF_TILES}
        return replace(self, summary=_summary_of_used(self.summary, used, exclude), **left)


_ARRAYS_OF_TILES = ("coordinates", "tissue_fraction", "ink_fraction", "sharpness", "quality", "offset", "length")
_ARRAYS = (*_ARRAYS_OF_TILES, "tissue_mask", "thumbnail", "damaged", "unseen")


def write_store(path: Path, store: TileStore) -> None:
    """Write the index of a tile store, atomically; equal stores give equal bytes."""
    arrays = {name: getattr(store, name) for name in _ARRAYS}
    write_zarr_zip(path, arrays=arrays, attributes={"format": FORMAT} | asdict(store.summary))


def read_store(path: Path) -> TileStore:
    """Read the index of a tile store.

    Raises:
        ZarrZipError: the file is missing or damaged.
    """
    content = read_zarr_zip(path)
    return TileStore(summary=StoreSummary.from_attributes(content.attributes), **content.arrays)


def read_summary(path: Path, exclude: Collection[QualityFlag] = ()) -> StoreSummary:
    """Read the summary of `TileStore.without` alone, which is fast for a slide of any size.

    Raises:
        ZarrZipError: the file is missing or damaged.
    """
    content = read_zarr_zip(path, names=("quality",) if exclude else ())
    summary = StoreSummary.from_attributes(content.attributes)
    return _summary_of_used(summary, _is_used(content.arrays["quality"], exclude), exclude) if exclude else summary


def read_record_places(path: Path, exclude: Collection[QualityFlag] = (), most: int | None = None) -> np.ndarray:
    """Read where the records of a tile store are: (tiles, 2) int64, offset and length in bytes of each.

    Args:
        path: the index.
        exclude: tiles with one of these flags are left out.
        most: greatest number of tiles, those with `most_tissue`; None for all.

    Raises:
        ZarrZipError: the file is missing or damaged.
    """
    arrays = read_zarr_zip(path, names=("offset", "length", "quality", "tissue_fraction")).arrays
    used = _is_used(arrays["quality"], exclude)
    if most is not None:
        used = most_tissue(arrays["tissue_fraction"], used, most)
    return np.stack([arrays["offset"], arrays["length"]], axis=1)[used]


def read_used_coordinates(path: Path, exclude: Collection[QualityFlag] = ()) -> np.ndarray:
    """Read where the tiles of a store are, and nothing else of it: (tiles, 2) int64, as in `TileStore`.

    Args:
        path: the index.
        exclude: tiles with one of these flags are left out.

    Raises:
        ZarrZipError: the file is missing or damaged.
    """
    arrays = read_zarr_zip(path, names=("coordinates", "quality")).arrays
    return arrays["coordinates"][_is_used(arrays["quality"], exclude)]


def _is_used(quality: np.ndarray, exclude: Collection[QualityFlag]) -> np.ndarray:
    return np.asarray((quality & flag_bits(exclude)) == 0)


def _summary_of_used(summary: StoreSummary, used: np.ndarray, exclude: Collection[QualityFlag]) -> StoreSummary:
    left = replace(summary, tile_count=int(np.count_nonzero(used)))
    if left.tile_count or not summary.tile_count:
        return left
    flags = " or ".join(flag.replace("_", " ") for flag in QUALITY_FLAGS if flag in exclude)
    reason = (
        f"{summary.slide_id} has no tile to use: all {summary.tile_count} with tissue are flagged ({flags}). "
        "Shorten quality.exclude to use them."
    )
    return replace(left, status="set_aside", reason=reason)


def store_paths(folder: Path, slide_id: str) -> tuple[Path, Path]:
    """Paths of a slide's tile records and of their index in a folder of tile stores."""
    return folder / f"{slide_id}.tfrecord", folder / f"{slide_id}.zarr.zip"
