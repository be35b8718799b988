"""What the cohort and the galleries need of a slide's predictions, and no more: it is kept for every slide."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.evaluation.aggregate import METHODS, Aggregation, SlideScore, score_slide
from slidemill.evaluation.top_tiles import TopTile, candidates, extreme_tiles
from slidemill.inference.store import Predictions, read_predictions


@dataclass(frozen=True, slots=True)
class FoundTile:
    """A tile that may come into a gallery.

    Attributes:
        gallery: "typical", "untypical", "uncertain" or "mistaken".
        class_name: whose gallery.
        index: of the tile among the predictions of its slide.
        x, y: its corner, level-0 pixels.
        score: by which the gallery is ordered; of uncertain tiles the lead of the highest score.
    """

    gallery: str
    class_name: str
    index: int
    x: int
    y: int
    score: float


@dataclass(frozen=True, slots=True)
class SlideDigest:
    """What a model says of a slide.

    Attributes:
        scores: of each class, in the order of `classes`; empty for a slide set aside.
        predicted: the class; empty for a slide set aside.
        classes: of the model.
        reason: why it was set aside.
        tile_count: scored tiles.
        tiles: that may come into galleries, by the label that the slide is taken to have.
    """

    scores: tuple[float, ...]
    predicted: str
    classes: tuple[str, ...]
    reason: str
    tile_count: int
    tiles: Mapping[str, tuple[FoundTile, ...]]


def aggregation_of(config: Mapping[str, Any]) -> Aggregation:
    """How a run's tile scores become those of slides, as far as its predictions alone tell it."""
    chosen = config.get("evaluation", {})
    method, top_k = chosen.get("aggregation", "mean"), chosen.get("top_k", 20)
    return Aggregation(method if method in METHODS else "mean", top_k)


def read_digest(path: Path, aggregation: Aggregation) -> SlideDigest:
    """Read the predictions of a slide and sum them up.

    Raises:
        ZarrZipError: the file is missing or damaged.
        PredictionsError: what it holds are no scores.
    """
    predictions = read_predictions(path)
    score = score_slide(predictions, aggregation.top_k)
    scores, predicted = _deciding(score, aggregation)
    tiles = {label: tuple(_tiles(predictions, label, predicted)) for label in predictions.classes if predicted}
    return SlideDigest(tuple(scores.values()), predicted, predictions.classes, score.reason, score.tile_count, tiles)


def _deciding(score: SlideScore, aggregation: Aggregation) -> tuple[Mapping[str, float], str]:
    """Scores and class by the way that decides; by the mean where that needs more than predictions."""
    method = score.deciding(aggregation.method)
    method = method if method in score.scores else "mean"
    return score.scores.get(method, {}), score.predicted.get(method, "")


def _tiles(predictions: Predictions, label: str, predicted: str) -> Iterator[FoundTile]:
    for tile in candidates(predictions, label=label, predicted=predicted):
        yield _found(tile, predictions)
    if len(predictions.scores) and predictions.scores.shape[1] > 1:
        leads = _leads(predictions.scores)
        for index in extreme_tiles(leads, highest=False):
            x, y = predictions.coordinates[index].tolist()
            yield FoundTile("uncertain", label, index, x, y, float(leads[index]))


def _found(tile: TopTile, predictions: Predictions) -> FoundTile:
    index = int(np.flatnonzero((predictions.coordinates == (tile.x, tile.y)).all(axis=1))[0])
    gallery = "mistaken" if tile.gallery == "mistakes" else tile.gallery
    return FoundTile(gallery, tile.class_name, index, tile.x, tile.y, tile.score)


def _leads(scores: np.ndarray) -> np.ndarray:
    """By how much the highest score of each tile leads the second, (tiles,)."""
    highest = np.partition(scores, -2, axis=1)
    return np.asarray(highest[:, -1] - highest[:, -2])
