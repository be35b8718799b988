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
    places = sorted((int(offsets[index]), int(counts[index]), index) for index in indices if counts[index])
    segments: dict[int, memoryview] = {}
    first = 0
    while first < len(places):
        start, end = places[first][0], sum(places[first][:2])
        last = first + 1
        while last < len(places):
            offset, count, _ = places[last]
            if offset > end + _LARGEST_GAP or max(end, offset + count) - start > _LARGEST_PIECE:
                break
            end = max(end, offset + count)
            last += 1
        piece = memoryview(file.read(start, end - start))
        for offset, count, index in places[first:last]:
            segments[index] = piece[offset - start : offset - start + count]
        first = last
    return segments
