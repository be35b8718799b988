"""Which train tiles are drawn: so many of each class of a slide, and hard ones first."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.annotations.decide import NO_LABEL
from slidemill.sampling import HardTilesError, Sampling, draw_tiles, read_hard_tiles, sampled_labels
from slidemill.sampling.hard_tiles import tiles_at
from slidemill.sharding import Balance, plan_shards
from slidemill.splits import SplitRow
from slidemill.tiling.store import StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels

NONE = np.zeros(0, np.int64)
GRID = np.array([[x, y] for y in range(0, 300, 100) for x in range(0, 400, 100)], np.int64)  # 12 tiles
CLASSES = ("normal", "tumour")


def random(seed=1):
    return np.random.default_rng(seed)


@given(
    labels=st.lists(st.sampled_from([0, 1, 2, NO_LABEL]), max_size=40),
    limits=st.dictionaries(st.integers(0, 2), st.integers(1, 12)),
    hard=st.sets(st.integers(0, 39), max_size=10),
    share=st.floats(0.1, 1),
)
def test_a_slide_gives_at_most_so_many_of_each_class(labels, limits, hard, share):
    labels = np.array(labels, np.int64)
    places = np.array(sorted(place for place in hard if place < len(labels)), np.int64)
    left = sampled_labels(labels, limits, places, share, random())
    kept = left != NO_LABEL
    assert (left[kept] == labels[kept]).all()
    counts = Counter(labels.tolist())
    for number in range(3):
        assert np.count_nonzero(left == number) == min(counts[number], limits.get(number, 99))


@given(count=st.integers(0, 40), limit=st.integers(1, 30), hard=st.sets(st.integers(0, 59)), share=st.floats(0.1, 1))
def test_hard_tiles_come_first_up_to_their_share(count, limit, hard, share):
    drawn = draw_tiles(np.arange(count), limit, np.array(sorted(hard), np.int64), share, random())
    assert len(set(drawn.tolist())) == len(drawn) == min(count, limit)
    own = {tile for tile in hard if tile < count}
    got = len(own & set(drawn.tolist()))
    if count <= limit:
        assert got == len(own)
    else:
        others = count - len(own)
        assert got == min(len(own), max(int(limit * share), limit - others))


def test_what_is_drawn_of_a_slide_depends_on_the_seed_and_the_slide_alone():
    labels = np.zeros(100, np.int64)
    first, _ = Sampling({"normal": 10}, seed=1).of_slide("a", labels, CLASSES)
    again, _ = Sampling({"normal": 10}, seed=1).of_slide("a", labels, CLASSES)
    np.testing.assert_array_equal(first, again)
    for other in (
        Sampling({"normal": 10}, seed=2).of_slide("a", labels, CLASSES)[0],
        Sampling({"normal": 10}, seed=1).of_slide("b", labels, CLASSES)[0],
    ):
        assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("place", "tile"),
    [((100, 0), 1), ((150, 50), 1), ((199.5, 99.5), 1), ((200, 99), 2), ((0, 100), 4), ((399, 299), 11)],
)
def test_a_corner_or_any_point_names_a_tile(place, tile):
    assert tiles_at(np.array([place], float), GRID, 100).tolist() == [tile]


@pytest.mark.parametrize("place", [(400, 0), (-1, 0), (0, 300), (5000, 5000)])
def test_a_place_beside_all_tiles_names_none(place):
    assert tiles_at(np.array([place], float), GRID, 100).tolist() == [-1]
    assert tiles_at(np.array([place], float), GRID[:0], 100).tolist() == [-1]


def test_of_tiles_that_overlap_the_corner_decides():
    overlapping = np.array([[0, 0], [10, 0], [20, 0]])
    assert tiles_at(np.array([[10.0, 0.0]]), overlapping, 100).tolist() == [1]


def write_slide(folder, slide_id, quality=None):
    summary = StoreSummary(slide_id, "P", "usable", "", (), 12, 12, SlidePixels(100), {}, None, {})
    flags = np.zeros(12, np.uint8) if quality is None else quality
    write_store(store_paths(folder, slide_id)[1], TileStore(summary, coordinates=GRID, quality=flags))


@pytest.mark.parametrize(("name", "separator"), [("list.tsv", "\t"), ("list.csv", ",")])
def test_a_list_of_places(tmp_path, name, separator, caplog):
    write_slide(tmp_path, "a", np.array([1] + [0] * 11, np.uint8))  # the first tile is not used
    rows = [["slide_id", "score", "x", "y"], ["a", "0.9", "100", "0"], ["a", "0.8", "150", "150"]]
    rows += [["a", "", "100", "0"], ["a", "", "9999", "0"], ["a", "", "0", "0"], ["z", "", "1", "1"]]
    (tmp_path / name).write_text("".join(separator.join(row) + "\n" for row in rows))
    hard = read_hard_tiles(tmp_path / name, tmp_path, ("pen_marks",))
    assert hard.of_slide("a").tolist() == [0, 4]  # among the used tiles
    assert "2 of 5 hard negatives lie on no tile that is used" in caplog.text
    assert hard.of_slide("b").tolist() == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("slide\tx\ty\n", "it has no column slide_id. Write slide_id, x and y, separated by tabs."),
        ("slide_id,x,y\n", "it has no column slide_id, x, y"),
        ("slide_id\tx\ty\na\t1\t2\na\tb\t2\n", "line 3: x and y are no numbers of pixels"),
        ("slide_id\tx\ty\na\tnan\t2\n", "line 2: x and y are no numbers"),
        ("slide_id\tx\ty\na\t1\n", "line 2: x and y are no numbers"),
        ("", "it has no column slide_id, x, y"),
    ],
)
def test_a_list_with_a_mistake(tmp_path, text, problem):
    (tmp_path / "list.tsv").write_text(text)
    with pytest.raises(HardTilesError) as caught:
        read_hard_tiles(tmp_path / "list.tsv", tmp_path)
    assert problem in str(caught.value)


def test_a_list_that_is_not_there_or_is_no_text(tmp_path):
    with pytest.raises(HardTilesError, match="there is no such file"):
        read_hard_tiles(tmp_path / "none.tsv", tmp_path)
    (tmp_path / "list.tsv").write_bytes(b"\xff\xfe\x00slide")
    with pytest.raises(HardTilesError, match="it is no table"):
        read_hard_tiles(tmp_path / "list.tsv", tmp_path)


ROWS = [
    *(SplitRow(f"t{n}", f"P{n}", "tumour", "", "train", 12, "usable", "") for n in range(2)),
    *(SplitRow(f"n{n}", f"Q{n}", "normal", "", "train", 12, "usable", "") for n in range(4)),
    *(SplitRow(f"v{n}", f"V{n}", CLASSES[n], "", "validation", 12, "usable", "") for n in range(2)),
]


def planned(tmp_path, balance="none", **sampling):
    for row in ROWS:
        write_slide(tmp_path, row.slide_id)
    plans = plan_shards(
        ROWS, classes=CLASSES, shard_count=1, balance=Balance(balance), seed=1, sampling=Sampling(seed=1, **sampling)
    )
    return {plan.split: plan for plan in plans}


def test_shards_hold_what_was_sampled_and_validation_tiles_are_all_kept(tmp_path):
    plans = planned(tmp_path, tiles_per_slide={"normal": 2})
    assert plans["train"].class_tiles().tolist() == [8, 24]
    assert set(plans["train"].slide_tiles().tolist()) == {2, 12}
    assert plans["validation"].class_tiles().tolist() == [12, 12]


def test_hard_tiles_are_in_the_shards(tmp_path):
    (tmp_path / "list.tsv").write_text("slide_id\tx\ty\n" + "".join(f"n0\t{x}\t{y}\n" for x, y in GRID[:6].tolist()))
    hard = read_hard_tiles(tmp_path / "list.tsv", tmp_path)
    for options in ({"tiles_per_slide": {"normal": 6}}, {"balance": "undersample"}):
        assert planned(tmp_path, **options)["train"].hard_tiles() == 0
    # Of n0 at most six: three of the list, as its share is a half.
    train = planned(tmp_path, tiles_per_slide={"normal": 6}, hard=hard)["train"]
    assert train.hard_tiles() == 3
    # As many normal tiles as tumour, 24 of 48: all six of the list, which are fewer than a half.
    train = planned(tmp_path, balance="undersample", hard=hard)["train"]
    assert (train.hard_tiles(), train.class_tiles().tolist()) == (6, [24, 24])
    train = planned(tmp_path, balance="undersample", hard=hard, hard_share=0.125)["train"]
    assert (train.hard_tiles(), train.class_tiles().tolist()) == (3, [24, 24])
