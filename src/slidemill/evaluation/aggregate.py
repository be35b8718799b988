"""From the scores of a slide's tiles to one answer for the slide."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.inference.store import Predictions


class PredictionsError(SlidemillError):
    """Predictions that cannot be evaluated."""

    def __init__(self, slide_id: str, problem: str) -> None:
        super().__init__(slide_id, problem)
        self.slide_id = slide_id
        self.problem = problem

    def __str__(self) -> str:
        return f"predictions of slide {self.slide_id}: {self.problem}. Delete them and predict the slide again."


@dataclass(frozen=True, slots=True)
class SlideScore:
    """What a model says of a whole slide.

    Attributes:
        slide_id, patient_id: as in the slide sheet.
        classes: class names, in the order of the model's outputs.
        tile_count: number of scored tiles.
        mean_scores: mean of the tile scores of each class, in the order of the classes; empty for a slide set aside.
        votes: number of tiles whose highest score is that of the class; empty for a slide set aside.
        predicted: the class with the highest mean score, "" for a slide set aside. Equal means: the earlier class.
        majority: the class with most votes, "" for a slide set aside. Equal votes: the class with the higher mean
            score; equal again: the earlier class. A tile with equal scores votes for the earlier class.
        reason: why the slide was set aside; "" for a scored one.
        model_sha256: hash of the model file that gave the scores.
    """

    slide_id: str
    patient_id: str
    classes: tuple[str, ...]
    tile_count: int
    mean_scores: dict[str, float]
    votes: dict[str, int]
    predicted: str
    majority: str
    reason: str
    model_sha256: str

    @property
    def majority_fraction(self) -> float | None:
        """Share of the tiles that voted for `majority`, None for a slide set aside."""
        return self.votes[self.majority] / self.tile_count if self.majority else None


def score_slide(predictions: Predictions) -> SlideScore:
    """Aggregate the tiles of one slide; their order does not matter, to the last bit.

    Raises:
        PredictionsError: there are no tiles and no reason for it, or the scores are not numbers from 0 to 1.
    """
    if predictions.reason:
        return _set_aside(predictions)
    _check(predictions)
    mean_scores = _mean_scores(predictions)
    votes = _votes(predictions)
    return SlideScore(
        slide_id=predictions.slide_id,
        patient_id=predictions.patient_id,
        classes=predictions.classes,
        tile_count=len(predictions.scores),
        mean_scores=mean_scores,
        votes=votes,
        predicted=_first_highest(predictions.classes, mean_scores),
        majority=_majority(predictions.classes, votes, mean_scores),
        reason="",
        model_sha256=predictions.model_sha256,
    )


def _set_aside(predictions: Predictions) -> SlideScore:
    return SlideScore(
        slide_id=predictions.slide_id,
        patient_id=predictions.patient_id,
        classes=predictions.classes,
        tile_count=0,
        mean_scores={},
        votes={},
        predicted="",
        majority="",
        reason=predictions.reason,
        model_sha256=predictions.model_sha256,
    )


def _check(predictions: Predictions) -> None:
    scores = predictions.scores
    if scores.ndim != 2 or scores.shape[1] != len(predictions.classes):
        raise PredictionsError(predictions.slide_id, f"{scores.shape} scores for {len(predictions.classes)} classes")
    if not len(scores):
        raise PredictionsError(predictions.slide_id, "no tile was scored, and no reason is given")
    if not (np.isfinite(scores).all() and scores.min() >= 0 and scores.max() <= 1):
        raise PredictionsError(predictions.slide_id, "a score is not a number from 0 to 1")


def _mean_scores(predictions: Predictions) -> dict[str, float]:
    # fsum rounds once, at the end, so that the sum is the same for every order of the tiles.
    columns = predictions.scores.T.tolist()
    means = [math.fsum(column) / len(column) for column in columns]
    return dict(zip(predictions.classes, means, strict=True))


def _votes(predictions: Predictions) -> dict[str, int]:
    winners = predictions.scores.argmax(axis=1)  # the earlier class where scores are equal
    counts = np.bincount(winners, minlength=len(predictions.classes)).tolist()
    return dict(zip(predictions.classes, counts, strict=True))


def _first_highest(classes: Sequence[str], scores: dict[str, float]) -> str:
    return max(classes, key=scores.__getitem__)  # max keeps the first of equals


def _majority(classes: Sequence[str], votes: dict[str, int], means: dict[str, float]) -> str:
    return max(classes, key=lambda name: (votes[name], means[name]))
