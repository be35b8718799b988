"""What a service answers, in the form that the client asks for."""

import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.evaluation.aggregate import Aggregation, score_slide
from slidemill.inference.store import Predictions, write_predictions
from slidemill.serving.bodies import SlideRequest, TileRequest
from slidemill.web.refusals import RefusedError

JSON, NPY, ZARR = "application/json", "application/x-npy", "application/x-zarr-zip"
ANSWER_TYPES = (JSON, NPY, ZARR)


def chosen_type(accept: str) -> str:
    """The form of the answer that a client wants.

    Args:
        accept: as the header Accept says, empty where there is none.

    Raises:
        RefusedError: it is none that there is.
    """
    wanted = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    for kind in wanted:
        if kind in ANSWER_TYPES:
            return kind
    if not accept.strip() or {"*/*", "application/*"} & set(wanted):
        return JSON
    raise RefusedError(406, f"answers are given as {', '.join(ANSWER_TYPES)}; ask for one of them by Accept")


def encoded(
    kind: str, predictions: Predictions, request: TileRequest | SlideRequest, aggregation: Aggregation
) -> bytes:
    """The answer.

    Args:
        kind: one of `ANSWER_TYPES`.
        predictions: what the model says.
        request: of what.
        aggregation: from the scores of tiles to those of a slide.

    Raises:
        RefusedError: what the model says has no such form.
    """
    if kind == NPY:
        return _as_npy(predictions)
    return _as_zarr(predictions) if kind == ZARR else _as_json(predictions, request, aggregation)


def _as_json(predictions: Predictions, request: TileRequest | SlideRequest, aggregation: Aggregation) -> bytes:
    if isinstance(request, TileRequest) and request.form == "instances":
        return json.dumps({"predictions": _scores_of_tiles(predictions).tolist()}).encode()
    answer: dict[str, Any] = {"classes": predictions.classes}
    if len(predictions.scores):
        answer["scores"] = predictions.scores.tolist()
    if isinstance(request, SlideRequest) or request.form != "image" or predictions.slide_scores is not None:
        answer |= _of_slide(predictions, request, aggregation)
    if predictions.attention is not None:
        answer["attention"] = predictions.attention.tolist()
    if len(predictions.coordinates):
        answer["coordinates"] = predictions.coordinates.tolist()
    return json.dumps(answer).encode()


def _of_slide(
    predictions: Predictions, request: TileRequest | SlideRequest, aggregation: Aggregation
) -> dict[str, object]:
    """What all tiles together say; nothing where they are of several slides."""
    if isinstance(request, TileRequest) and len(request.slide_ids) > 1:
        return {}
    about: dict[str, object] = {"slide_id": predictions.slide_id} if predictions.slide_id else {}
    if predictions.reason:
        return about | {"reason": predictions.reason}
    if isinstance(request, SlideRequest):
        about["tile_extent"] = predictions.tile_extent
    score = score_slide(predictions, aggregation.top_k)
    method = score.deciding(aggregation.method)
    scores = [score.scores[method][name] for name in predictions.classes]
    return about | {"slide_scores": scores, "slide_prediction": score.predicted[method], "aggregation": method}


def _as_npy(predictions: Predictions) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, _scores_of_tiles(predictions), allow_pickle=False)
    return buffer.getvalue()


def _as_zarr(predictions: Predictions) -> bytes:
    """The predictions file of the workflow; without coordinates where none are told."""
    with tempfile.TemporaryDirectory(prefix="slidemill-") as name:
        path = Path(name) / "predictions.zarr.zip"
        write_predictions(path, predictions)
        return path.read_bytes()


def _scores_of_tiles(predictions: Predictions) -> np.ndarray:
    if predictions.slide_scores is not None and not len(predictions.scores):
        raise RefusedError(
            406, 'the model scores slides and not tiles; send {"tiles": ...} and ask for application/json'
        )
    return predictions.scores
