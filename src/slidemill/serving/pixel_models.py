"""Models that take pixels, as a service uses them."""

import threading
from pathlib import Path

import numpy as np

from slidemill.classifier.tile_shape import shape_of_tiles
from slidemill.hashing import file_sha256
from slidemill.inference.pixel_bag_model import load_pixel_bag_model
from slidemill.inference.tile_model import load_tile_model
from slidemill.onnx_session import Provider
from slidemill.serving.served_model import Scored
from slidemill.serving.tile_images import model_pixels
from slidemill.training.description import ModelDescription

_LARGEST_BATCH = 64


class PixelModel:
    """A model that takes pixels; see `ServedModel`."""

    largest_batch = _LARGEST_BATCH
    takes_stored_tiles = True
    scores_rows_together = False

    def __init__(
        self, model_file: Path, description: ModelDescription, *, threads: int, provider: Provider = "auto"
    ) -> None:
        """Load the model."""
        self.description = description
        self.sha256 = file_sha256(model_file)
        self._model = load_tile_model(model_file, description, threads=threads, provider=provider)

    def pixels(self, image: bytes) -> np.ndarray:
        """Decode a tile."""
        return model_pixels(image, self._model.shape)

    def rows(self, images: np.ndarray) -> np.ndarray:
        """Its scores."""
        return self._model.scores(images)

    def scored(self, rows: np.ndarray) -> Scored:
        """Nothing more."""
        return Scored(rows)


class PixelBagModel:
    """A model that takes the pixels of some tiles of a slide together; see `ServedModel`."""

    largest_batch = _LARGEST_BATCH
    takes_stored_tiles = True
    scores_rows_together = True

    def __init__(
        self, model_file: Path, description: ModelDescription, *, threads: int, provider: Provider = "auto"
    ) -> None:
        """Load the model."""
        self.description = description
        self.sha256 = file_sha256(model_file)
        self._shape = shape_of_tiles(description)
        self._model = load_pixel_bag_model(model_file, description, threads=threads, provider=provider)
        self._no_tiles = np.zeros((0, len(description.classes)), np.float32)
        self._one_at_a_time = threading.Lock()  # what the convolutions make of a bag takes hundreds of megabytes

    def pixels(self, image: bytes) -> np.ndarray:
        """Decode a tile."""
        return model_pixels(image, self._shape)

    def rows(self, images: np.ndarray) -> np.ndarray:
        """Its pixels: all layers are computed of the whole bag."""
        return images

    def scored(self, rows: np.ndarray) -> Scored:
        """What it says of the bag."""
        with self._one_at_a_time:
            found = self._model.outputs(rows)
        return Scored(found.get("tile_scores", self._no_tiles), found["scores"], found["attention"])
