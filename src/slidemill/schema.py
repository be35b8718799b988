"""Values checked against a JSON schema, each mistake told as a sentence with what is expected.

The descriptions in the schema are these expectations, so every key has one.
"""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import yaml

_LONGEST = 80  # characters of a value that a message shows
# That of C is ten times as fast, and each job of the workflow reads the schemas. PyYAML may be built without it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_schema(schema_file: Path) -> dict[str, Any]:
    """Read a JSON schema, written as YAML."""
    schema: dict[str, Any] = yaml.load(schema_file.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - a safe one
    return schema


def validator_of(schema: Mapping[str, Any]) -> Any:
    """A validator for `schema_problems`, which may be used for many values."""
    return jsonschema.Draft202012Validator(schema)


def schema_problems(instance: Any, validator: Any) -> Iterator[str]:
    """Every mistake in a value, in order of its place."""
    for error in sorted(validator.iter_errors(instance), key=lambda error: error.json_path):
        yield from _sentences(error)


def types_of(schema: Mapping[str, Any]) -> Sequence[str]:
    """The JSON types that a schema allows; text for a choice of words."""
    types = schema.get("type", "string" if "enum" in schema else [])
    return [types] if isinstance(types, str) else types


def unknown_name(name: str, known: Sequence[str]) -> str:
    """What to say of a name that is none of the known ones."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean '{close[0]}'?" if close else f"Known are: {', '.join(known)}."


def _sentences(error: Any) -> Iterator[str]:
    place = _place(error.absolute_path)
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        for key in error.instance:
            if key not in known:
                yield f"{_joined(place, key)} is unknown. {unknown_name(str(key), known)}"
    elif error.validator == "required":
        for key in error.validator_value:
            if key not in error.instance and f"'{key}'" in error.message:
                yield f"{_joined(place, key)} is missing. Add it."
    elif error.validator == "uniqueItems":
        repeated = next(item for item in error.instance if error.instance.count(item) > 1)
        yield f"{place}: {_shown(repeated)} comes up twice. Keep one of them."
    else:
        told = error.schema.get("description", "something else.")
        section = "a section: " if "object" in types_of(error.schema) else ""
        yield f"{place or 'the whole'} is {_shown(error.instance)}. Expected: {section}{told}{_advice(error)}"


def _advice(error: Any) -> str:
    is_single = error.instance is not None and not isinstance(error.instance, dict | list)
    if error.validator == "type" and "string" in types_of(error.schema) and is_single:
        return " Put it in quotes: without them YAML takes Yes, No, On, Off, numbers and dates for something else."
    return ""


def _place(path: Sequence[str | int]) -> str:
    place = ""
    for part in path:
        place = f"{place}, entry {part + 1}" if isinstance(part, int) else _joined(place, part)
    return place


def _joined(place: str, key: str) -> str:
    return f"{place}.{key}" if place else str(key)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
