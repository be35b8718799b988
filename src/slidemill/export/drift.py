"""How far the scores of an exported model are from those of the model itself, and how far they may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.evaluation.ranking import Ranking
from slidemill.inference.onnx_file import OnnxPrecision

# Greatest differences of any score; and the greatest loss of AUC. docs/onnx.md tells them.
SAME_SCORES = 1e-4
OF_LOWER_PRECISION = 0.02
LOST_AUC = 0.005

Outputs = Mapping[str, np.ndarray]


class DriftError(SlidemillError):
    """An exported model whose scores are too far from those of the model."""

    def __init__(self, what: str, told: str, advice: str) -> None:
        super().__init__(what, told, advice)
        self.what = what
        self.told = told
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.what}: {self.told}. Nothing was written. {self.advice}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Differences on slides of which both have scored the same tiles.

    Attributes:
        slides, tiles: how many were scored.
        tile_scores: greatest difference of a score of a tile; None where the model gives none.
        slide_scores: of a score of a slide; where the model scores tiles, that is the mean of its tiles.
        attention: of the attention of a tile, times the number of tiles; None where the model gives none.
        auc: of the exported model, the mean over classes of the areas under their ROC curves, for slides that have a
            label; None where a class has no slide, or all.
        auc_of_model: of the model.
    """

    slides: int
    tiles: int
    tile_scores: float | None
    slide_scores: float
    attention: float | None
    auc: float | None
    auc_of_model: float | None

    def __str__(self) -> str:
        found = [f"slide scores differ by up to {self.slide_scores:.2g}"]
        if self.tile_scores is not None:
            found.insert(0, f"tile scores differ by up to {self.tile_scores:.2g}")
        if self.attention is not None:
            found.append(f"attention by {self.attention:.2g} of the average")
        if self.auc is not None:
            found.append(f"AUC {self.auc:.4f}, of the model {self.auc_of_model:.4f}")
        return f"on {self.slides} slides with {self.tiles} tiles " + ", ".join(found)


def drift_of(
    own: Sequence[Outputs], of_model: Sequence[Outputs], labels: Sequence[str | None], classes: Sequence[str]
) -> Drift:
    """Compare what two models say of the same slides.

    Args:
        own: for each slide, at least one, what the exported model gives: "scores" (tiles, classes), or (classes) of a
            model of bags, with "attention" (tiles) and perhaps "tile_scores" (tiles, classes).
        of_model: the same of the model.
        labels: of the slides.
        classes: in the order of the scores.
    """
    pairs = list(zip(own, of_model, strict=True))
    tile_scores = [_difference(*map(_tile_scores, pair)) for pair in pairs if _tile_scores(pair[1]) is not None]
    attention = [_difference(*(_times_average(one) for one in pair)) for pair in pairs if "attention" in pair[1]]
    scores, scores_of_model = (np.stack([_slide_scores(one) for one in side]) for side in (own, of_model))
    return Drift(
        slides=len(pairs),
        tiles=sum(map(_tile_count, of_model)),
        tile_scores=max(tile_scores, default=None),
        slide_scores=_difference(scores, scores_of_model),
        attention=max(attention, default=None),
        auc=_auc(scores, labels, classes),
        auc_of_model=_auc(scores_of_model, labels, classes),
    )


def check_drift(drift: Drift, precision: OnnxPrecision) -> None:
    """Refuse what is too far from the model.

    In float32 every score of a tile and a slide has to be the same, within `SAME_SCORES`, and attention within ten
    times that of the average. In lower precision the scores of slides may differ by `OF_LOWER_PRECISION`, and AUC may
    be lower by `LOST_AUC`.

    Raises:
        DriftError: it is.
    """
    if precision == "float32":
        check_same_scores(drift, "model.onnx", "Keep prediction.engine: keras for this model.")
        return
    lost = (drift.auc_of_model or 0.0) - (drift.auc or 0.0)
    # A NaN is no number that is small enough.
    if not (drift.slide_scores <= OF_LOWER_PRECISION and lost <= LOST_AUC):
        told = f"{drift}; slide scores may differ by {OF_LOWER_PRECISION:g} and AUC be lower by {LOST_AUC:g}"
        raise DriftError(f"model.onnx in {precision}", told, "Choose prediction.precision: float32.")


def check_same_scores(drift: Drift, what: str, advice: str) -> None:
    """Refuse scores that are not the model's own.

    Raises:
        DriftError: they are not.
    """
    scores = [drift.slide_scores, drift.tile_scores or 0.0, (drift.attention or 0.0) / 10]
    if not all(value <= SAME_SCORES for value in scores):
        raise DriftError(what, f"{drift}; they may differ by {SAME_SCORES:g}", advice)


def _tile_scores(outputs: Outputs) -> np.ndarray | None:
    return outputs["scores"] if outputs["scores"].ndim == 2 else outputs.get("tile_scores")


def _slide_scores(outputs: Outputs) -> np.ndarray:
    scores = outputs["scores"]
    return scores.mean(axis=0, dtype=np.float64) if scores.ndim == 2 else scores.astype(np.float64)


def _tile_count(outputs: Outputs) -> int:
    return len(outputs["attention"] if "attention" in outputs else outputs["scores"])


def _times_average(outputs: Outputs) -> np.ndarray:
    return outputs["attention"].astype(np.float64) * len(outputs["attention"])


def _difference(own: np.ndarray | None, of_model: np.ndarray | None) -> float:
    if own is None or of_model is None or own.shape != of_model.shape:
        return float("inf")
    return float(np.abs(own.astype(np.float64) - of_model).max())


def _auc(scores: np.ndarray, labels: Sequence[str | None], classes: Sequence[str]) -> float | None:
    known = np.array([label in classes for label in labels])
    areas = [
        Ranking.of(np.array([label == name for label in labels])[known], scores[known, place]).auc()[0]
        for place, name in enumerate(classes)
        if known.any()
    ]
    return float(np.mean(areas)) if areas and np.isfinite(areas).all() else None
