"""Paths and addresses in a config: which of its keys hold one is said by the `format` in its schema."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from slidemill.features.hugging_face import SCHEME
from slidemill.locations import expanded, is_address, location_problem, path_problem


def _path_or_url_problem(text: str) -> str | None:
    return None if is_address(text) else path_problem(text)


def _path_or_downloaded_problem(text: str) -> str | None:
    return None if text.startswith(SCHEME) else path_problem(text)


_PROBLEM_OF: dict[str, Callable[[str], str | None]] = {
    "path": path_problem,
    "location": location_problem,
    "path-or-url": _path_or_url_problem,
    "path-or-hugging-face": _path_or_downloaded_problem,
}


def expand_places(config: dict[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """Put the home folder in the place of `~` in all paths, in place; a sentence for each that has no such folder."""
    for place, section, key, _ in _places(config, schema):
        try:
            section[key] = expanded(section[key])
        except ValueError as problem:
            yield f"{place} {section[key]} {problem}."


def place_problems(config: dict[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each place that cannot be read, and for each other text with braces.

    Braces stand for wildcards wherever Snakemake puts a value into a rule, whatever the value means.
    """
    places = {}
    for place, section, key, problem_of in _places(config, schema):
        places[place] = problem_of(section[key])
        if places[place] is not None:
            yield f"{place}: {section[key]} {places[place]}."
    for place, text in _texts(config):
        if places.get(place) is None and ("{" in text or "}" in text):
            yield f"{place}: {text} has braces, which stand for wildcards here. Write it without."


def _places(
    values: dict[str, Any], schema: Mapping[str, Any], place: str = ""
) -> Iterator[tuple[str, Any, Any, Callable[[str], str | None]]]:
    """Each key that holds a path or an address: where it stands, its section or list, the key, and what checks it."""
    of_others = schema.get("additionalProperties")
    of_others = of_others if isinstance(of_others, dict) else {}
    for key, value in values.items():
        own = schema.get("properties", {}).get(key, of_others)
        if isinstance(value, dict):
            yield from _places(value, own, f"{place}{key}.")
        elif isinstance(value, str) and own.get("format") in _PROBLEM_OF:
            yield f"{place}{key}", values, key, _PROBLEM_OF[own["format"]]
        elif isinstance(value, list) and own.get("items", {}).get("format") in _PROBLEM_OF:
            for number, entry in enumerate(value):
                if isinstance(entry, str):
                    yield f"{place}{key}, entry {number + 1}", value, number, _PROBLEM_OF[own["items"]["format"]]


def _texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for key, own in value.items():
            yield from _texts(own, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for number, own in enumerate(value, start=1):
            yield from _texts(own, f"{place}, entry {number}")
