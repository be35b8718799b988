"""A model of any method in memory, as a service uses it."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from slidemill.training.description import ModelDescription


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
