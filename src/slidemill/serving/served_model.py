"""A model of any method in memory, as a service uses it."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from slidemill.hashing import file_sha256
from slidemill.inference.model_file import describe
from slidemill.inference.pixel_bag_model import load_pixel_bag_model
from slidemill.inference.tile_model import load_tile_model, shape_of_tiles
from slidemill.onnx_session import Provider
from slidemill.serving.options import ServingOptions
from slidemill.serving.tile_images import model_pixels
from slidemill.training.description import ModelDescription, ModelFileError

_LARGEST_BATCH = 64


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model says of the tiles of one request.

    Attributes:
        scores: (tiles, classes) float32; (0, classes) where the model scores bags of tiles only.
        slide_scores: (classes,) float32, of all tiles as one bag, where the model scores bags; else None.
        attention: (tiles,) float32, where the model gives it; else None.
    """

    scores: np.ndarray
    slide_scores: np.ndarray | None = None
    attention: np.ndarray | None = None


class ServedModel(Protocol):
    """A model in memory.

    Attributes:
        description: of the model.
        sha256: of its file.
        largest_batch: tiles that `rows` takes at once, a power of two.
        takes_stored_tiles: whether pixels of slides go through JPEG before the model sees them, as in the workflow.
        scores_rows_together: whether `scored` computes something, of all rows at once.
    """

    description: ModelDescription
    sha256: str
    largest_batch: int
    takes_stored_tiles: bool
    scores_rows_together: bool

    def pixels(self, image: bytes) -> np.ndarray:
        """Decode a JPEG or PNG tile to what `rows` takes a batch of; on any thread.

        Raises:
            UnfitTileError: it is not a tile of the model's.
        """
        ...

    def rows(self, images: np.ndarray) -> np.ndarray:
        """Whatever the model knows of each tile alone: a row for each; on one thread at a time."""
        ...

    def scored(self, rows: np.ndarray) -> Scored:
        """What it says of tiles by their rows; on any thread, at least one row."""
        ...


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


def find_model(path: Path) -> Path:
    """The model file that a path means: itself, or what a folder holds, as SageMaker unpacks a model.

    Raises:
        ModelFileError: there is none.
    """
    if not path.is_dir():
        return path
    for name in ("model.keras", "model.onnx"):
        if (path / name).is_file():
            return path / name
    raise ModelFileError(path, "the folder holds neither model.keras nor model.onnx")


def load_served_model(
    model_file: Path, options: ServingOptions, *, threads: int, provider: Provider = "auto"
) -> ServedModel:
    """Load a model of any method.

    Args:
        model_file: the model.
        options: have the files of its encoder, where it takes features.
        threads: CPU threads.
        provider: what runs a model.onnx.

    Raises:
        ModelFileError: it is missing, damaged, or has no description.
        ConfigError: it runs in another environment.
        ProviderMissingError: what is to run it is not there.
        EncoderError, EncoderFileError, DeviceError: its encoder is not known, not there, or another one.
    """
    description = describe(model_file)
    if description.method == "tiles":
        return PixelModel(model_file, description, threads=threads, provider=provider)
    if description.encoder is None:
        return PixelBagModel(model_file, description, threads=threads, provider=provider)
    from slidemill.serving.feature_model import FeatureModel

    return FeatureModel(model_file, description, options.encoders, threads=threads, provider=provider)
