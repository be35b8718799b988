"""What has to be known of an encoder before it is loaded.

Encoders are known by name from `encoders.toml`, which is data; an entry in the config completes one of them, mostly by
the file of its weights, or adds an encoder of the user's own.
"""

import difflib
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from slidemill.errors import ConfigError
from slidemill.features.hugging_face import SCHEME, NotCachedError, cached_file
from slidemill.features.store import Fit

Kind = Literal["keras", "onnx", "torch"]
Pooling = Literal["average", "class", "class+mean"]

EMBEDDED = "efficientnet_lite0"  # the weights come with a package that slidemill depends on

_OF_A_USERS_OWN = ("kind", "file", "input_size", "normalisation")  # what the config has to say of an encoder


@dataclass(frozen=True, slots=True)
class Normalisation:
    """Pixels become (pixel / 255 - mean) / std, for each of the channels R, G and B."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSpec:
    """An encoder, before it is loaded.

    Attributes:
        name: how the config calls it, and the folder of its features.
        kind: the library that runs it.
        input_size: pixels, side of the network's input.
        normalisation: of the pixels; None where the network does it itself or Keras knows how.
        file: weights, or the whole network; None for those that come with a package.
        tile_size: pixels, side of the tiles that it was trained on; None where it takes any.
        mpp: microns per pixel of those tiles; None where it takes any.
        fit: how a tile is brought to `input_size`: "resize", or "crop" of its middle.
        pooling: what the features are of what the network gives.
        dimension: numbers for each tile; None where the file tells.
        architecture, arguments: of timm or keras.applications; None where the file holds the whole network.
        prefix_tokens: number of tokens before those of the patches.
        output: name of an ONNX network's output; None for the first.
        source, page, licence, access, commercial, checked: as `encoders.toml` explains them.
    """

    name: str
    kind: Kind
    input_size: int
    normalisation: Normalisation | None = None
    file: Path | None = None
    tile_size: int | None = None
    mpp: float | None = None
    fit: Fit = "resize"
    pooling: Pooling = "average"
    dimension: int | None = None
    architecture: str | None = None
    arguments: Mapping[str, Any] | None = None
    prefix_tokens: int = 1
    output: str | None = None
    source: str = ""
    page: str = ""
    licence: str = ""
    access: Literal["open", "gated"] = "open"
    commercial: bool = True
    checked: str = ""

    @property
    def terms(self) -> str:
        """What its weights ask of those who use them, one line; empty where they ask for nothing unusual."""
        if self.access == "open" and self.commercial:
            return ""
        asks = [
            *(["access has to be asked for"] if self.access == "gated" else []),
            *([] if self.commercial else ["no commercial use"]),
        ]
        return f"{self.name}: {self.licence} ({', '.join(asks)}): {self.page}"


class EncoderError(ConfigError):
    """An encoder that does not exist, or cannot be used as the config says."""


def find_encoder(name: str, entries: Mapping[str, Mapping[str, Any]]) -> EncoderSpec:
    """The encoder of a name.

    Args:
        name: of the table or of an entry.
        entries: `features.encoders` of the config: what completes the table, by name.

    Raises:
        EncoderError: there is no such encoder, or its entry does not say enough of it.
    """
    table, own = known_encoders(), entries.get(name)
    if name in table:
        return _completed(table[name], own or {})
    if own is None:
        raise EncoderError(_unknown(name, [*table, *entries]))
    if missing := [key for key in _OF_A_USERS_OWN if own.get(key) is None]:
        raise EncoderError(f"config: features.encoders.{name} has no {', '.join(missing)}. Say what it is.")
    return _spec(name, own)


def check_encoder(spec: EncoderSpec, *, tile_size: int, mpp: float) -> None:
    """Refuse an encoder for tiles that it was not trained on, or whose weights are not there.

    Args:
        spec: the encoder.
        tile_size: pixels, side of the tiles.
        mpp: microns per pixel of the tiles.

    Raises:
        EncoderError: with what to set.
    """
    wanted: dict[str, tuple[float, float]] = {}  # what it takes, and what is cut
    if spec.tile_size is not None and spec.tile_size != tile_size:
        wanted["tile_size"] = spec.tile_size, tile_size
    if spec.mpp is not None and not math.isclose(spec.mpp, mpp, rel_tol=1e-6):
        wanted["mpp"] = spec.mpp, mpp
    if wanted:
        told = " and ".join(f"{key} {own:g}, and tiling.{key} is {cut:g}" for key, (own, cut) in wanted.items())
        settings = ", ".join(f"{key}: {own:g}" for key, (own, _) in wanted.items())
        raise EncoderError(
            f"config: the encoder {spec.name} takes tiles of {told}. Set tiling: {{{settings}}}, or features.tiles: "
            "encoder for tiles of its own beside those, or take another one."
        )
    if spec.tile_size is None and spec.fit == "crop" and tile_size < spec.input_size:
        raise EncoderError(
            f"config: the encoder {spec.name} crops {spec.input_size} pixels of each tile, and tiling.tile_size is "
            f"{tile_size}. Raise it, or set features.encoders.{spec.name}.fit: resize."
        )
    _check_file(spec)


def own_tiles(specs: Sequence[EncoderSpec]) -> tuple[int, float]:
    """The tiles that encoders are made for: side in pixels, and microns per pixel.

    Those that take tiles of any kind take those of the others.

    Raises:
        EncoderError: they want different ones, or none says what it wants.
    """
    wanted = {spec.name: (spec.tile_size, spec.mpp) for spec in specs if (spec.tile_size, spec.mpp) != (None, None)}
    for name, tiles in wanted.items() or {specs[0].name: (None, None)}.items():
        missing = [key for key, value in zip(("tile_size", "mpp"), tiles, strict=True) if value is None]
        if missing:
            raise EncoderError(
                f"config: features.tiles is encoder, and {name} takes tiles of any {' and '.join(missing)}. Set "
                f"{', '.join(f'features.encoders.{name}.{key}' for key in missing)}, or features.tiles: tiling."
            )
    found = {(size, mpp) for size, mpp in wanted.values() if size is not None and mpp is not None}
    if len(found) > 1:
        told = ", ".join(f"{name} of {size} pixels at {mpp:g}" for name, (size, mpp) in wanted.items())
        raise EncoderError(
            f"config: features.tiles is encoder, and the encoders want different tiles: {told} microns per pixel. Run "
            "them one after the other: their features lie side by side."
        )
    return found.pop()


def check_together(specs: Sequence[EncoderSpec], precision: str | None = None) -> None:
    """Refuse encoders that no one process can run.

    Args:
        specs: the encoders.
        precision: of the computation that is asked for; None for each encoder's own.

    Raises:
        EncoderError: some need PyTorch and others do not, or one cannot compute in this precision.
    """
    for spec in specs:
        if spec.kind == "onnx" and precision not in (None, "float32"):
            raise EncoderError(
                f"config: features.precision is {precision}, and the encoder {spec.name} is an ONNX network, which "
                "computes as its file says. Set it to null."
            )
    kinds = {spec.kind for spec in specs}
    if "torch" in kinds and len(kinds) > 1:
        told = ", ".join(f"{spec.name} ({spec.kind})" for spec in specs)
        raise EncoderError(
            f"config: features.encoder names {told}, and those of torch run in an environment without the others. Run "
            "them one after the other: their features lie side by side."
        )


def _check_file(spec: EncoderSpec) -> None:
    key = f"features.encoders.{spec.name}.file"
    if spec.file is None:
        if spec.name != EMBEDDED:
            where = f" ({spec.page})" if spec.page else ""
            raise EncoderError(
                f"config: the weights of the encoder {spec.name}{where} do not come with slidemill. Set {key}."
            )
    elif not spec.file.is_file():
        raise EncoderError(f"config: {key}: there is no file {spec.file}. Correct its path.")


@cache
def known_encoders() -> dict[str, EncoderSpec]:
    """The encoders of `encoders.toml`, by name."""
    table = tomllib.loads(files("slidemill.features").joinpath("encoders.toml").read_text(encoding="utf-8"))
    presets = table["normalisations"]
    entries = dict(table["encoders"])
    for name, (input_size, dimension, preset) in table["keras_applications"].items():
        entries[name] = {
            **table["of_keras_applications"],
            "architecture": name,
            "input_size": input_size,
            "dimension": dimension,
            "normalisation": preset,
        }
    return {
        name: _spec(name, entry | {"normalisation": presets.get(entry["normalisation"])})
        for name, entry in entries.items()
    }


def _completed(spec: EncoderSpec, entry: Mapping[str, Any]) -> EncoderSpec:
    values = {field.name: getattr(spec, field.name) for field in fields(spec)}
    return _spec(spec.name, values | {key: value for key, value in entry.items() if value is not None})


def _spec(name: str, entry: Mapping[str, Any]) -> EncoderSpec:
    values = dict(entry) | {"name": name}
    if isinstance(values.get("normalisation"), Mapping):
        values["normalisation"] = Normalisation(**{key: tuple(value) for key, value in values["normalisation"].items()})
    file = values.get("file")
    if file is not None:
        values["file"] = _downloaded(name, file) if str(file).startswith(SCHEME) else Path(file)
    return EncoderSpec(**values)


def _downloaded(name: str, address: str) -> Path:
    try:
        return cached_file(address)
    except NotCachedError as error:
        raise EncoderError(f"config: features.encoders.{name}.file: {error}") from None


def _unknown(name: str, known: list[str]) -> str:
    by_lower_case = {key.lower(): key for key in known}
    close = [by_lower_case[key] for key in difflib.get_close_matches(name.lower(), by_lower_case, n=3)]
    advice = f"Did you mean {' or '.join(close)}?" if close else "Describe it under features.encoders."
    return f"config: features.encoder {name!r} is not known. {advice} Known are: {', '.join(known)}."
