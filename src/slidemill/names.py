"""What may name a slide, a patient, a site or a class, in any script.

A slide's name is also the name of its files, on file systems, in S3 and in the logs of SLURM, and a wildcard of
Snakemake; so it may hold less than the others. All names end in tables that people open in spreadsheets.
"""

import re
import unicodedata

# File systems give a name 255 bytes. What stands around a slide's name takes up to 55: suffixes such as .ome.tiff, and
# the 34 characters that a file has in front of its name while it is written.
FILE_NAME_BYTES = 200
TEXT_BYTES = 200

FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"  # spreadsheets run what begins so, also in the width of Asian letters

_PLAIN_TEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]*")
_PLAIN_FILE_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9_-])?")
# Letters and marks that show nothing, by Unicode's property Default_Ignorable_Code_Point.
_BLANK_LETTERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U0001bca0-\U0001bca3\U000e0100-\U000e01ef]"
)
_DASHES = re.compile("[\u2010-\u2015\u2212]")  # what spreadsheets and word processors make of a hyphen
_WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com[1-9]|lpt[1-9])(\..*)?", re.IGNORECASE)


def normalised(name: str) -> str:
    """The one spelling (NFC) of a name whose letters can be written in several ways, such as u and its two dots."""
    return unicodedata.normalize("NFC", name)


def reading(name: str) -> str:
    """Equal for names that a person, or a file system, takes for the same.

    That is whatever the case and width of letters, the kind of a dash, and the number of blanks between words.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(_DASHES.sub("-", folded).split())


def text_problem(name: str) -> str | None:
    """Why a text cannot name a patient, a site or a class, as a sentence that goes on after the name; None if it can.

    Any letters, digits and signs will do, and blanks between them.
    """
    if _PLAIN_TEXT.fullmatch(name) and len(name) <= TEXT_BYTES:
        return None
    if name == "":
        return "is empty. Write a name"
    if name[0] in FORMULA_STARTS:
        return f"begins with '{name[0]}', which spreadsheets run as a formula. Begin it with a letter or a digit"
    if (hidden := _hidden(name)) is not None:
        return f"holds {hidden}, which nobody sees. Write it anew without"
    if "\ufffd" in name:
        return "holds a letter that was lost when the text was saved. Save it as UTF-8"
    if len(name.encode()) > TEXT_BYTES:
        return f"has {len(name.encode())} bytes. Shorten it to {TEXT_BYTES} or fewer"
    return None


def file_name_problem(name: str) -> str | None:
    """Why a text cannot name a slide and its files, as `text_problem` tells it.

    Letters of every script, digits and . _ - will do, in at most `FILE_NAME_BYTES` bytes of UTF-8.
    """
    if _PLAIN_FILE_NAME.fullmatch(name) and not _WINDOWS_DEVICES.fullmatch(name) and len(name) <= FILE_NAME_BYTES:
        return None
    if (problem := text_problem(name)) is not None and len(name.encode()) <= TEXT_BYTES:
        return problem
    if (other := next((letter for letter in name if not _is_of_file_names(letter)), None)) is not None:
        return f"holds {_told(other)}, and names files: it may hold letters, digits and . _ - only"
    if unicodedata.category(name[0])[0] not in "LN":
        return f"begins with {_told(name[0])}, and names files. Begin it with a letter or a digit"
    if name.endswith("."):
        return "ends with a dot, and names files, which Windows gives no such name. Take it off"
    if _WINDOWS_DEVICES.fullmatch(name):
        return "is the name of a device on Windows, where no file can have it. Write another name"
    if len(name.encode()) > FILE_NAME_BYTES:
        return f"has {len(name.encode())} bytes, and names files. Shorten it to {FILE_NAME_BYTES} or fewer"
    return None


def _is_of_file_names(letter: str) -> bool:
    category = unicodedata.category(letter)
    return letter in "._-" or category[0] in "LM" or category == "Nd"


def _hidden(name: str) -> str | None:
    """The first character without a picture of its own: controls, marks of direction, half letters."""
    blank = _BLANK_LETTERS.search(name)
    if blank is not None:
        return _told(blank[0])
    if _is_mark(name[0]):
        return f"{_told(name[0])} without a letter before it"
    hidden = (letter for letter in name if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
    return next(map(_told, hidden), None)


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "M"


def _told(letter: str) -> str:
    code = f"U+{ord(letter):04X}"
    shown = letter.isprintable() and not (letter.isspace() or _BLANK_LETTERS.match(letter) or _is_mark(letter))
    return f"'{letter}' ({code})" if shown else f"{unicodedata.name(letter, 'a control character')} ({code})"
