"""The slides of a split with their scores, read from predictions; and those of all folds together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from slidemill.annotations.decide import DecidedLabels
from slidemill.errors import SlidemillError
from slidemill.evaluation.aggregate import Aggregation, PredictionsError, score_slide
from slidemill.evaluation.levels import Cohort, ScoredSlide, TileJudge
from slidemill.evaluation.samples import integers
from slidemill.evaluation.slide_classifier import SlideClassifier
from slidemill.evaluation.slides_table import SlideRow
from slidemill.evaluation.sources import load_predictions, single_model
from slidemill.evaluation.top_tiles import TopTile, candidates
from slidemill.splits.design import GroupBy
from slidemill.splits.table import SplitRow


class FoldsError(SlidemillError):
    """Folds that are no cross-validation."""

    def __init__(self, slide_id: str) -> None:
        super().__init__(slide_id)
        self.slide_id = slide_id

    def __str__(self) -> str:
        return f"slide {self.slide_id} is a test slide of two folds. Give one splits.tsv for each fold."


@dataclass(frozen=True, slots=True)
class TileTruth:
    """What is known of tiles.

    Attributes:
        labels: from annotations; None where there are none.
        tiles_as: by what tiles are judged.
    """

    labels: DecidedLabels | None = None
    tiles_as: TileJudge = "slide"


OF_SLIDES = TileTruth()


@dataclass(frozen=True, slots=True)
class ScoredSplit:
    """The slides of a split, or of that split of all folds.

    Attributes:
        rows: every slide, also those that were set aside.
        fold: (scored slides,) int64, the fold of each scored slide, in the order of the cohort.
        cohort: the scored slides.
        top_tiles: what may come into the galleries.
        model: SHA-256 of the model that gave the scores; None where nothing was scored, or where each fold has its own.
    """

    rows: list[SlideRow]
    fold: np.ndarray
    cohort: Cohort
    top_tiles: list[TopTile]
    model: str | None

    @property
    def scored(self) -> list[SlideRow]:
        """The rows of the scored slides, in the order of the cohort."""
        return [row for row in self.rows if row.is_scored]


@dataclass(frozen=True, slots=True)
class SplitScores:
    """What gives slides their scores: the folder of predictions, and the classifier of heatmaps, where there is one."""

    predictions: Path
    classifier: SlideClassifier | None = None


def load_split(
    slides: Iterable[SplitRow],
    source: SplitScores,
    classes: Sequence[str],
    aggregation: Aggregation,
    fold: int | None,
    unit: GroupBy,
    truth: TileTruth = OF_SLIDES,
    *,
    is_ordered: bool = False,
) -> ScoredSplit:
    """Read the predictions of the slides of a split.

    Args:
        slides: rows of splits.tsv.
        source: of their scores.
        classes: in order.
        aggregation: how tile scores become slide scores.
        fold: of a cross-validation; else None.
        unit: what was never divided between splits.
        truth: what is known of tiles.
        is_ordered: whether classes are grades, from the lowest to the highest.
    Raises:
        ZarrZipError: predictions or labels are missing or damaged.
        StaleLabelsError: labels are those of other tiles.
        PredictionsError: they do not fit the slides, the classes or each other.
    """
    rows, scored, scores = [], [], []
    top_tiles: list[TopTile] = []
    for slide in slides:
        predictions = load_predictions(source.predictions, slide.slide_id, classes)
        score = score_slide(predictions, aggregation.top_k, source.classifier)
        if slide.label not in score.classes:
            names = ", ".join(score.classes)
            raise PredictionsError(slide.slide_id, f"the slide's label {slide.label!r} is none of {names}")
        row = SlideRow.of(score, aggregation.method, site=slide.site, label=slide.label, fold=fold)
        rows.append(row)
        scores.append(score)
        if row.is_scored:
            labels = truth.labels.of_tiles(slide.slide_id, predictions.coordinates) if truth.labels else None
            scored.append(
                ScoredSlide(score, slide.label, predictions.scores, slide.site, labels, predictions.relevance())
            )
            top_tiles += candidates(predictions, label=slide.label, predicted=row.predicted)
    folds = integers([fold or 0] * len(scored))
    cohort = Cohort(scored, classes, unit, truth.tiles_as, is_ordered=is_ordered)
    return ScoredSplit(rows, folds, cohort, top_tiles, single_model(scores))


def pooled(folds: Sequence[ScoredSplit]) -> ScoredSplit:
    """The slides of all folds together, in order of their ids; one fold is returned as it is.

    Raises:
        FoldsError: a slide is in two of them.
    """
    if len(folds) == 1:
        return folds[0]
    first = folds[0].cohort
    rows = sorted((row for fold in folds for row in fold.rows), key=lambda row: row.slide_id)
    for row, following in pairwise(rows):
        if row.slide_id == following.slide_id:
            raise FoldsError(row.slide_id)
    scored = [
        (slide, int(number)) for fold in folds for slide, number in zip(fold.cohort.slides, fold.fold, strict=True)
    ]
    scored.sort(key=lambda pair: pair[0].score.slide_id)
    return ScoredSplit(
        rows,
        integers([number for _, number in scored]),
        Cohort(
            [slide for slide, _ in scored],
            first.classes,
            first.unit_name,
            first.tiles_as,
            is_ordered=first.is_ordered,
        ),
        [tile for fold in folds for tile in fold.top_tiles],
        model=None,
    )
