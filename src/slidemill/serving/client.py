"""Score a slide by a service elsewhere: tiles are cut here and sent as JPEG, and pictures are drawn here."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.evaluation.aggregate import SlideScore, score_slide
from slidemill.inference.predict import predictions_of
from slidemill.inference.scorer import ScoredTiles
from slidemill.inference.store import Predictions, predictions_path, write_predictions
from slidemill.reporting.slide_outputs import Pictures, picture_slide
from slidemill.serving.endpoint import EndpointError, Post, ServedFacts
from slidemill.serving.options import ServingOptions
from slidemill.slides.ordered import map_in_order
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource
from slidemill.tiling.store import TileStore, read_store, store_paths

RECORDS = "application/x-tfrecord"
_PICTURE_MPP = 8.0  # as heatmap.mpp of the config


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """How a slide goes to a service.

    Attributes:
        options: how it is cut, and what its tiles say of it.
        body_bytes: of a request; real-time endpoints of SageMaker take 6,291,456.
        requests: that are on their way at once.
        threads: that cut the slide.
        sheet_mpp: microns per level-0 pixel, which counts before what the file states.
    """

    options: ServingOptions
    body_bytes: int = 5_000_000
    requests: int = 4
    threads: int = 1
    sheet_mpp: float | None = None


def score_by_service(slide: Path, post: Post, facts: ServedFacts, folder: Path, settings: ClientSettings) -> SlideScore:
    """Score a slide, and write its tiles, predictions and pictures as the workflow does.

    Args:
        slide: its file.
        post: sends a body to the service.
        facts: of the model there.
        folder: gets tiles/, predictions/ and heatmaps/.
        settings: how.

    Returns:
        What the model says of the slide.

    Raises:
        EndpointError: the service does not answer, or refuses.
    """
    slide_id, options = slide.stem, settings.options
    records, index = store_paths(folder / "tiles", slide_id)
    pictured = folder / "heatmaps"
    for path in (records.parent, folder / "predictions", pictured):
        path.mkdir(parents=True, exist_ok=True)
    source = SlideSource(slide, slide_id, slide_id, settings.sheet_mpp)
    parameters = options.tiling_of(facts.tile_size, facts.mpp)
    tile_slide(source, parameters, store=index, records=records, threads=settings.threads)
    store = read_store(index).without(options.exclude, facts.slide_tiles)
    predictions = _predictions(store, _answers(records, store, post, facts, settings), facts)
    written = predictions_path(folder / "predictions", slide_id)
    write_predictions(written, predictions)
    picture_slide(
        slide=slide,
        store_path=index,
        predictions_path=written,
        mpp=_PICTURE_MPP,
        pictures=Pictures(
            pictured / f"{slide_id}.png",
            pictured / f"{slide_id}.geojson",
            preview=pictured / f"{slide_id}.preview.jpg",
            tiles=pictured / f"{slide_id}.tiles.jpg",
        ),
    )
    return score_slide(predictions, options.top_k)


def _answers(
    records: Path, store: TileStore, post: Post, facts: ServedFacts, settings: ClientSettings
) -> list[dict[str, Any]]:
    """What the service says of one body after the other; a bag goes as one."""
    most = settings.body_bytes if facts.method != "mil" else int(store.length.sum())
    sent = map_in_order(lambda body: post(body, RECORDS), _bodies(records, store, most), settings.requests)
    return [_checked(answer) for answer in sent]


def _bodies(records: Path, store: TileStore, most: int) -> Iterator[bytes]:
    """Records of the tiles that are used, as they stand in the file, up to so many bytes together."""
    with records.open("rb") as file:
        parts: list[bytes] = []
        size = 0
        for offset, length in zip(store.offset.tolist(), store.length.tolist(), strict=True):
            if parts and size + length > most:
                yield b"".join(parts)
                parts, size = [], 0
            file.seek(offset)
            parts.append(file.read(length))
            size += length
        if parts:
            yield b"".join(parts)


def _checked(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict) or not {"scores", "slide_scores"} & set(answer):
        raise EndpointError("the service", "gives no scores")
    return answer


def _predictions(store: TileStore, answers: list[dict[str, Any]], facts: ServedFacts) -> Predictions:
    rows = [np.array(answer["scores"], np.float32) for answer in answers if "scores" in answer]
    bag = answers[0] if facts.method == "mil" and answers else {}
    scores = np.concatenate([np.zeros((0, len(facts.classes)), np.float32), *rows])
    if rows and len(scores) != len(store.coordinates):
        raise EndpointError("the service", f"gives scores of {len(scores)} tiles for {len(store.coordinates)}")
    attention = np.array(bag["attention"], np.float32) if "attention" in bag else None
    if attention is not None and len(attention) != len(store.coordinates):
        raise EndpointError("the service", f"gives attention of {len(attention)} tiles for {len(store.coordinates)}")
    slide_scores = np.array(bag["slide_scores"], np.float32) if bag else None
    scored = ScoredTiles(store.coordinates, scores, slide_scores, attention)
    return predictions_of(store, scored, facts.classes, facts.sha256)
