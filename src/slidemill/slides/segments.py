"""Reads source tiles in the order of the file, neighbours in one piece, as network file systems like it."""

import numpy as np

from slidemill.slides.tiff_file import TiffFile

_LARGEST_GAP = 2**15  # bytes; reading them costs less than another request
_LARGEST_PIECE = 2**24  # bytes


def read_segments(file: TiffFile, offsets: np.ndarray, counts: np.ndarray, indices: list[int]) -> dict[int, memoryview]:
    """The bytes of the tiles with these indices; tiles of no bytes are left out.

    Raises:
        DamagedTiffError: the file ends too early.
        OSError: the file cannot be read.
    """
    wanted = np.array(indices, np.int64)
    wanted = wanted[counts[wanted] > 0]
    wanted = wanted[np.argsort(offsets[wanted], kind="stable")]
    places = list(zip(wanted.tolist(), offsets[wanted].tolist(), counts[wanted].tolist(), strict=True))
    segments: dict[int, memoryview] = {}
    first = 0
    while first < len(places):
        _, start, count = places[first]
        end, last = start + count, first + 1
        while last < len(places):
            _, offset, count = places[last]
            if offset > end + _LARGEST_GAP or max(end, offset + count) - start > _LARGEST_PIECE:
                break
            end = max(end, offset + count)
            last += 1
        piece = memoryview(file.read(start, end - start))
        for index, offset, count in places[first:last]:
            segments[index] = piece[offset - start : offset - start + count]
        first = last
    return segments
