"""Whether features fit their tiles, the features of other slides, and a model."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.features.store import FeatureSummary

# What has to be the same for all features that are used together.
_COMMON = (
    "encoder",
    "weights_sha256",
    "dimension",
    "input_size",
    "fit",
    "mpp",
    "tile_size",
    "normalisation",
    "pooling",
)


class FeaturesMismatchError(SlidemillError):
    """Features that do not fit their tiles, the features of other slides, or the model."""

    def __init__(self, path: Path, reason: str, advice: str) -> None:
        super().__init__(path, reason, advice)
        self.path = path
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}. {self.advice}."


def encoder_facts(summary: FeatureSummary) -> dict[str, object]:
    """What decides the features of a tile, by name."""
    return {name: getattr(summary, name) for name in _COMMON}


def refuse_other_encoder(path: Path, found: FeatureSummary, expected: Mapping[str, object], of: str) -> None:
    """Refuse features of another encoder, or of tiles of another kind.

    Args:
        path: of the features.
        found: what they say of themselves.
        expected: values of their fields, as `encoder_facts` gives them.
        of: whose values these are, for the error.

    Raises:
        FeaturesMismatchError: a field has another value.
    """
    for name, value in expected.items():
        if getattr(found, name) != value:
            reason = f"its {name.replace('_', ' ')} is {getattr(found, name)!r}, and that of {of} {value!r}"
            raise FeaturesMismatchError(path, reason, "Extract the features of all slides by the same encoder")


def refuse_other_tiles(path: Path, found: np.ndarray, expected: np.ndarray) -> None:
    """Refuse features of other tiles than those of the tile store.

    Raises:
        FeaturesMismatchError: the coordinates differ.
    """
    if not np.array_equal(found, expected):
        reason = f"its {len(found)} tiles are not the {len(expected)} of the slide's tile store"
        raise FeaturesMismatchError(path, reason, "Delete it and run again to extract the features anew")
