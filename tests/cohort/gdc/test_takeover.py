"""What another client left in a file of full length is found, whatever the order in which it wrote."""

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.cohort.gdc import takeover
from slidemill.cohort.gdc.ranges import RangedFile
from slidemill.cohort.gdc.takeover import find_gaps, take_over

SIZE = 40_000
WHOLE = bytes(1 + number % 255 for number in range(SIZE))  # without a zero


@st.composite
def gap_lists(draw):
    """Gaps of 256 bytes and more, apart from each other, and at times one of any length at the end."""
    ends = sorted(draw(st.sets(st.integers(0, 100), max_size=12)))
    gaps = [(first * 400, first * 400 + 256 + draw(st.integers(0, 100))) for first in ends if first < 99]
    if draw(st.booleans()):
        gaps.append((SIZE - draw(st.integers(1, 300)), SIZE))
    return gaps


def with_gaps(gaps):
    content = bytearray(WHOLE)
    for first, end in gaps:
        content[first:end] = bytes(end - first)
    return bytes(content)


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Gaps that lie in several blocks, and at their borders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(takeover, "_BLOCK", 700)
        yield


@given(gaps=gap_lists(), connections=st.integers(1, 4))
def test_every_gap_is_fetched_and_nothing_else(tmp_path_factory, gaps, connections):
    folder = tmp_path_factory.mktemp("takeover")
    left, partial = folder / "left", folder / "partial"
    left.write_bytes(with_gaps(gaps))
    assert list(find_gaps(left)) == gaps
    assert take_over(left, partial, SIZE, connections=connections) == SIZE - sum(end - first for first, end in gaps)
    with closing(RangedFile(partial, SIZE, 1)) as ranged:
        missing = [(ranged.position(part), ranged.bounds(part)[1]) for part in range(ranged.parts)]
        assert [part for part in missing if part[0] < part[1]] == gaps
        for part in range(ranged.parts):
            ranged.write(part, WHOLE[ranged.position(part) : ranged.bounds(part)[1]])
    assert partial.read_bytes() == WHOLE


def test_nothing_but_zeros_is_nothing(tmp_path):
    (tmp_path / "left").write_bytes(bytes(SIZE))
    assert take_over(tmp_path / "left", tmp_path / "partial", SIZE, connections=4) == 0


def test_a_file_of_another_size_is_left_alone(tmp_path):
    (tmp_path / "left").write_bytes(WHOLE)
    assert take_over(tmp_path / "left", tmp_path / "partial", SIZE + 1, connections=4) == 0
    assert not (tmp_path / "partial").exists()


def test_many_gaps_become_fewer_that_hold_them_all(tmp_path, monkeypatch):
    monkeypatch.setattr(takeover, "_MOST_GAPS", 3)
    gaps = [(first, first + 300) for first in (0, 1_000, 9_000, 9_400, 20_000, 30_000)]
    (tmp_path / "left").write_bytes(with_gaps(gaps))
    take_over(tmp_path / "left", tmp_path / "partial", SIZE, connections=1)
    with closing(RangedFile(tmp_path / "partial", SIZE, 1)) as ranged:
        missing = [(ranged.position(part), ranged.bounds(part)[1]) for part in range(ranged.parts)]
    missing = [part for part in missing if part[0] < part[1]]
    assert missing == [(0, 9_700), (20_000, 20_300), (30_000, 30_300)]


@pytest.mark.parametrize(("connections", "parts"), [(1, 1), (2, 2), (3, 3), (9, 4)])
def test_a_long_gap_is_divided_among_the_connections(tmp_path, monkeypatch, connections, parts):
    monkeypatch.setattr(takeover, "_LEAST_PART_BYTES", SIZE // 4)
    (tmp_path / "left").write_bytes(bytes(SIZE))
    take_over(tmp_path / "left", tmp_path / "partial", SIZE, connections=connections)
    with closing(RangedFile(tmp_path / "partial", SIZE, 1)) as ranged:
        assert ranged.parts == parts
        assert ranged.fetched() == 0
