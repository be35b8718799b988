"""Values with the types that their keys have."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from slidemill.schema import types_of

_NULLS = ("", "null", "None", "~")


def settle_values(values: dict[str, Any], given: object, schema: Mapping[str, Any]) -> None:
    """Make numbers of the texts that stand for numbers, in place; what is text by the schema stays as it is.

    Args:
        values: the config, or a section of it.
        given: the part of it that the command line gave, where all below the first level is text.
        schema: of the values.
    """
    known = schema.get("properties", {})
    of_others = schema.get("additionalProperties")
    for key, value in values.items():
        own = known.get(key, of_others if isinstance(of_others, dict) else {})
        of_command_line = isinstance(given, Mapping) and key in given
        if isinstance(value, dict):
            settle_values(value, given[key] if of_command_line else None, own)  # type: ignore[index]
        elif isinstance(value, str):
            values[key] = _typed(value, own, of_command_line=of_command_line)
        elif isinstance(value, list):
            values[key] = [_entry(entry, own.get("items", {}), of_command_line=of_command_line) for entry in value]
        elif isinstance(value, float) and "integer" in types_of(own) and value.is_integer():
            values[key] = int(value)  # 1e3 is a float to YAML


def cut_texts(given: Mapping[str, Any], arguments: Sequence[str]) -> Iterator[str]:
    """A sentence for each text of the command line of which Snakemake took a part for a comment.

    Args:
        given: what `--config` gave.
        arguments: of the command line, as the shell gave them.
    """
    for key, value in given.items():
        for argument in arguments:
            text = argument.removeprefix(f"{key}=")
            if isinstance(value, str) and text != argument and re.match(rf"{re.escape(value)}\s+#", text):
                yield (
                    f"{key}: of '{text}' only '{value}' is read, since # begins a comment. Put quotes round the value "
                    f"for YAML too: --config '{key}=\"{text}\"'."
                )


def odd_numbers(values: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """A sentence for each number that is none, or has no end (.nan, .inf)."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from odd_numbers(value, f"{place}{key}.")
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"{place}{key} is {value}, and no number. Write one."


def _entry(entry: Any, schema: Mapping[str, Any], *, of_command_line: bool) -> Any:
    """An entry of a list: `--config mil='{hidden: [16]}'` gives text as well."""
    return _typed(entry, schema, of_command_line=of_command_line) if isinstance(entry, str) else entry


def _typed(text: str, schema: Mapping[str, Any], *, of_command_line: bool) -> Any:
    types = types_of(schema)
    if of_command_line and "null" in types and text in _NULLS:
        return None
    if not types or "string" in types:
        return text
    if {"number", "integer"} & set(types) and (number := _number(text, whole="number" not in types)) is not None:
        return number
    return _parsed(text) if of_command_line else text


def _number(text: str, *, whole: bool) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and (whole or text.strip().lstrip("+-").isdigit()) else number


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text
