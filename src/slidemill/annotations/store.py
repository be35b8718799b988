"""The labels of a slide's tiles: how much of each tile every annotated class covers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.units import SlidePixels
from slidemill.zarr_zip import read_zarr_zip, write_zarr_zip

FORMAT = "slidemill labels 1"


@dataclass(frozen=True, slots=True)
class TileLabels:
    """What the annotations of a slide say of its tiles.

    Attributes:
        slide_id: as in the slide sheet.
        classes: the annotated classes, in the order of the columns of `coverage`.
        coordinates: (tiles, 2) int64, as in the tile store, in its order.
        coverage: (tiles, classes) float32, share of the tile's area in each class; no area is in two classes.
        tile_extent: side of a tile, level-0 pixels.
        exhaustive: whether all of each class is annotated; if not, nothing is known of the rest of the slide.
        regions: names of the regions of each class, and under "without" of those that were taken out.
        annotation_sha256: of the file of annotations; empty for a slide without one.
        remarks: what reading the annotations had to tell.
    """

    slide_id: str
    classes: tuple[str, ...]
    coordinates: np.ndarray
    coverage: np.ndarray
    tile_extent: SlidePixels
    exhaustive: bool
    regions: Mapping[str, Sequence[str]]
    annotation_sha256: str
    remarks: tuple[str, ...]


_ARRAYS = ("coordinates", "coverage")
_ATTRIBUTES = ("slide_id", "classes", "tile_extent", "exhaustive", "regions", "annotation_sha256", "remarks")


def write_labels(path: Path, labels: TileLabels) -> None:
    """Write the labels of a slide, atomically."""
    attributes: dict[str, Any] = {"format": FORMAT} | {name: getattr(labels, name) for name in _ATTRIBUTES}
    write_zarr_zip(path, arrays={name: getattr(labels, name) for name in _ARRAYS}, attributes=attributes)


def read_labels(path: Path) -> TileLabels:
    """Read the labels of a slide.

    Raises:
        ZarrZipError: the file is missing or damaged.
    """
    content = read_zarr_zip(path)
    attributes: dict[str, Any] = {name: content.attributes[name] for name in _ATTRIBUTES}
    attributes |= {name: tuple(attributes[name]) for name in ("classes", "remarks")}
    return TileLabels(**(content.arrays | attributes))


def read_remarks(path: Path) -> tuple[str, ...]:
    """Read the remarks of a slide's labels, and nothing else of them.

    Raises:
        ZarrZipError: the file is missing or damaged.
    """
    return tuple(read_zarr_zip(path, names=()).attributes["remarks"])


def labels_path(folder: Path, slide_id: str) -> Path:
    """Path of a slide's labels in a folder of labels."""
    return folder / f"{slide_id}.zarr.zip"
