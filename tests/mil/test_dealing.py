"""Which bags make a step, and who takes them."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slidemill.mil.dealing import kept_tiles, share, training_steps, whole_bag_steps
from slidemill.mil.parameters import DrawingParameters

cohorts = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 6000)), min_size=1, max_size=80)
seeds = st.integers(0, 1000)
numbers_of_ranks = st.integers(1, 5)


def arrays(cohort):
    return np.array([label for label, _ in cohort]), np.array([tiles for _, tiles in cohort])


@given(cohort=cohorts, seed=seeds, bags_per_step=st.integers(1, 12), epoch=st.integers(0, 3))
def test_every_bag_is_learned_from_once_in_each_epoch(cohort, seed, bags_per_step, epoch):
    parameters = DrawingParameters(bags_per_step=bags_per_step, seed=seed)
    steps = training_steps(*arrays(cohort), parameters, epoch=epoch)
    assert sorted(draw.bag for step in steps for draw in step) == list(range(len(cohort)))
    sizes = [len(step) for step in steps]
    assert max(sizes) <= bags_per_step
    assert max(sizes) - min(sizes) <= 1


@given(cohort=cohorts, seed=seeds)
def test_balanced_drawing_gives_classes_and_the_bags_of_a_class_the_same(cohort, seed):
    labels, counts = arrays(cohort)
    steps = training_steps(labels, counts, DrawingParameters(bags_per_step=4, balance="class", seed=seed), epoch=0)
    drawn = Counter(draw.bag for step in steps for draw in step)
    assert drawn.total() == len(cohort)
    of_class = [sum(drawn[bag] for bag in np.flatnonzero(labels == number)) for number in np.unique(labels)]
    assert max(of_class) - min(of_class) <= 1
    for number in np.unique(labels):
        of_bag = [drawn[bag] for bag in np.flatnonzero(labels == number)]
        assert max(of_bag) - min(of_bag) <= 1
    turns = Counter((draw.bag, draw.turn) for step in steps for draw in step)
    assert set(turns.values()) == {1}


@given(cohort=cohorts, seed=seeds, ranks=numbers_of_ranks)
def test_ranks_share_the_bags_of_each_step(cohort, seed, ranks):
    labels, counts = arrays(cohort)
    parameters = DrawingParameters(bags_per_step=6, max_tiles=4000, seed=seed)
    sizes = kept_tiles(counts, parameters)
    for step in training_steps(labels, counts, parameters, epoch=0):
        parts = share(step, sizes, ranks=ranks)
        assert len(parts) == ranks
        assert sorted(draw.bag for part in parts for draw in part) == sorted(draw.bag for draw in step)
        bags = [len(part) for part in parts]
        assert max(bags) - min(bags) <= 1


def test_epochs_and_seeds_differ_and_repeat():
    labels, counts = np.zeros(40, int), np.arange(1, 41)

    def steps(seed, epoch):
        return training_steps(labels, counts, DrawingParameters(seed=seed), epoch=epoch)

    assert steps(1, 0) == steps(1, 0)
    assert len({str(steps(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4


def test_little_is_padding_and_ranks_have_like_numbers_of_tiles():
    counts = np.random.default_rng(3).integers(500, 5001, 1000)
    parameters = DrawingParameters(bags_per_step=16, max_tiles=None, seed=1)
    padded, largest, mean = 0, 0, 0.0
    for step in training_steps(np.zeros(1000, int), counts, parameters, epoch=0):
        parts = [counts[[draw.bag for draw in part]] for part in share(step, counts, ranks=2)]
        padded += sum(len(part) * part.max() for part in parts)
        largest += max(len(part) * part.max() for part in parts)
        mean += sum(len(part) * part.max() for part in parts) / 2
    assert padded / counts.sum() < 1.2
    assert largest / mean < 1.05


@given(sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=60), ranks=numbers_of_ranks)
def test_whole_bags_come_once_in_equal_steps_within_the_memory(sizes, ranks):
    steps = whole_bag_steps(np.array(sizes), ranks=ranks, tiles_at_once=4000)
    assert all(len(step) == ranks for step in steps)
    batches = [batch for step in steps for batch in step]
    assert sorted(bag for batch in batches for bag in batch) == list(range(len(sizes)))
    assert all(len(batch) * max(sizes[bag] for bag in batch) <= 4000 for batch in batches if len(batch) > 1)
    assert sum(not batch for batch in batches) < ranks


def test_a_share_of_tiles_and_a_greatest_number_are_kept():
    counts = np.array([1, 3, 10, 1000])
    assert kept_tiles(counts, DrawingParameters(max_tiles=None, seed=0)).tolist() == [1, 3, 10, 1000]
    assert kept_tiles(counts, DrawingParameters(max_tiles=200, tile_dropout=0.5, seed=0)).tolist() == [1, 2, 5, 200]
