"""What is shown of the tiles of a slide, as colours that mean the same on every slide.

The score of a class is a number from 0 to 1. Attention adds up to 1 over a slide, so its size depends on the number of
tiles; shown are two things that do not: the attention times the number of tiles, of which 1 is the average, and the
rank, the share of the slide's other tiles with less attention.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slidemill.inference.store import Predictions

_TIMES_AVERAGE, _RANK = "attention, times average", "attention, rank in slide"

# The ends of the colours of attention: so many times the average, and the same part of it.
_TIMES = 8.0


@dataclass(frozen=True, slots=True)
class Layer:
    """A value of each tile.

    Attributes:
        name: of the class, or of what is shown of the attention.
        colours: (tiles,) float, 0 to 1, a place in the colour bar.
        measured: (tiles,) float, the value itself.
        of_class: whether it is the score of a class.
    """

    name: str
    colours: np.ndarray
    measured: np.ndarray
    of_class: bool


def layers_of(predictions: Predictions) -> list[Layer]:
    """A layer for each class, where tiles have scores; then those of the attention, where there is some."""
    scores = predictions.scores
    classes = predictions.classes if len(scores) or predictions.attention is None else ()
    layers = [Layer(name, scores[:, place], scores[:, place], of_class=True) for place, name in enumerate(classes)]
    if predictions.attention is None:
        return layers
    times = predictions.times_average()
    ranks = attention_ranks(predictions.attention)
    return [
        *layers,
        Layer(_TIMES_AVERAGE, attention_colours(times), times, of_class=False),
        Layer(_RANK, ranks, ranks, of_class=False),
    ]


def layer_names(classes: Sequence[str], *, tile_scores: bool, attention: bool) -> list[str]:
    """The names of the layers that predictions have, in order."""
    of_classes = classes if tile_scores or not attention else ()
    return [*of_classes, *((_TIMES_AVERAGE, _RANK) if attention else ())]


def attention_colours(times_average: np.ndarray) -> np.ndarray:
    """Places in the colour bar: the average in the middle, and 8 times and an eighth of it, and beyond, at the ends."""
    least = np.maximum(times_average, 1 / _TIMES)
    return np.clip(0.5 + np.log(least) / (2 * np.log(_TIMES)), 0.0, 1.0)


def attention_ranks(attention: np.ndarray) -> np.ndarray:
    """The share of the other tiles that have less attention, (tiles,) float64; half of those with the same count."""
    if len(attention) < 2:
        return np.full(len(attention), 0.5)
    _, place, counts = np.unique(attention, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts
    return (below + (counts - 1) / 2)[place] / (len(attention) - 1)
