"""What a model file says of its model, readable without TensorFlow.

A .keras file is a zip file; the description is one more entry in it, so that a model travels as one file and can
never be separated from the order of its classes.
"""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, Self

import slidemill
from slidemill.errors import SlidemillError
from slidemill.machine import machine_trouble

ENTRY = "slidemill.json"
# Of what the entry says. Raised when somebody who knows the one before would misunderstand it; files without it have 1.
FORMAT = 1

Method = Literal["tiles", "probe", "mil"]
InputFit = Literal["resize", "crop"]

# Zip entries need a date; a fixed one (the earliest that the format knows) keeps equal models equal in bytes.
NO_DATE = (1980, 1, 1, 0, 0, 0)


class ModelFileError(SlidemillError):
    """A model file that is missing, damaged, or was not written by slidemill."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        kind = ".onnx" if self.path.suffix == ".onnx" else ".keras"
        return f"{self.path}: {self.reason}. Give a model{kind} that this workflow made."


class OtherFormatError(ValueError):
    """A description as another version of slidemill writes it."""

    def __init__(self, difference: str) -> None:
        super().__init__(difference)
        self.difference = difference

    def __str__(self) -> str:
        return (
            f"its description {self.difference}, as another version than slidemill {slidemill.__version__} writes it. "
            "Use the model with that version, or train it anew"
        )


@dataclass(frozen=True, slots=True)
class EncoderDescription:
    """The encoder whose features a model takes.

    Attributes:
        name: as in `features.encoder` of the config.
        weights_sha256: of its weights.
        dimension: numbers for each tile.
        normalisation: "mean" and "std" of the three channels, on a scale of 0 to 1.
        pooling: what the features are of what the network gives.
    """

    name: str
    weights_sha256: str
    dimension: int
    normalisation: dict[str, list[float]]
    pooling: str


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """What one has to know of a model to use it.

    Attributes:
        architecture: "small_cnn" or the name of a keras.applications model; "linear" for method "probe"; the pooling,
            such as "gated_attention", for method "mil".
        classes: class names, in the order of the model's outputs.
        tile_size_px: side of the tiles that it was trained on, as stored.
        tile_mpp: microns per pixel of those tiles.
        input_size_px: side of the model's input, or of that of its encoder.
        input_fit: "resize" or "crop": how a tile is brought to that side. Everything after it is inside the model.
        training_data_sha256: of the shard plan, which holds the hashes of all shards; or of features and labels.
        versions: the software that trained it.
        method: "tiles", it takes the pixels of a tile; "probe", it takes the features of a tile; "mil", it takes the
            tiles of a slide together, by their features or by their pixels.
        encoder: what makes these features; None where it takes pixels.
        slide_tiles: of a slide it takes so many tiles, those with most tissue; None for all.
    """

    architecture: str
    classes: tuple[str, ...]
    tile_size_px: int
    tile_mpp: float
    input_size_px: int
    input_fit: InputFit
    training_data_sha256: str
    versions: dict[str, str]
    method: Method = "tiles"
    encoder: EncoderDescription | None = None
    slide_tiles: int | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Self:
        """Read back what `as_values` has made and JSON has kept.

        Raises:
            OtherFormatError: they are those of a description of another version of slidemill.
            KeyError, TypeError, ValueError: they are not those of a description.
        """
        classes, encoder = tuple(values["classes"]), values.get("encoder")
        if (found := values.get("format", FORMAT)) != FORMAT:
            raise OtherFormatError(f"is of format {found}, not {FORMAT}")
        told = {key: value for key, value in values.items() if key != "format"}
        _refuse_other_keys(told, cls)
        if encoder:
            _refuse_other_keys(encoder, EncoderDescription)
        own = {"classes": classes, "encoder": EncoderDescription(**encoder) if encoder else None}
        return cls(**{**told, **own})

    def as_values(self) -> dict[str, Any]:
        """What JSON can keep, with the format of it."""
        return {"format": FORMAT, **asdict(self)}


def _refuse_other_keys(values: Mapping[str, Any], kind: type[ModelDescription | EncoderDescription]) -> None:
    known = {each.name: each.default is MISSING for each in fields(kind)}
    if unknown := sorted(set(values) - set(known)):
        raise OtherFormatError(f"has {unknown[0]!r}")
    if missing := [name for name, is_needed in known.items() if is_needed and name not in values]:
        raise OtherFormatError(f"lacks {missing[0]!r}")


def add_description(model_file: Path, description: ModelDescription) -> None:
    """Add the description to a .keras file that Keras has just written."""
    with zipfile.ZipFile(model_file, "a") as archive:
        archive.writestr(zipfile.ZipInfo(ENTRY, date_time=NO_DATE), json.dumps(description.as_values(), indent=1))


def read_description(model_file: Path) -> ModelDescription:
    """Read the description of a trained model.

    Raises:
        ModelFileError: the file is missing, damaged, has no description, or one of another version of slidemill.
    """
    try:
        with zipfile.ZipFile(model_file) as archive:
            return ModelDescription.from_values(json.loads(archive.read(ENTRY)))
    except FileNotFoundError:
        raise ModelFileError(model_file, "there is no such model file") from None
    except OtherFormatError as error:
        raise ModelFileError(model_file, str(error)) from None
    except (OSError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        if trouble := machine_trouble(error, model_file):
            raise trouble from error
        raise ModelFileError(model_file, "not a model with a description of its classes") from error
