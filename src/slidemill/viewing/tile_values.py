"""What a run says of each tile of a slide, as layers that a page draws, and as arrays."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from slidemill.inference.store import Predictions
from slidemill.reporting.layers import attention_ranks

_MOST_TIMES_AVERAGE = 8.0  # the end of the colours of attention, as in heatmaps (slidemill.reporting.layers)

Kind = Literal["score", "attention", "rank", "evidence"]


@dataclass(frozen=True, slots=True)
class ValueLayer:
    """A value of each tile.

    Attributes:
        key: names it.
        name: what readers call it.
        meaning: what its numbers say, one sentence.
        kind: of value.
        lowest, highest: ends of its colours, the same for all slides; of attention by powers, 1 in the middle.
        values: (tiles,) float32.
    """

    key: str
    name: str
    meaning: str
    kind: Kind
    lowest: float
    highest: float
    values: np.ndarray

    def about(self) -> dict[str, Any]:
        """All but the values, as JSON."""
        names = ("key", "name", "meaning", "kind", "lowest", "highest")
        scale = "logarithmic" if self.kind in ("attention", "evidence") else "linear"
        return {name: getattr(self, name) for name in names} | {"scale": scale}


def value_layers(predictions: Predictions) -> list[ValueLayer]:
    """The layers that predictions have: scores of classes, attention and its rank, evidence for classes."""
    layers = [
        ValueLayer(f"score:{name}", name, f"The score of {name}, from 0 to 1.", "score", 0.0, 1.0, column)
        for name, column in zip(predictions.classes, predictions.scores.T, strict=True)
        if len(predictions.scores)
    ]
    if predictions.attention is None:
        return layers
    times = predictions.times_average()
    least = 1 / _MOST_TIMES_AVERAGE
    layers += [
        ValueLayer(
            "attention",
            "attention",
            "How much the tile counts for the slide, times the number of tiles: 1 is the average.",
            "attention",
            least,
            _MOST_TIMES_AVERAGE,
            times.astype(np.float32),
        ),
        ValueLayer(
            "rank",
            "rank of attention",
            "The share of the slide's other tiles that count for less.",
            "rank",
            0.0,
            1.0,
            attention_ranks(predictions.attention).astype(np.float32),
        ),
    ]
    if len(predictions.scores):
        layers += [
            ValueLayer(
                f"evidence:{name}",
                f"evidence for {name}",
                f"The score of {name} times the attention, of which 1 is the average.",
                "evidence",
                least,
                _MOST_TIMES_AVERAGE,
                column.astype(np.float32),
            )
            for name, column in zip(predictions.classes, predictions.relevance().T, strict=True)
        ]
    return layers


def values_as_bytes(predictions: Predictions) -> bytes:
    """Corners and all layers: the length of the header (uint32), the header (JSON), the arrays; all little-endian."""
    arrays = {
        "x": predictions.coordinates[:, 0].astype("<i4"),
        "y": predictions.coordinates[:, 1].astype("<i4"),
        **{layer.key: layer.values.astype("<f4") for layer in value_layers(predictions)},
    }
    return packed(arrays, {"tile_size_level0": int(predictions.tile_extent)})


def packed(arrays: Mapping[str, np.ndarray], about: Mapping[str, Any]) -> bytes:
    """Arrays of equal length, as `values_as_bytes` says; the header is filled up to a multiple of 4 with blanks.

    Args:
        arrays: (tiles,), int32 or float32, in order.
        about: what else the header says.
    """
    count = len(next(iter(arrays.values())))
    entries = [{"key": key, "dtype": array.dtype.name, "length": len(array)} for key, array in arrays.items()]
    header = json.dumps({"tiles": count, **about, "arrays": entries}).encode()
    header += b" " * (-len(header) % 4)
    return b"".join([len(header).to_bytes(4, "little"), header, *(array.tobytes() for array in arrays.values())])
