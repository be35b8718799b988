"""From what another client has fetched of a file to what the built-in client goes on from.

gdc-client makes its partial file in its full length at once, without bytes, and fills it from several places; where it
has been it notes down in a pickle, which is not read here. A byte that was not fetched reads as zero. So every longer
run of zeros, and those at the very end, count as missing: where a slide really holds zeros they are fetched once more,
and a short gap that was taken for the slide's own is found by the MD5 of the whole.
"""

from collections.abc import Iterator
from pathlib import Path

from slidemill.cohort.gdc.ranges import write_progress

_ZEROS = bytes(256)  # so many are a gap
_BLOCK = 1 << 20
_MOST_GAPS = 64
_LEAST_PART_BYTES = 32 << 20


def take_over(left: Path, partial: Path, size: int, *, connections: int) -> int:
    """Make the partial file of another client one that `RangedFile` goes on with.

    Args:
        left: what the other client has left; it is renamed to `partial`.
        partial: the file of the built-in client, on the same file system.
        size: bytes of the whole file. A file of another size is not taken over.
        connections: over how many what is missing can be fetched.

    Returns:
        How many bytes were taken over.
    """
    if left.stat().st_size != size:
        return 0
    gaps = _divided(_merged(list(find_gaps(left))), connections)
    # In this order: a process that is killed in between leaves everything to the other client.
    write_progress(partial, size, gaps)
    left.replace(partial)
    return size - sum(end - first for first, end in gaps)


def find_gaps(path: Path) -> Iterator[tuple[int, int]]:
    """Runs of zeros in a file, from the first to after the last byte: long ones, and one of any length at the end."""
    at = 0
    first = None  # of a run that reaches the end of what was read
    # Read and not mapped into memory: on a full disk in memory, touching what is not there ends the process.
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            start = _after_zeros(block, 0) if first is not None else 0
            if first is not None and start < len(block):
                if at + start - first >= len(_ZEROS):
                    yield first, at + start
                first = None
            while first is None and start < len(block):
                zeros = block.find(_ZEROS, start)
                if zeros < 0:
                    zeros = len(block.rstrip(b"\0"))
                start = _after_zeros(block, zeros)
                if start == len(block):
                    first = at + zeros if zeros < start else None
                else:
                    yield at + zeros, at + start
            at += len(block)
    if first is not None:
        yield first, at


def _after_zeros(block: bytes, start: int) -> int:
    """The first byte from `start` on that is not zero, or the end."""
    rest = block[start:]
    return len(block) - len(rest.lstrip(b"\0"))


def _merged(gaps: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Not more gaps than are worth a request each: the bytes between close ones are fetched again."""
    while len(gaps) > _MOST_GAPS:
        at = min(range(len(gaps) - 1), key=lambda number: gaps[number + 1][0] - gaps[number][1])
        gaps[at : at + 2] = [(gaps[at][0], gaps[at + 1][1])]
    return gaps


def _divided(gaps: list[tuple[int, int]], connections: int) -> list[tuple[int, int]]:
    """Enough gaps for all connections, where they are long enough."""
    while gaps and len(gaps) < connections:
        at = max(range(len(gaps)), key=lambda number: gaps[number][1] - gaps[number][0])
        first, end = gaps[at]
        if end - first < 2 * _LEAST_PART_BYTES:
            break
        gaps[at : at + 1] = [(first, (first + end) // 2), ((first + end) // 2, end)]
    return gaps
