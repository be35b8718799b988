"""Score slides without a true class: scores.tsv."""

from collections.abc import Iterable
from pathlib import Path

from slidemill.errors import SlidemillError
from slidemill.evaluation.slides_table import SlideRow, write_scores
from slidemill.evaluation.sources import load_score, single_model


class NoSlidesError(SlidemillError):
    """A slide sheet without slides."""


def score_slides(slide_ids: Iterable[str], *, predictions_folder: Path, output_tsv: Path) -> None:
    """Write one row for each slide, in the order given (see `slidemill.evaluation.slides_table`).

    Args:
        slide_ids: the slides.
        predictions_folder: holds {slide_id}.zarr.zip for each of them.
        output_tsv: where to write.
    Raises:
        NoSlidesError: `slide_ids` is empty.
        ZarrZipError: predictions are missing or damaged.
        PredictionsError: they belong to another slide, or to several models.
    """
    ids = list(slide_ids)
    if not ids:
        raise NoSlidesError("there is no slide to score. Add rows to the slide sheet.")
    first = load_score(predictions_folder, ids[0])
    scores = [first, *(load_score(predictions_folder, slide, first.classes) for slide in ids[1:])]
    single_model(scores)
    write_scores(output_tsv, map(SlideRow.of, scores), first.classes)
