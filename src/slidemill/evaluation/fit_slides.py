"""Fit the classifier of slides on the validation slides.

On these because the network has not learned from their tiles: on its own train slides it is too sure, and a classifier
that learned there would take what new slides look like for no lesion. Test slides are never looked at.

The penalty is chosen by cross-validation, by patient; so each slide also gets scores by a fit that had not seen its
patient, and thresholds that are chosen on validation slides later rest on these.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.evaluation.heatmap_features import heatmap_features
from slidemill.evaluation.slide_classifier import SlideClassifier, Trial, write_classifier
from slidemill.evaluation.sources import load_predictions
from slidemill.probe.regression import (
    Coefficients,
    Standardisation,
    Workers,
    scores_of,
    solve,
    standardisation_of,
    workers,
)
from slidemill.probe.tiles import LabelledTiles
from slidemill.splits.table import read_splits

LEAST_PATIENTS = 2  # of each class among the validation slides
STRENGTHS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
_MOST_FOLDS = 10
_MAX_ITERATIONS = 1000

_LOG = logging.getLogger(__name__)


class TooFewSlidesError(SlidemillError):
    """Validation slides from which nothing can be learned."""

    def __init__(self, name: str, patients: int, where: str = "") -> None:
        super().__init__(name, patients, where)
        self.name = name
        self.patients = patients
        self.where = where

    def __str__(self) -> str:
        return (
            f"evaluation.aggregation is heatmap_features, which learns from the validation slides{self.where}, and "
            f"'{self.name}' has {self.patients} patients among them. It needs {LEAST_PATIENTS} of each class: give "
            "validation more slides, or choose another aggregation."
        )


@dataclass(frozen=True, slots=True)
class _Slides:
    """Validation slides: their names, (slides, features) float64, and their labels and folds, (slides,) int64."""

    names: list[str]
    features: np.ndarray
    labels: np.ndarray
    fold: np.ndarray

    def of(self, chosen: np.ndarray, classes: int) -> LabelledTiles:
        """Some of them as the solver takes them; each class weighs the same."""
        labels = self.labels[chosen]
        counts = np.bincount(labels, minlength=classes)
        weights = 1 / (np.count_nonzero(counts) * counts[labels])
        return LabelledTiles(self.features[chosen], labels, weights, {}, {})


def check_enough_slides(patients: Iterable[tuple[str, str]], classes: Sequence[str], where: str = "") -> None:
    """Check that a slide classifier can be fitted.

    Args:
        patients: patient and label of each validation slide.
        classes: of the config.
        where: more about the validation slides, for the message.

    Raises:
        TooFewSlidesError: a class has too few patients.
    """
    distinct = set(patients)
    for name in classes:
        found = sum(label == name for _, label in distinct)
        if found < LEAST_PATIENTS:
            raise TooFewSlidesError(name, found, where)


def fit_slides(
    splits: Path, predictions: Path, output: Path, *, classes: Sequence[str], measured: Sequence[str] = ()
) -> SlideClassifier:
    """Fit a classifier of slides and write it.

    Args:
        splits: splits.tsv; its validation slides are learned from.
        predictions: folder of their predictions.
        output: slide_classifier.json to write.
        classes: of the config, in order.
        measured: classes whose regions are measured; none for all.

    Raises:
        TooFewSlidesError: a class has too few patients with tiles.
        ZarrZipError, PredictionsError: predictions are missing, damaged, or do not fit.
    """
    measured = tuple(measured or classes)
    slides, model = _read(splits, predictions, classes, measured)
    with workers(1) as pool:
        held_out = {l2: _held_out(slides, l2, len(classes), pool) for l2 in STRENGTHS}
        trials = [Trial(l2, _loss(slides, log_scores, len(classes))) for l2, log_scores in held_out.items()]
        chosen = min(trials, key=lambda trial: trial.loss)  # of equals the strongest
        everything = np.arange(len(slides.names))
        standardisation, coefficients = _fit(slides.of(everything, len(classes)), chosen.l2, len(classes), pool)
    scores = np.exp(held_out[chosen.l2]).tolist()
    classifier = SlideClassifier(
        classes=tuple(classes),
        measured=measured,
        mean=tuple(standardisation.mean.tolist()),
        deviation=tuple(standardisation.deviation.tolist()),
        weights=tuple(map(tuple, coefficients.weights.tolist())),
        intercepts=tuple(coefficients.intercepts.tolist()),
        l2=chosen.l2,
        trials=tuple(trials),
        held_out={name: tuple(row) for name, row in zip(slides.names, scores, strict=True)},
        model_sha256=model,
    )
    write_classifier(output, classifier)
    _LOG.info("%d slides, l2 %g, loss on slides held out %.4f", len(slides.names), chosen.l2, chosen.loss)
    return classifier


def _read(splits: Path, folder: Path, classes: Sequence[str], measured: Sequence[str]) -> tuple[_Slides, str]:
    names, features, labels, patients, models = [], [], [], [], set()
    for row in read_splits(splits):
        if row.split != "validation":
            continue
        own = load_predictions(folder, row.slide_id, classes)
        if own.reason:  # set aside
            continue
        names.append(row.slide_id)
        features.append(heatmap_features(own, measured))
        labels.append(classes.index(row.label))
        patients.append(row.patient_id)
        models.add(own.model_sha256)
    told = [(patient, classes[label]) for patient, label in zip(patients, labels, strict=True)]
    check_enough_slides(told, classes, " that have tiles")
    fold = _folds(dict(told))
    return _Slides(names, np.array(features), np.array(labels), np.array([fold[name] for name in patients])), max(
        models
    )


def _folds(label_of: Mapping[str, str]) -> dict[str, int]:
    """The fold of each patient: those of a class are dealt round, so that each fold has its part of it."""
    count = min(_MOST_FOLDS, len(label_of))
    dealt = sorted(label_of, key=lambda patient: (label_of[patient], patient))
    return {patient: number % count for number, patient in enumerate(dealt)}


def _held_out(slides: _Slides, l2: float, classes: int, pool: Workers) -> np.ndarray:
    """(slides, classes): logarithms of the scores of each slide by a fit without the patients of its fold."""
    log_scores = np.zeros((len(slides.names), classes))
    for fold in np.unique(slides.fold):
        own = np.flatnonzero(slides.fold == fold)
        standardisation, coefficients = _fit(slides.of(np.flatnonzero(slides.fold != fold), classes), l2, classes, pool)
        log_scores[own] = scores_of(slides.features[own], standardisation, coefficients, pool)
    return log_scores


def _fit(tiles: LabelledTiles, l2: float, classes: int, pool: Workers) -> tuple[Standardisation, Coefficients]:
    standardisation = standardisation_of(tiles.features, pool)
    start = Coefficients(np.zeros((tiles.features.shape[1], classes)), np.zeros(classes))
    solution = solve(tiles, standardisation, l2=l2, start=start, max_iterations=_MAX_ITERATIONS, threads=pool)
    return standardisation, solution.coefficients


def _loss(slides: _Slides, log_scores: np.ndarray, classes: int) -> float:
    everything = np.arange(len(slides.names))
    return -float(slides.of(everything, classes).weights @ log_scores[everything, slides.labels])
