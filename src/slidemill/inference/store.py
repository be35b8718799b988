"""The predictions of a slide: class scores of its tiles, or of the slide with the attention of each tile, or both."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.units import SlidePixels
from slidemill.zarr_zip import read_zarr_zip, write_zarr_zip

FORMAT = "slidemill predictions 2"


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a model says of a slide and its tiles.

    Attributes:
        slide_id, patient_id: as in the slide sheet.
        classes: class names, in the order of the columns of `scores`.
        coordinates: (tiles, 2) int64, level-0 pixels, x and y of the top left corner.
        scores: (tiles, classes) float32, softmax scores; each row sums to 1. (0, classes) where the model scores whole
            slides and no tiles.
        tile_extent: side of a tile on the slide; 0 where the slide was set aside.
        reason: why the slide was set aside and has no tiles; empty for a scored slide.
        model_sha256: hash of the model file that gave the scores.
        slide_scores: (classes,) float32, which add up to 1, where the model scores whole slides; else None.
        attention: (tiles,) float32, which add up to 1, where the model gives it; else None.
    """

    slide_id: str
    patient_id: str
    classes: tuple[str, ...]
    coordinates: np.ndarray
    scores: np.ndarray
    tile_extent: SlidePixels
    reason: str
    model_sha256: str
    slide_scores: np.ndarray | None = None
    attention: np.ndarray | None = None

    def times_average(self) -> np.ndarray:
        """The attention of each tile times the number of tiles, (tiles,) float64: 1 is the average of every slide.

        Where there is none, all tiles count the same.
        """
        tiles = len(self.coordinates)
        return np.ones(tiles) if self.attention is None else self.attention.astype(np.float64) * tiles

    def relevance(self) -> np.ndarray:
        """What tiles say of each class, to put them in order: (tiles, classes).

        Their scores; of a model with attention the attention times the average, times the scores where there are any.
        """
        if self.attention is None:
            return self.scores
        weights = self.times_average()[:, None]
        return weights * self.scores if len(self.scores) else np.repeat(weights, len(self.classes), axis=1)


_ARRAYS = ("coordinates", "scores")
_OF_SLIDES = ("slide_scores", "attention")
_ATTRIBUTES = ("slide_id", "patient_id", "classes", "tile_extent", "reason", "model_sha256")


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Write the predictions of a slide, atomically."""
    attributes: dict[str, Any] = {"format": FORMAT} | {name: getattr(predictions, name) for name in _ATTRIBUTES}
    present = [name for name in (*_ARRAYS, *_OF_SLIDES) if getattr(predictions, name) is not None]
    write_zarr_zip(path, arrays={name: getattr(predictions, name) for name in present}, attributes=attributes)


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
