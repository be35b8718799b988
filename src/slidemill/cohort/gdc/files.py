"""A file at the GDC, as a manifest or a slide sheet tells of it."""

import re
from dataclasses import dataclass

from slidemill.errors import SlidemillError

_PATTERNS = {
    "file_id": (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "a UUID in lower case"),
    "md5": (re.compile(r"[0-9a-f]{32}"), "32 hexadecimal digits in lower case"),
    # A name is used as it is, so it must not be able to point anywhere: no separator, no leading dot, not empty.
    "filename": (re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}"), "a plain file name of letters, digits and . _ -"),
}


class GdcFileError(SlidemillError):
    """A description of a file that cannot be right, or that would leave its folder."""


@dataclass(frozen=True, slots=True)
class GdcFile:
    """One file, checked when it is made.

    Attributes:
        file_id: UUID of the file at the GDC.
        filename: its plain name there; it cannot leave the folder that it is put into.
        md5: 32 hexadecimal digits.
        size: bytes.
    """

    file_id: str
    filename: str
    md5: str
    size: int

    def __post_init__(self) -> None:
        for name, (pattern, expected) in _PATTERNS.items():
            value = getattr(self, name)
            if pattern.fullmatch(value) is None:
                raise GdcFileError(f"{name} '{value}': expected {expected}. Correct it.")
        if self.size <= 0:
            raise GdcFileError(f"size {self.size}: expected a number of bytes above 0. Correct it.")
