"""Pages of what there is, as the List operations give them."""

from collections.abc import Iterable
from typing import Any, Protocol


class Listed(Protocol):
    """What can be listed."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def status(self) -> str | None:
        """Its status; None for what has none."""

    def description(self) -> dict[str, Any]:
        """All that is known of it."""


def listed(key: str, things: Iterable[Listed], keys: list[str], request: dict[str, Any]) -> dict[str, Any]:
    """A page of those that the request asks for.

    Args:
        key: of the answer, such as Endpoints.
        keys: of each entry; the first is the name.
    """
    found = [thing for thing in things if _matches(thing, request)]
    order = keys[0] if request.get("SortBy") == "Name" else "CreationTime"
    found.sort(key=lambda thing: thing.description()[order], reverse=request.get("SortOrder") == "Descending")
    start, size = int(request.get("NextToken", 0)), request.get("MaxResults", 10)
    entries = [{name: thing.description()[name] for name in keys} for thing in found[start : start + size]]
    more = {"NextToken": str(start + size)} if len(found) > start + size else {}
    return {key: entries, **more}


def _matches(thing: Listed, request: dict[str, Any]) -> bool:
    facts = thing.description()
    return (
        request.get("NameContains", "").lower() in thing.name.lower()
        and request.get("StatusEquals", thing.status) == thing.status
        and facts["CreationTime"] >= request.get("CreationTimeAfter", 0)
        and facts["CreationTime"] <= request.get("CreationTimeBefore", float("inf"))
    )
