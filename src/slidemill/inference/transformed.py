"""Predictions from the answers of the service to the tile records of slides, as a batch transform leaves them."""

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.hashing import file_sha256
from slidemill.inference.model_file import describe
from slidemill.inference.predict import predictions_of
from slidemill.inference.scorer import ScoredTiles
from slidemill.inference.store import predictions_path, write_predictions
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_store, store_paths


class AnswersError(SlidemillError):
    """Answers that are not those for the tiles of a slide."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}. Delete the file and run again to ask anew."


def collect_scores(
    slide_ids: Sequence[str],
    *,
    answers_folder: Path,
    tiles_folder: Path,
    exclude: Collection[QualityFlag],
    model_file: Path,
    predictions_folder: Path,
) -> None:
    """Write the predictions of slides.

    Args:
        slide_ids: the slides.
        answers_folder: holds {slide}.tfrecord.out, empty for a slide without tiles.
        tiles_folder: holds their tile stores.
        exclude: tiles with one of these flags are left out.
        model_file: model.keras, which gave the answers.
        predictions_folder: gets {slide_id}.zarr.zip for each slide.
    Raises:
        AnswersError: answers are damaged, or not those for the tiles of the slide.
        ModelFileError: the model is missing, damaged, or has no description.
        ZarrZipError: a tile store is missing or damaged.
    """
    description = describe(model_file)
    model_sha256 = file_sha256(model_file)
    predictions_folder.mkdir(parents=True, exist_ok=True)
    for slide_id in slide_ids:
        store = read_store(store_paths(tiles_folder, slide_id)[1])
        used, is_used = store.without(exclude), store.is_used(exclude)
        path = answers_folder / f"{slide_id}.tfrecord.out"
        scores = read_answers(path, description.classes)
        if len(scores) != len(is_used):
            raise AnswersError(path, f"it has scores of {len(scores)} tiles, and the slide has {len(is_used)}")
        scored = ScoredTiles(used.coordinates, scores[is_used])
        predictions = predictions_of(used, scored, description.classes, model_sha256)
        write_predictions(predictions_path(predictions_folder, slide_id), predictions)


def read_answers(path: Path, classes: tuple[str, ...]) -> np.ndarray:
    """The scores in a file of answers, one answer after another, each for some of the tiles.

    Args:
        classes: that the answers have to be about.
    Returns:
        (tiles, classes) float32, in the order of the records.
    Raises:
        AnswersError: they are damaged, or about other classes.
    """
    parts = [np.zeros((0, len(classes)), np.float32)]
    try:
        for answer in _documents(path.read_text()):
            if tuple(answer["classes"]) != classes:
                raise AnswersError(path, f"it is about {', '.join(answer['classes'])}, the model {', '.join(classes)}")
            parts.append(np.array(answer["scores"], np.float32).reshape(-1, len(classes)))
    except FileNotFoundError:
        raise AnswersError(path, "it is missing") from None
    except (ValueError, KeyError, TypeError) as error:
        raise AnswersError(path, f"no answers of the service ({error})") from error
    return np.concatenate(parts)


def _documents(text: str) -> Iterator[dict[str, Any]]:
    """JSON after JSON, with or without lines between."""
    decoder, place = json.JSONDecoder(), 0
    while text := text[place:].lstrip():
        document, place = decoder.raw_decode(text)
        yield document
