"""A loaded model that takes the pixels of some tiles of a slide together."""

from pathlib import Path

import numpy as np

from slidemill.classifier.tile_shape import shape_of_tiles
from slidemill.inference.pixel_bag_model import load_pixel_bag_model
from slidemill.inference.record_tiles import RecordTiles
from slidemill.inference.scorer import ScoredTiles
from slidemill.onnx_session import Provider
from slidemill.training.description import ModelDescription


class PixelBagScorer:
    """A model of bags of pixels in memory, for the tile records of any number of slides, each of which is a bag."""

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
            batch_size: tiles that are read at once.
            threads: CPU threads for decoding and for the model.
            provider: what runs ONNX.
        """
        self._tiles = RecordTiles(shape_of_tiles(description), batch_size=batch_size, threads=threads)
        self._class_count = len(description.classes)
        self._model = load_pixel_bag_model(model_file, description, threads=threads, provider=provider)

    def score(self, source: Path, is_used: np.ndarray) -> ScoredTiles:
        """Score a slide by the pixels of its tiles, all of those to use at once.

        Args:
            source: the tile records.
            is_used: (tiles,) bool, which of its tiles to use; those that it does not know are used as well.

        Raises:
            RecordsError: the file is missing, or a record or its tile is damaged.
        """
        batches = list(self._tiles.batches(source, is_used))
        no_tiles = np.zeros((0, self._class_count), np.float32)
        if not batches:
            return ScoredTiles(np.zeros((0, 2), np.int64), no_tiles)
        images, coordinates = zip(*batches, strict=True)
        found = self._model.outputs(np.concatenate(images))
        return ScoredTiles(
            np.concatenate(coordinates),
            found.get("tile_scores", no_tiles),
            slide_scores=found["scores"],
            attention=found["attention"],
        )
