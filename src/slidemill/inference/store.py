"""The predictions of a slide: one row of class scores for each of its tiles."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.units import SlidePixels
from slidemill.zarr_zip import read_zarr_zip, write_zarr_zip

FORMAT = "slidemill predictions 1"


@dataclass(frozen=True, slots=True)
class Predictions:
    """Scores of every tile of a slide.

    Attributes:
        slide_id, patient_id: as in the slide sheet.
        classes: class names, in the order of the columns of `scores`.
        coordinates: (tiles, 2) int64, level-0 pixels, x and y of the top left corner.
        scores: (tiles, classes) float32, softmax scores; each row sums to 1.
        tile_extent: side of a tile on the slide; 0 where the slide was set aside.
        reason: why the slide was set aside and has no tiles; empty for a scored slide.
        model_sha256: hash of the model file that gave the scores.
    """

    slide_id: str
    patient_id: str
    classes: tuple[str, ...]
    coordinates: np.ndarray
    scores: np.ndarray
    tile_extent: SlidePixels
    reason: str
    model_sha256: str


_ARRAYS = ("coordinates", "scores")
_ATTRIBUTES = ("slide_id", "patient_id", "classes", "tile_extent", "reason", "model_sha256")


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write the predictions of a slide, atomically."""
    attributes: dict[str, Any] = {"format": FORMAT} | {name: getattr(predictions, name) for name in _ATTRIBUTES}
    write_zarr_zip(path, arrays={name: getattr(predictions, name) for name in _ARRAYS}, attributes=attributes)


def read_predictions(path: Path) -> Predictions:
    """Read the predictions of a slide.

    Raises:
        ZarrZipError: the file is missing or damaged.
    """
    content = read_zarr_zip(path)
    attributes: dict[str, Any] = {name: content.attributes[name] for name in _ATTRIBUTES}
    attributes["classes"] = tuple(attributes["classes"])
    return Predictions(**(content.arrays | attributes))


def predictions_path(folder: Path, slide_id: str) -> Path:
    """Path of a slide's predictions in a folder of predictions."""
    return folder / f"{slide_id}.zarr.zip"
