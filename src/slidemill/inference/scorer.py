"""What scores tiles: a model in memory, whatever it takes of a tile."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class ScoredTiles:
    """Tiles in the order of the file that was scored.

    Attributes:
        coordinates: (tiles, 2) int64, level-0 pixels, x and y of the top left corner.
        scores: (tiles, classes) float32, softmax scores; (0, classes) where the model scores no tiles.
        slide_scores: (classes,) float32, where the model scores whole slides; else None.
        attention: (tiles,) float32, where the model gives it; else None.
    """

    coordinates: np.ndarray
    scores: np.ndarray
    slide_scores: np.ndarray | None = None
    attention: np.ndarray | None = None


class Scorer(Protocol):
    """A model in memory, for the tiles of any number of slides."""

    def score(self, source: Path, is_used: np.ndarray) -> ScoredTiles:
        """Score tiles of one slide.

        Args:
            source: the file that the model reads, of all tiles of the slide's tile store.
            is_used: (tiles,) bool, which of them to score.

        Raises:
            SlidemillError: the file is missing, damaged, or does not fit the model.
        """
