"""From the scores of a slide's tiles to one answer for the slide.

Six ways, which are reported together; the config says which one decides. Where the model itself scores the slide, its
answer decides ("model").

    mean              mean of the tile scores of each class
    majority          share of the tiles whose highest score is that of the class
    top_k_mean        mean of the k highest tile scores of each class (of all, where there are fewer tiles)
    median            median of the tile scores of each class
    maximum           highest tile score of each class
    heatmap_features  what a classifier of heatmaps says (`slidemill.evaluation.slide_classifier`), where there is one

The three before the last are divided by their sum, so that the scores of a slide add up to 1 in each way. The
predicted class has the highest score. Equal scores: the earlier class; equal votes: the class with the higher mean,
then the earlier one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.evaluation.slide_classifier import SlideClassifier
from slidemill.inference.store import Predictions

Method = Literal["mean", "majority", "top_k_mean", "median", "maximum", "heatmap_features", "model"]
ALL_METHODS: tuple[Method, ...] = get_args(Method)
# Those that the config may choose.
METHODS = tuple(method for method in ALL_METHODS if method != "model")
# Those that need nothing but the scores of tiles.
TILE_METHODS = tuple(method for method in METHODS if method != "heatmap_features")
DEFAULT_TOP_K = 20


@dataclass(frozen=True, slots=True)
class Aggregation:
    """How tile scores become slide scores.

    Attributes:
        method: the way that decides.
        top_k: tiles that the top-k mean takes, from 1.
    """

    method: Method = "mean"
    top_k: int = DEFAULT_TOP_K


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
        scores: for each method the score of each class, in the order of the classes; empty for a slide set aside.
        predicted: for each method the predicted class; empty for a slide set aside.
        reason: why the slide was set aside; "" for a scored one.
        model_sha256: hash of the model file that gave the scores.
    """

    slide_id: str
    patient_id: str
    classes: tuple[str, ...]
    tile_count: int
    scores: dict[Method, dict[str, float]]
    predicted: dict[Method, str]
    reason: str
    model_sha256: str

    def deciding(self, chosen: Method) -> Method:
        """The method that decides where this one was chosen for the scores of tiles."""
        return "model" if "model" in self.scores else chosen


def score_slide(
    predictions: Predictions, top_k: int = DEFAULT_TOP_K, classifier: SlideClassifier | None = None
) -> SlideScore:
    """Aggregate the tiles of one slide; their order does not matter, to the last bit.

    Args:
        predictions: of the slide.
        top_k: tiles that the top-k mean takes.
        classifier: gives the scores of "heatmap_features", which are left out without one.
    Raises:
        PredictionsError: there are no scores and no reason for it, the scores are not numbers from 0 to 1, or the
            classifier is of another model.
    """
    scores: dict[Method, dict[str, float]] = {}
    predicted: dict[Method, str] = {}
    if not predictions.reason:
        _check(predictions)
        by_method = aggregate(predictions.scores, top_k) if len(predictions.scores) else {}
        if classifier is not None:
            _check_classifier(predictions, classifier)
            by_method["heatmap_features"] = classifier.scores(predictions)
        if predictions.slide_scores is not None:
            by_method["model"] = predictions.slide_scores.tolist()
        scores = {name: dict(zip(predictions.classes, row, strict=True)) for name, row in by_method.items()}
        predicted = {name: predictions.classes[winner(by_method, name)] for name in by_method}
    return SlideScore(
        slide_id=predictions.slide_id,
        patient_id=predictions.patient_id,
        classes=predictions.classes,
        tile_count=len(predictions.coordinates),
        scores=scores,
        predicted=predicted,
        reason=predictions.reason,
        model_sha256=predictions.model_sha256,
    )


def aggregate(tile_scores: np.ndarray, top_k: int) -> dict[Method, list[float]]:
    """The score of each class by each method that needs nothing else.

    Args:
        tile_scores: (tiles, classes) float, at least one tile.
        top_k: tiles that the top-k mean takes.
    """
    # fsum rounds once, at the end, so that the sum is the same for every order of the tiles.
    columns = tile_scores.T.tolist()
    winners = tile_scores.argmax(axis=1)  # the earlier class where scores are equal
    votes = np.bincount(winners, minlength=len(columns)) / len(tile_scores)
    highest = np.sort(tile_scores, axis=0)[-top_k:].T.tolist()
    return {
        "mean": [math.fsum(column) / len(column) for column in columns],
        "majority": votes.tolist(),
        "top_k_mean": _adding_up_to_1([math.fsum(column) / len(column) for column in highest]),
        "median": _adding_up_to_1(np.median(tile_scores.astype(np.float64), axis=0).tolist()),
        "maximum": _adding_up_to_1(tile_scores.max(axis=0).tolist()),
    }


def winner(scores: dict[Method, list[float]], method: Method) -> int:
    """Place of the class that wins by a method; ties as the module says."""
    means = scores.get("mean", scores[method])
    return max(
        range(len(means)),
        key=lambda place: (scores[method][place], means[place] if method == "majority" else 0.0),
    )  # max keeps the first of equals


def _adding_up_to_1(scores: Sequence[float]) -> list[float]:
    total = math.fsum(scores)
    return [score / total for score in scores] if total else [1 / len(scores)] * len(scores)


def _check(predictions: Predictions) -> None:
    of_slide = predictions.slide_scores
    given = [predictions.scores] + ([of_slide[None]] if of_slide is not None else [])
    for scores in given:
        if scores.ndim != 2 or scores.shape[1] != len(predictions.classes):
            raise PredictionsError(
                predictions.slide_id, f"{scores.shape} scores for {len(predictions.classes)} classes"
            )
        if scores.size and not (np.isfinite(scores).all() and scores.min() >= 0 and scores.max() <= 1):
            raise PredictionsError(predictions.slide_id, "a score is not a number from 0 to 1")
    if not any(map(len, given)):
        raise PredictionsError(predictions.slide_id, "no tile was scored, and no reason is given")


def _check_classifier(predictions: Predictions, classifier: SlideClassifier) -> None:
    if classifier.classes != predictions.classes or classifier.model_sha256 != predictions.model_sha256:
        raise PredictionsError(predictions.slide_id, "the slide classifier was fitted on scores of another model")
