"""A small classifier of slides on features of their heatmaps: what it is, and its file, slide_classifier.json.

It is logistic regression, a few numbers in a text that anybody can read; it is fitted by
`slidemill.evaluation.fit_slides`.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.atomic import write_text
from slidemill.errors import SlidemillError
from slidemill.evaluation.heatmap_features import feature_names, heatmap_features
from slidemill.inference.store import Predictions

FORMAT = "slidemill slide classifier 1"
FILE_NAME = "slide_classifier.json"  # beside the model whose heatmaps it has learned from


class SlideClassifierError(SlidemillError):
    """A slide classifier that cannot be read, or does not fit what it is used on."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}. Delete it and run again with the config of its model to fit it anew."


@dataclass(frozen=True, slots=True)
class Trial:
    """A strength of the penalty that was tried; `loss` is the mean over slides that the fit had not seen."""

    l2: float
    loss: float


@dataclass(frozen=True, slots=True)
class SlideClassifier:
    """Scores of a slide: softmax((features - mean) / deviation @ weights + intercepts).

    Attributes:
        classes: in order.
        measured: the classes whose regions are measured.
        mean, deviation: of each feature over the slides of the fit; the deviation is 1 for one that never changes.
        weights: for each feature a number for each class.
        intercepts: a number for each class.
        l2: the strength of the penalty that was chosen.
        trials: all that were tried.
        held_out: for each slide of the fit its scores by a fit that had not seen its patient.
        model_sha256: of the model that gave the scores of tiles.
    """

    classes: tuple[str, ...]
    measured: tuple[str, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]
    l2: float
    trials: tuple[Trial, ...]
    held_out: Mapping[str, tuple[float, ...]]
    model_sha256: str

    def scores(self, predictions: Predictions) -> list[float]:
        """The score of each class for a slide; for one of the fit, those by a fit that had not seen its patient."""
        if predictions.slide_id in self.held_out:
            return list(self.held_out[predictions.slide_id])
        features = (heatmap_features(predictions, self.measured) - self.mean) / self.deviation
        logits = features @ np.array(self.weights) + self.intercepts
        exponents = np.exp(logits - logits.max())
        return (exponents / exponents.sum()).tolist()


def write_classifier(path: Path, classifier: SlideClassifier) -> None:
    """Write slide_classifier.json, atomically."""
    document = {"format": FORMAT, "features": feature_names(classifier.measured)} | asdict(classifier)
    write_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def read_classifier(path: Path) -> SlideClassifier:
    """Read slide_classifier.json.

    Raises:
        SlideClassifierError: it is missing, damaged or of another format.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise SlideClassifierError(path, f"cannot be read ({error})") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise SlideClassifierError(path, "is no slide classifier of this version of slidemill")
    try:
        return _checked(document)
    except (KeyError, TypeError, ValueError) as error:
        raise SlideClassifierError(path, f"is damaged ({error})") from None


def _checked(document: dict[str, Any]) -> SlideClassifier:
    classes, measured = tuple(document["classes"]), tuple(document["measured"])
    count = len(feature_names(measured))
    if tuple(document["features"]) != feature_names(measured) or len(document["weights"]) != count:
        raise ValueError("its features are others")
    return SlideClassifier(
        classes=classes,
        measured=measured,
        mean=_numbers(document["mean"], count),
        deviation=_numbers(document["deviation"], count),
        weights=tuple(_numbers(row, len(classes)) for row in document["weights"]),
        intercepts=_numbers(document["intercepts"], len(classes)),
        l2=float(document["l2"]),
        trials=tuple(Trial(**trial) for trial in document["trials"]),
        held_out={name: _numbers(row, len(classes)) for name, row in document["held_out"].items()},
        model_sha256=str(document["model_sha256"]),
    )


def _numbers(values: Sequence[float], count: int) -> tuple[float, ...]:
    numbers = tuple(map(float, values))
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise ValueError(f"{count} numbers are expected in the place of {str(values)[:40]}")
    return numbers
