"""Writes slides as Hamamatsu's NDPI files: a JPEG with restart markers for each level, in a TIFF with tags of its own.

Source: https://openslide.org/formats/hamamatsu/: the chain of directories has offsets of 64 bits in a file that is a
classic TIFF otherwise, and each directory is followed by the upper halves of its entries' values.
"""

import io
import re
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

MCU_WIDTH, MCU_HEIGHT = 16, 8  # pixels, of 4:2:2
SHORT, LONG, FLOAT, SIGNED, RATIONAL, ASCII = 3, 4, 11, 9, 5, 2
_SOF, _SOS = b"\xff\xc0", b"\xff\xda"
_UM_PER_CM = 10_000


@dataclass(frozen=True)
class RestartedJpeg:
    """A baseline JPEG in colours 4:2:2, as these scanners write it.

    Attributes:
        header: all before the scan's data.
        intervals: what lies between restart markers, row by row.
        across: number of intervals along a row of MCUs.
    """

    header: bytes
    intervals: list[bytes]
    across: int

    @classmethod
    def encoded(cls, pixels: np.ndarray, *, interval_px: int, quality: int) -> "RestartedJpeg":
        """Encode (height, width, 3) pixels with a restart marker every `interval_px` along each row of MCUs."""
        file = io.BytesIO()
        Image.fromarray(pixels).save(
            file, "JPEG", quality=quality, subsampling="4:2:2", restart_marker_blocks=interval_px // MCU_WIDTH
        )
        content = file.getvalue()
        scan = content.index(_SOS)
        scan += 2 + int.from_bytes(content[scan + 2 : scan + 4], "big")
        intervals = re.split(b"\xff[\xd0-\xd7]", content[scan:-2])
        return cls(content[:scan], intervals, pixels.shape[1] // interval_px)


def joined_jpeg(header: bytes, intervals: list[bytes], *, width: int, height: int) -> tuple[bytes, np.ndarray]:
    """A JPEG file of intervals with a header for its sides, and where each interval begins."""
    frame = header.index(_SOF)
    head = header[: frame + 5] + struct.pack(">HH", height, width) + header[frame + 9 :]
    parts, starts, place = [head], [], len(head)
    for number, interval in enumerate(intervals):
        starts.append(place)
        is_last = number + 1 == len(intervals)
        parts += [interval, b"\xff\xd9" if is_last else bytes((0xFF, 0xD0 + number % 8))]
        place += len(interval) + 2
    return b"".join(parts), np.array(starts)


def write_ndpi(path: Path, levels: list[tuple[bytes, np.ndarray, int, int]], *, power: float, mpp: float) -> None:
    """Write an NDPI file of less than 4 GiB.

    Args:
        path: the file.
        levels: for each its JPEG file, where its restart intervals begin, its width and its height.
        power: magnification of the first level.
        mpp: microns per pixel of the first level.
    """
    first_width = levels[0][2]
    with path.open("wb") as file:
        file.write(b"II*\0" + bytes(8))
        link = 4
        for jpeg, starts, width, height in levels:
            place = file.tell()
            file.write(jpeg)
            per_cm = round(_UM_PER_CM / mpp * width / first_width)
            tags = {
                254: (LONG, struct.pack("<I", 0)),
                256: (LONG, struct.pack("<I", width)),
                257: (LONG, struct.pack("<I", height)),
                258: (SHORT, struct.pack("<HHH", 8, 8, 8)),
                259: (SHORT, struct.pack("<H", 7)),
                262: (SHORT, struct.pack("<H", 6)),
                271: (ASCII, b"Hamamatsu\0"),
                273: (LONG, struct.pack("<I", place)),
                277: (SHORT, struct.pack("<H", 3)),
                278: (LONG, struct.pack("<I", height)),
                279: (LONG, struct.pack("<I", len(jpeg))),
                282: (RATIONAL, struct.pack("<II", per_cm, 1)),
                283: (RATIONAL, struct.pack("<II", per_cm, 1)),
                284: (SHORT, struct.pack("<H", 1)),
                296: (SHORT, struct.pack("<H", 3)),
                65420: (LONG, struct.pack("<I", 1)),  # format
                65421: (FLOAT, struct.pack("<f", power * width / first_width)),  # magnification
                65422: (SIGNED, struct.pack("<i", 0)),  # offsets of the scan from the middle of the slide, in nm
                65423: (SIGNED, struct.pack("<i", 0)),
                65424: (SIGNED, struct.pack("<i", 0)),  # focal plane
                65426: (LONG, starts.astype("<u4").tobytes()),
            }
            link = _append_directory(file, tags, link)


_BYTES = {SHORT: 2, LONG: 4, FLOAT: 4, SIGNED: 4, RATIONAL: 8, ASCII: 1}


def _append_directory(file: io.BufferedWriter, tags: dict[int, tuple[int, bytes]], link: int) -> int:
    """Write a directory, let the one before it point to it, and tell where the next one's offset goes."""
    entries = []
    for tag, (kind, content) in sorted(tags.items()):
        value = content.ljust(4, b"\0")
        if len(content) > 4:
            file.seek(file.tell() + file.tell() % 2)
            value = struct.pack("<I", file.tell())
            file.write(content)
        entries.append(struct.pack("<HHI", tag, kind, len(content) // _BYTES[kind]) + value)
    file.seek(file.tell() + file.tell() % 2)
    start = file.tell()
    file.write(struct.pack("<H", len(entries)) + b"".join(entries))
    following = file.tell()
    file.write(bytes(8) + bytes(4 * len(entries)))
    file.seek(link)
    file.write(struct.pack("<Q", start))
    file.seek(0, io.SEEK_END)
    return following
