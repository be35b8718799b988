"""Score slides without a true class: scores.tsv."""

from collections.abc import Iterable
from pathlib import Path

from slidemill.errors import SlidemillError
from slidemill.evaluation.aggregate import Aggregation, score_slide
from slidemill.evaluation.slides_table import SlideRow, write_scores
from slidemill.evaluation.sources import load_classifier, load_predictions, single_model


class NoSlidesError(SlidemillError):
    """A slide sheet without slides."""


def score_slides(
    slide_ids: Iterable[str],
    *,
    predictions_folder: Path,
    aggregation: Aggregation,
    output_tsv: Path,
    slide_classifier: Path | None = None,
) -> None:
    """Write one row for each slide, in the order given (see `slidemill.evaluation.slides_table`).

    Args:
        slide_ids: the slides.
        predictions_folder: holds {slide_id}.zarr.zip for each of them.
        aggregation: how tile scores become slide scores.
        output_tsv: where to write.
        slide_classifier: slide_classifier.json; None without one.
    Raises:
        NoSlidesError: `slide_ids` is empty.
        ZarrZipError: predictions are missing or damaged.
        PredictionsError: they belong to another slide, or to several models, or their scores are unusable.
        SlideClassifierError: the slide classifier is damaged.
    """
    ids = list(slide_ids)
    if not ids:
        raise NoSlidesError("there is no slide to score. Add rows to the slide sheet.")
    first = load_predictions(predictions_folder, ids[0])
    loaded = (load_predictions(predictions_folder, slide, first.classes) for slide in ids)
    classifier = load_classifier(slide_classifier, aggregation)
    scores = [score_slide(predictions, aggregation.top_k, classifier) for predictions in loaded]
    single_model(scores)
    write_scores(output_tsv, [SlideRow.of(score, aggregation.method) for score in scores], first.classes)
