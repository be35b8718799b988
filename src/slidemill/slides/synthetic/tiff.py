"""Writes JPEG-compressed TIFF files from tiles that are already encoded.

tifffile needs imagecodecs to write JPEG, even when the tiles come encoded; and here no byte may depend on a library's
version. Source: TIFF revision 6.0 (Adobe, 1992) and Adobe Photoshop TIFF Technical Notes (2002), which define
compression 7.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_BYTE_ORDER = b"II*\0"
_ASCII, _SHORT, _LONG = 2, 3, 4
_FORMATS = {_SHORT: "H", _LONG: "I"}
_JPEG, _YCBCR, _CHUNKY = 7, 6, 1
_LARGEST_OFFSET = 2**32 - 1

_Tag = tuple[int, int, int, bytes]  # number, type, count, content


@dataclass(frozen=True, slots=True)
class Directory:
    """One image of the file.

    Attributes:
        width, height: in pixels.
        segments: JPEG files of YCbCr with the colour at half the resolution: the tiles row by row, or one strip.
        tile_px: side of the square tiles; None for one strip that holds the whole image.
        description: ASCII text.
        subfile_type: value of the tag NewSubfileType.
    """

    width: int
    height: int
    segments: list[bytes]
    tile_px: int | None
    description: str
    subfile_type: int


def write_tiff(path: Path, directories: list[Directory]) -> None:
    """Write a little-endian classic TIFF; each directory stands behind the data of its image.

    Raises:
        OSError: the file cannot be written.
        ValueError: the file would pass 4 GiB, where the offsets of a classic TIFF end.
    """
    with path.open("wb") as file:
        file.write(_BYTE_ORDER + struct.pack("<I", 0))
        link = len(_BYTE_ORDER)  # where the offset of the next directory goes
        for directory in directories:
            link = _append(file, directory, link)


def _append(file: BinaryIO, directory: Directory, link: int) -> int:
    offsets = [_write_even(file, segment) for segment in directory.segments]
    tags = sorted(_tags(directory, offsets))
    contents = [_inline_or_written(file, content) for _, _, _, content in tags]
    start = _write_even(file, struct.pack("<H", len(tags)))
    for (number, kind, count, _), content in zip(tags, contents, strict=True):
        file.write(struct.pack("<HHI", number, kind, count) + content)
    next_link = file.tell()
    file.write(struct.pack("<I", 0))
    file.seek(link)
    file.write(struct.pack("<I", start))
    file.seek(0, 2)
    return next_link


def _tags(directory: Directory, offsets: list[int]) -> list[_Tag]:
    lengths = [len(segment) for segment in directory.segments]
    tags = [
        _numbers(254, _LONG, directory.subfile_type),
        _numbers(256, _LONG, directory.width),
        _numbers(257, _LONG, directory.height),
        _numbers(258, _SHORT, 8, 8, 8),  # BitsPerSample
        _numbers(259, _SHORT, _JPEG),
        _numbers(262, _SHORT, _YCBCR),
        _text(270, directory.description),
        _numbers(277, _SHORT, 3),  # SamplesPerPixel
        _numbers(284, _SHORT, _CHUNKY),
        _numbers(530, _SHORT, 2, 2),  # YCbCrSubSampling
        _numbers(32997, _LONG, 1),  # ImageDepth, as Aperio states it
    ]
    if directory.tile_px is None:
        return [
            *tags,
            _numbers(273, _LONG, *offsets),
            _numbers(278, _LONG, directory.height),  # RowsPerStrip
            _numbers(279, _LONG, *lengths),
        ]
    return [
        *tags,
        _numbers(322, _LONG, directory.tile_px),
        _numbers(323, _LONG, directory.tile_px),
        _numbers(324, _LONG, *offsets),
        _numbers(325, _LONG, *lengths),
    ]


def _numbers(number: int, kind: int, *values: int) -> _Tag:
    return number, kind, len(values), struct.pack(f"<{len(values)}{_FORMATS[kind]}", *values)


def _text(number: int, text: str) -> _Tag:
    content = text.encode("ascii") + b"\0"
    return number, _ASCII, len(content), content


def _inline_or_written(file: BinaryIO, content: bytes) -> bytes:
    """The four bytes that stand in the tag: the content itself where it fits, else its offset."""
    if len(content) <= 4:
        return content.ljust(4, b"\0")
    return struct.pack("<I", _write_even(file, content))


def _write_even(file: BinaryIO, content: bytes) -> int:
    """Write at an even offset, as TIFF demands, and return the offset."""
    offset = file.tell()
    if offset % 2:
        file.write(b"\0")
        offset += 1
    if offset + len(content) > _LARGEST_OFFSET:
        raise ValueError(f"{file.name}: a classic TIFF ends at 4 GiB")
    file.write(content)
    return offset
