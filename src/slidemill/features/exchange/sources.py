"""Where the features of another tool lie, and what is known of their encoder before they are read."""

from collections.abc import Iterable
from pathlib import Path

from slidemill.errors import ConfigError
from slidemill.features.spec import EncoderSpec

_MOST_TOLD = 20


def foreign_path(folder: Path, slide_id: str) -> Path:
    """Where another tool keeps the features of a slide."""
    return folder / f"{slide_id}.h5"


def check_foreign_files(folder: Path, slide_ids: Iterable[str]) -> None:
    """Refuse a folder that lacks the features of a slide.

    Raises:
        ConfigError: with a line for each slide; of very many the first.
    """
    missing = [path for slide_id in slide_ids if not (path := foreign_path(folder, slide_id)).is_file()]
    if missing:
        told = [
            f"config: features.from: there is no file {path}. Make it, or take its slide out of the sheet."
            for path in missing[:_MOST_TOLD]
        ]
        more = [f"... and {len(missing) - _MOST_TOLD} more slides without features"] if missing[_MOST_TOLD:] else []
        raise ConfigError("\n".join([*told, *more]))


def encoder_of_another_tool(name: str) -> EncoderSpec:
    """An encoder of which only the name is known; nothing runs it here."""
    return EncoderSpec(name=name, kind="onnx", input_size=0)
