"""A loaded model that takes pixels, and the tiles that it scores."""

from pathlib import Path

import numpy as np

from slidemill.inference.record_tiles import RecordTiles
from slidemill.inference.scorer import ScoredTiles
from slidemill.inference.tile_model import load_tile_model
from slidemill.onnx_session import Provider
from slidemill.training.description import ModelDescription


class RecordScorer:
    """A model that takes pixels in memory, for the tile records of any number of slides."""

    def __init__(
        self,
        model_file: Path,
        description: ModelDescription,
        *,
        batch_size: int,
        threads: int,
        provider: Provider = "auto",
    ) -> None:
        """Load the model.

        Args:
            model_file: model.keras or model.onnx.
            description: of the model.
            batch_size: tiles that are scored at once.
            threads: CPU threads for decoding and for the model.
            provider: what runs ONNX.
        """
        self._model = load_tile_model(model_file, description, threads=threads, provider=provider)
        self._tiles = RecordTiles(self._model.shape, batch_size=batch_size, threads=threads)
        self._class_count = len(description.classes)

    def score(self, records: Path, is_used: np.ndarray) -> ScoredTiles:
        """Score tiles of a TFRecord file; beside the scores, memory holds a few batches.

        Args:
            records: the file.
            is_used: (tiles,) bool, which of its tiles to score; those that it does not know are scored as well.

        Raises:
            RecordsError: the file is missing, or a record or its tile is damaged.
        """
        coordinates = [np.zeros((0, 2), np.int64)]
        scores = [np.zeros((0, self._class_count), np.float32)]
        for images, places in self._tiles.batches(records, is_used):
            coordinates.append(places)
            scores.append(self._model.scores(images))
        return ScoredTiles(np.concatenate(coordinates), np.concatenate(scores))
