"""Hard negatives: train tiles of the rest that a model takes for a class, for another training to see more of them."""

import csv
import io
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from slidemill.annotations.decide import DecidedLabels
from slidemill.atomic import write_text
from slidemill.evaluation.sources import load_predictions

_COLUMNS = ("slide_id", "x", "y", "predicted", "score")
_log = logging.getLogger(__name__)


def find_hard_negatives(slide_ids: Iterable[str], predictions: Path, labels: DecidedLabels, output: Path) -> None:
    """Write a table of the tiles of `labels.rule.rest` that have a higher score of another class, the highest first.

    Args:
        slide_ids: train slides; those of other splits would leak into what is trained on the list.
        predictions: folder of their predictions.
        labels: of their tiles, with a rest.
        output: the table: slide_id, x and y (top left corner, level-0 pixels), the predicted class and its score.
    Raises:
        ZarrZipError: predictions or labels are missing or damaged.
        StaleLabelsError: labels are those of other tiles.
    """
    assert labels.rule.rest is not None  # noqa: S101 - the caller's
    rest = labels.classes.index(labels.rule.rest)
    rows: list[tuple[float, str, int, int, str]] = []
    for slide_id in slide_ids:
        scored = load_predictions(predictions, slide_id, labels.classes)
        if scored.reason:
            continue
        predicted = scored.scores.argmax(axis=1)
        is_wrong = (labels.of_tiles(slide_id, scored.coordinates) == rest) & (predicted != rest)
        for tile in np.flatnonzero(is_wrong).tolist():
            number = int(predicted[tile])
            x, y = scored.coordinates[tile].tolist()
            rows.append((float(scored.scores[tile, number]), slide_id, x, y, labels.classes[number]))
    rows.sort(key=lambda row: (-row[0], row[1:]))
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows((slide_id, x, y, name, f"{score:.6g}") for score, slide_id, x, y, name in rows)
    write_text(output, text.getvalue())
    _log.info("%s: %d tiles of %s are taken for something else", output, len(rows), labels.rule.rest)
