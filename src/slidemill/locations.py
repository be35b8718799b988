"""Where a file lies: its path on a disk, or its address in a storage."""

import posixpath
import re
from pathlib import Path

from slidemill.names import FORMULA_STARTS

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_SCHEME = re.compile(r"(file(?=:/)|[a-z][a-z0-9+.-]*(?=://))", re.IGNORECASE)
_S3 = re.compile(r"s3://[^/]+/.*[^/]")


def is_address(location: str) -> bool:
    """Whether a location is the address of an object in a storage, such as s3://bucket/key, and no file's path."""
    return _ADDRESS.match(location) is not None


def path_problem(path: str) -> str | None:
    """Why a text cannot be the path of a file on a disk, as a sentence that goes on after it; None if it can."""
    if (scheme := _SCHEME.match(path)) is not None:
        if scheme[1].lower() == "file":
            return f"is an address. Write the plain path: {_path_in(path)}"
        return "is an address, and only a file on a disk is read here. Fetch it, and give its path"
    return _name_problem(path)


def location_problem(location: str) -> str | None:
    """As `path_problem`, for what may also lie in a storage: s3://bucket/key."""
    scheme = _SCHEME.match(location)
    if scheme is None or scheme[1].lower() == "file":
        return path_problem(location)
    if scheme[1] != "s3":
        return "is an address of a kind that is not read: only files on disks and s3://bucket/key are. Fetch it first"
    if not _S3.fullmatch(location):
        return "is no address of an object: expected s3://bucket/key"
    if (sign := re.search(r"[#?]", location)) is not None:
        # Snakemake's storage plugin takes what follows for a part of a URL that names no object.
        return (
            f"has '{sign[0]}', and the storage would look for the object whose name ends there. Copy it to another key"
        )
    return _name_problem(location)


def expanded(location: str) -> str:
    """A location with the home folder in the place of `~`.

    Raises:
        ValueError: there is no such home folder; the message is a sentence as of `path_problem`.
    """
    if not location.startswith("~"):
        return location
    try:
        return str(Path(location).expanduser())
    except RuntimeError:
        home = location.split("/", 1)[0]
        raise ValueError(f"begins with {home}, and this machine knows no such home folder. Write it out") from None


def one_spelling(address: str) -> str:
    """Equal for all spellings of an address in a storage."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{posixpath.normpath(rest)}"


def _name_problem(location: str) -> str | None:
    if "{" in location or "}" in location:
        # Snakemake would look for the value of a wildcard of this name.
        return "has braces, which stand for wildcards here. Rename it, or link to it by another name"
    if re.search(r"<\w+>", location):
        return "has a name in < >, which stands for a variable here. Rename it, or link to it by another name"
    if location[0] in FORMULA_STARTS:
        # Messages about a file begin with its path, and stand in tables.
        return f"begins with '{location[0]}', which spreadsheets run as a formula. Write ./{location}"
    return None


def _path_in(address: str) -> str:
    """The path in an address of the kind file:, as far as it tells one."""
    return "/" + re.sub(r"(?i)^file:/*(localhost/)?", "", address)
