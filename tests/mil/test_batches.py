"""Padded batches of bags."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slidemill.mil.bags import bags_of
from slidemill.mil.batches import PADDED_TO, training_batches, training_step_count, whole_bags
from slidemill.mil.parameters import DrawingParameters

from .conftest import CLASSES, drawn_bags, numbered_tiles, row

counts = st.lists(st.integers(1, 40), min_size=1, max_size=20)


def training(bags, *, rank=0, ranks=1, epochs=(0,), skipped=0, threads=1, **drawing):
    parameters = DrawingParameters(**({"bags_per_step": 4, "max_tiles": 16, "seed": 3} | drawing))
    values = numbered_tiles(bags)
    return training_batches(
        bags, values, parameters, epochs=epochs, skipped=skipped, rank=rank, ranks=ranks, threads=threads
    )


def learned(batch):
    """Number, label and values of each bag without padding; a bag may come twice."""
    return sorted(
        (int(bag), int(label), tuple(tiles[mask].ravel().tolist()))
        for bag, label, tiles, mask, weight in zip(
            batch.bags, batch.labels, batch.tiles, batch.mask, batch.weights, strict=True
        )
        if weight
    )


def contents(batch):
    """Label and values of each bag."""
    return {bag: own for bag, *own in learned(batch)}


@settings(max_examples=25)
@given(counts=counts, ranks=st.integers(2, 3), balance=st.sampled_from(["none", "class"]))
def test_all_ranks_together_learn_from_what_one_learns_from(counts, ranks, balance):
    bags = drawn_bags(counts)
    alone = list(training(bags, balance=balance, epochs=(0, 1)))
    together = [list(training(bags, rank=rank, ranks=ranks, balance=balance, epochs=(0, 1))) for rank in range(ranks)]
    assert [len(part) for part in together] == [len(alone)] * ranks
    for batch, *parts in zip(alone, *together, strict=True):
        assert sorted(bag for part in parts for bag in learned(part)) == learned(batch)


def test_tiles_are_those_of_the_bag_and_padding_is_zero():
    bags = drawn_bags([3, 40, 17])
    seen = set()
    for batch in training(bags, bags_per_step=2):
        assert batch.tiles.shape[1] % PADDED_TO == 0
        assert not batch.tiles[~batch.mask].any()
        assert np.array_equal(batch.mask.any(axis=1), np.ones(len(batch.bags), bool))
        for bag, (label, tiles) in contents(batch).items():
            start = sum(slide.tile_count for slide in bags.slides[:bag])
            own = range(start + 1, start + 1 + bags.bags[bag].tile_count)
            assert label == bags.bags[bag].label
            assert len(tiles) == min(16, len(own))
            assert list(tiles) == sorted(set(tiles) & set(own))
            seen.add(bag)
    assert seen == {0, 1, 2}


def test_other_tiles_are_drawn_in_each_epoch_and_dropped():
    bags = drawn_bags([400])
    drawn = [contents(batch)[0][1] for batch in training(bags, epochs=(0, 1), max_tiles=50)]
    assert [len(tiles) for tiles in drawn] == [50, 50]
    assert drawn[0] != drawn[1]
    (dropped,) = training(bags, max_tiles=None, tile_dropout=0.25)
    assert dropped.mask.sum() == 300


def test_nothing_depends_on_threads_and_a_training_goes_on_where_it_stopped():
    bags = drawn_bags([5, 30, 22, 8, 40, 1, 17, 33, 12])
    one, many = (list(training(bags, epochs=(2, 3), threads=threads)) for threads in (1, 4))
    left = list(training(bags, epochs=(2, 3), skipped=2))
    assert len(one) == 2 * training_step_count(bags, DrawingParameters(bags_per_step=4, seed=3))
    for others, start in ((many, 0), (left, 2)):
        assert len(others) == len(one) - start
        for mine, other in zip(one[start:], others, strict=True):
            assert np.array_equal(mine.tiles, other.tiles)
            assert np.array_equal(mine.bags, other.bags)


def test_a_rank_without_a_bag_gets_one_that_weighs_nothing():
    bags = drawn_bags([3, 5])
    batches = [next(iter(training(bags, rank=rank, ranks=3))) for rank in range(3)]
    assert [batch.weights.tolist() for batch in batches] == [[1.0], [1.0], [0.0]]
    assert batches[2].mask.sum() == 1
    assert batches[2].tiles.shape == (1, PADDED_TO, 1)


def test_the_slides_of_a_patient_come_one_after_the_other():
    rows = [row("a", 3, patient="P"), row("b", 2, patient="Q"), row("c", 4, patient="P")]
    bags = bags_of(rows, CLASSES, bag="patient")
    (batch,) = whole_bags(bags, numbered_tiles(bags), rank=0, ranks=1, threads=1)
    assert {bag: list(tiles) for bag, (_, tiles) in contents(batch).items()} == {0: [1, 2, 3, 6, 7, 8, 9], 1: [4, 5]}
    parameters = {"max_tiles": 6, "bags_per_step": 2, "epochs": range(20)}
    drawn = [tiles for batch in training(bags, **parameters) for bag, (_, tiles) in contents(batch).items() if bag == 0]
    assert {len(tiles) for tiles in drawn} == {6}
    assert set().union(*drawn) == {1, 2, 3, 6, 7, 8, 9}


@settings(max_examples=20)
@given(counts=counts, ranks=st.integers(1, 3))
def test_validation_takes_every_tile_once(counts, ranks):
    bags = drawn_bags(counts)
    parts = [
        list(whole_bags(bags, numbered_tiles(bags), rank=rank, ranks=ranks, threads=2, tiles_at_once=60))
        for rank in range(ranks)
    ]
    assert len({len(part) for part in parts}) == 1
    tiles = [tile for part in parts for batch in part for _, own in contents(batch).values() for tile in own]
    assert sorted(tiles) == list(range(1, sum(counts) + 1))


def test_what_a_slide_has_wrong_comes_when_it_is_its_turn():
    class Failing:
        def of_slide(self, place, chosen=None):
            raise ValueError(f"slide {place}")

    bags = drawn_bags([3])
    with pytest.raises(ValueError, match="slide 0"):
        list(whole_bags(bags, Failing(), rank=0, ranks=1, threads=2))
