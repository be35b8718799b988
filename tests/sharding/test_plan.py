from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.sharding import ShardingError, plan_shards
from slidemill.splits import SplitRow

CLASSES = ("LUAD", "LUSC")


def row(number, label, split, tile_count):
    return SplitRow(f"s{number:03}", f"P{number}", label, "", split, tile_count, "usable", "")


counts = st.lists(st.integers(0, 30), min_size=1, max_size=6)
shard_counts = st.integers(1, 4)


@st.composite
def cohorts(draw):
    rows = [row(900 + i, label, split, 8) for i, (label, split) in enumerate(PLACES)]
    for number, tiles in enumerate(draw(counts)):
        label, split = draw(st.sampled_from(PLACES))
        rows.append(row(number, label, split, tiles))
    return rows


PLACES = [(label, split) for label in CLASSES for split in ("train", "validation", "test")]


def plan(rows, shard_count=2, balance="undersample", seed=1):
    return {
        plan.split: plan
        for plan in plan_shards(rows, classes=CLASSES, shard_count=shard_count, balance=balance, seed=seed)
    }


def labels_of(split_plan):
    return Counter(split_plan.slides[number].label for number in split_plan.tiles[:, :, 0].ravel())


@given(rows=cohorts(), shard_count=shard_counts, balance=st.sampled_from(["undersample", "none"]))
def test_each_tile_is_drawn_at_most_once_from_a_slide_of_the_split(rows, shard_count, balance):
    for split, split_plan in plan(rows, shard_count, balance).items():
        drawn = [tuple(tile) for tile in split_plan.tiles.reshape(-1, 2).tolist()]
        assert len(set(drawn)) == len(drawn)
        for number, tile in drawn:
            assert split_plan.slides[number].split == split
            assert 0 <= tile < split_plan.slides[number].tile_count


@given(rows=cohorts(), shard_count=shard_counts)
def test_shards_are_equal_and_leave_out_less_than_one_tile_a_shard(rows, shard_count):
    plans = plan(rows, shard_count, "none")
    for split, split_plan in plans.items():
        available = sum(row.tile_count for row in rows if row.split == split)
        assert split_plan.tiles.shape[0] == shard_count
        assert 0 <= available - split_plan.tiles.shape[0] * split_plan.tiles.shape[1] < shard_count


@given(rows=cohorts(), shard_count=shard_counts)
def test_undersampling_balances_the_train_classes(rows, shard_count):
    drawn = labels_of(plan(rows, shard_count)["train"])
    rarest = min(sum(r.tile_count for r in rows if (r.split, r.label) == ("train", name)) for name in CLASSES)
    assert all(rarest - shard_count < drawn[name] <= rarest for name in CLASSES)


@given(rows=cohorts(), shuffler=st.randoms())
def test_the_order_of_the_table_does_not_matter(rows, shuffler):
    shuffled = shuffler.sample(rows, k=len(rows))
    for split, split_plan in plan(rows).items():
        np.testing.assert_array_equal(split_plan.tiles, plan(shuffled)[split].tiles)


def test_slides_are_mixed_in_every_shard():
    rows = [row(i, CLASSES[i % 2], "train", 50) for i in range(10)]
    rows += [row(10 + i, CLASSES[i % 2], "validation", 5) for i in range(2)]
    for shard in plan(rows)["train"].tiles:
        assert len(set(shard[:, 0])) == 10
        runs = np.count_nonzero(np.diff(shard[:, 0])) + 1
        assert runs > 0.7 * len(shard)


def test_the_seed_changes_the_plan():
    rows = [row(i, CLASSES[i % 2], split, 20) for i, split in enumerate(["train"] * 4 + ["validation"] * 4)]
    assert not np.array_equal(plan(rows, seed=1)["train"].tiles, plan(rows, seed=2)["train"].tiles)


def test_fewer_tiles_than_shards_are_refused():
    rows = [row(i, CLASSES[i % 2], split, 1) for i, split in enumerate(["train", "train", "validation", "validation"])]
    with pytest.raises(ShardingError, match=r"2 train tiles are too few for 3 shards. Use fewer ranks or more slides."):
        plan(rows, shard_count=3)
