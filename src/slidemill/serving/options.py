"""What of the config counts where a model is served: how slides are cut, and what tiles say of a slide.

It travels with the model, as `serving.json` beside it, so that a model is used elsewhere as where it was trained.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from slidemill.errors import ConfigError
from slidemill.evaluation.aggregate import DEFAULT_TOP_K, TILE_METHODS, Aggregation
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag
from slidemill.tiling.source import TilingParameters
from slidemill.training.description import ModelDescription
from slidemill.units import TilePixels

FILE = "serving.json"

# As in config.yaml; size and resolution are the model's.
_TILING = {"max_background": 0.5, "jpeg_quality": 85}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """How a model is used.

    Attributes:
        aggregation: from the scores of tiles to those of a slide, as `evaluation.aggregation` of the config.
        top_k: tiles that the top-k mean takes.
        exclude: tiles of slides with one of these flags are not scored, as `quality.exclude`.
        tiling: how slides are cut, as `tiling` of the config, without the size and the resolution of tiles.
        encoders: files of encoders, as `features.encoders`, for a model that takes features.
    """

    aggregation: str = "mean"
    top_k: int = DEFAULT_TOP_K
    exclude: tuple[QualityFlag, ...] = ("pen_marks",)
    tiling: Mapping[str, Any] = field(default_factory=dict)
    encoders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            ConfigError: with what is expected.
        """
        if self.aggregation not in TILE_METHODS:
            raise ConfigError(f"aggregation is {self.aggregation!r}: expected one of {', '.join(TILE_METHODS)}.")
        if not isinstance(self.top_k, int) or self.top_k < 1:
            raise ConfigError(f"top_k is {self.top_k!r}: expected a whole number from 1.")
        if unknown := [flag for flag in self.exclude if flag not in QUALITY_FLAGS]:
            raise ConfigError(f"exclude has {unknown[0]!r}: expected {', '.join(QUALITY_FLAGS)}.")
        known = {each.name for each in fields(TilingParameters)} - {"mpp", "tile_size"}
        if unknown_keys := sorted(set(self.tiling) - known):
            raise ConfigError(f"tiling has {unknown_keys[0]!r}: expected {', '.join(sorted(known))}.")

    @property
    def of_slides(self) -> Aggregation:
        """How tile scores become slide scores."""
        return Aggregation(self.aggregation, self.top_k)  # type: ignore[arg-type] # checked above

    def tiling_for(self, description: ModelDescription) -> TilingParameters:
        """How slides are cut for a model."""
        return self.tiling_of(description.tile_size_px, description.tile_mpp)

    def tiling_of(self, tile_size: int, mpp: float) -> TilingParameters:
        """How slides are cut to tiles of a size (pixels) and a resolution (microns per pixel)."""
        return TilingParameters(mpp=mpp, tile_size=TilePixels(tile_size), **{**_TILING, **self.tiling})

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read them from a JSON file.

        Raises:
            ConfigError: it is missing, damaged, or says something unknown.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: cannot be read ({error}).") from None
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, source: str) -> Self:
        """Read them from JSON.

        Args:
            text: the JSON.
            source: where it is from, to be named.

        Raises:
            ConfigError: it is damaged, or says something unknown.
        """
        try:
            values = json.loads(text)
            if not isinstance(values, dict):
                raise ConfigError("expected an object.")
            if unknown := sorted(set(values) - {each.name for each in fields(cls)}):
                raise ConfigError(f"there is no {unknown[0]!r}.")
            if "exclude" in values:
                values["exclude"] = tuple(values["exclude"])
            return cls(**values)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{source}: cannot be read ({error}).") from None
        except ConfigError as error:
            raise ConfigError(f"{source}: {error}") from None

    def as_json(self) -> str:
        """What `read` reads."""
        return json.dumps(asdict(self), indent=1)


def options_beside(model_file: Path) -> ServingOptions:
    """What lies beside a model; what the config says by itself, where nothing does."""
    path = model_file.with_name(FILE)
    return ServingOptions.read(path) if path.exists() else ServingOptions()
