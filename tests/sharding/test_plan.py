import tracemalloc
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.errors import ConfigError
from slidemill.sharding import Balance, ShardingError, plan_shards
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


def plan(rows, shard_count=2, mode="undersample", seed=1, cap=None):
    return {
        plan.split: plan
        for plan in plan_shards(rows, classes=CLASSES, shard_count=shard_count, balance=Balance(mode, cap), seed=seed)
    }


def slides_of(split_plan):
    return [split_plan.slides[number] for number in split_plan.source.slide_of(split_plan.tiles.ravel())]


def labels_of(split_plan):
    return Counter(slide.label for slide in slides_of(split_plan))


@given(rows=cohorts(), shard_count=shard_counts, mode=st.sampled_from(["none", "undersample", "slide_cap"]))
def test_each_tile_is_drawn_at_most_once_from_a_slide_of_the_split(rows, shard_count, mode):
    for split, split_plan in plan(rows, shard_count, mode, cap=5).items():
        drawn = split_plan.tiles.ravel().tolist()
        assert len(set(drawn)) == len(drawn)
        slides = slides_of(split_plan)
        assert {slide.split for slide in slides} <= {split}
        for tile, slide in zip(drawn, slides, strict=True):
            start = split_plan.source.starts[split_plan.slides.index(slide)]
            assert 0 <= tile - start < slide.tile_count


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
    train = plan(rows)["train"]
    for shard in train.tiles:
        slides = train.source.slide_of(shard)
        assert len(set(slides)) == 10
        runs = np.count_nonzero(np.diff(slides)) + 1
        assert runs > 0.7 * len(shard)


@given(rows=cohorts(), cap=st.integers(1, 40))
def test_slide_cap_limits_train_slides_and_leaves_the_others(rows, cap):
    for split, split_plan in plan(rows, 1, "slide_cap", cap=cap).items():
        for slide, drawn in zip(split_plan.slides, split_plan.slide_tiles(), strict=True):
            assert drawn == (min(slide.tile_count, cap) if split == "train" else slide.tile_count)


def test_slide_cap_needs_its_cap():
    with pytest.raises(ConfigError, match=r"set shards\.max_tiles_per_slide"):
        Balance("slide_cap")


@given(rows=cohorts(), shard_count=st.integers(1, 2))
def test_patient_equal_takes_equally_many_tiles_of_each_patient(rows, shard_count):
    two_slides_each = [row for one in rows for row in (one, replace(one, slide_id=f"{one.slide_id}b"))]
    train = plan(two_slides_each, shard_count, "patient_equal")["train"]
    drawn = Counter(slide.patient_id for slide in slides_of(train))
    fewest = min(2 * row.tile_count for row in rows if row.split == "train" and row.tile_count)
    assert set(drawn) == {row.patient_id for row in rows if row.split == "train" and row.tile_count}
    assert all(fewest - shard_count < count <= fewest for count in drawn.values())


@pytest.mark.slow
def test_ten_million_tiles_are_planned_within_sixteen_bytes_a_tile():
    """The plan of a cohort as large as any; tracemalloc counts NumPy's memory too."""
    rows = [row(i, CLASSES[i % 2], "train" if i % 10 else "validation", 500) for i in range(20_000)]
    tracemalloc.start()
    train = plan(rows, 8)["train"]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert train.tiles.shape == (8, 8 * 500 * 2000 // 8)  # as many as of the rarer class, twice
    assert train.tiles.nbytes == 4 * train.tiles.size
    assert train.slide_tiles().max() <= 500
    assert peak < 16 * 10_000_000


def test_the_seed_changes_the_plan():
    rows = [row(i, CLASSES[i % 2], split, 20) for i, split in enumerate(["train"] * 4 + ["validation"] * 4)]
    assert not np.array_equal(plan(rows, seed=1)["train"].tiles, plan(rows, seed=2)["train"].tiles)


def test_fewer_tiles_than_shards_are_refused():
    rows = [row(i, CLASSES[i % 2], split, 1) for i, split in enumerate(["train", "train", "validation", "validation"])]
    with pytest.raises(ShardingError, match=r"2 train tiles are too few for 3 shards. Use fewer ranks or more slides."):
        plan(rows, shard_count=3)
