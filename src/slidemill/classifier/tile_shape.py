"""Sides of a tile on its way from a JPEG image to the model's input; without TensorFlow."""

from dataclasses import dataclass

from slidemill.training.description import InputFit, ModelDescription
from slidemill.units import TilePixels

# Scales at which a JPEG can be decoded by leaving out its higher frequencies, which costs a fraction of the time.
_JPEG_RATIOS = (8, 4, 2, 1)


@dataclass(frozen=True, slots=True)
class TileShape:
    """Sides of a tile.

    Attributes:
        stored: of the JPEG image.
        model: of the model's input, pixels.
        fit: whether the tile is resized to the model's input or a part of it is cut out.
    """

    stored: TilePixels
    model: int
    fit: InputFit = "resize"

    @property
    def jpeg_ratio(self) -> int:
        """Of the scales at which the JPEG can be decoded, the smallest that is not below the model's input."""
        if self.fit == "crop":
            return 1
        return next((ratio for ratio in _JPEG_RATIOS if self.stored >= ratio * self.model), 1)

    @property
    def decoded(self) -> int:
        """Side of the decoded tile, pixels."""
        return self.model if self.fit == "crop" else -(-self.stored // self.jpeg_ratio)


def shape_of_tiles(description: ModelDescription) -> TileShape:
    """Sides of the tiles that a model takes."""
    return TileShape(TilePixels(description.tile_size_px), description.input_size_px, description.input_fit)
