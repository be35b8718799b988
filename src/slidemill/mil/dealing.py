"""Which bags make a step, and which of them each rank takes.

The bags of a step follow from the seed and the epoch and not from the number of ranks, so that one rank and several
learn from the same; ranks then share each step's bags. All are numbers of bags.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from slidemill import seeds
from slidemill.mil.parameters import Balance, DrawingParameters

# Bags of a like size go into one batch: of so many batches, which are shuffled before and after, so that in a large
# cohort any two bags may meet.
_SORTED_BATCHES = 16
# By so much sizes are stretched at random before they are sorted, so that also in a small cohort neighbours change.
_STRETCH = 0.25


@dataclass(frozen=True, slots=True)
class Draw:
    """A bag that comes up in an epoch.

    Attributes:
        bag: its number.
        turn: how often it came up in this epoch before.
    """

    bag: int
    turn: int


def steps_per_epoch(bags: int, bags_per_step: int) -> int:
    """Number of steps in which so many bags are learned from."""
    return -(-bags // bags_per_step)


def kept_tiles(tile_counts: np.ndarray, parameters: DrawingParameters) -> np.ndarray:
    """How many tiles of each bag are learned from in one epoch, (bags,) int64; at least one."""
    left = np.maximum(1, np.ceil(tile_counts * (1.0 - parameters.tile_dropout))).astype(np.int64)
    return left if parameters.max_tiles is None else np.minimum(left, parameters.max_tiles)


def training_steps(
    labels: np.ndarray, tile_counts: np.ndarray, parameters: DrawingParameters, *, epoch: int
) -> list[list[Draw]]:
    """The bags of each step of an epoch; steps have equally many, or one less.

    Args:
        labels: (bags,) class numbers.
        tile_counts: (bags,) tiles of each bag.
        parameters: how bags are drawn.
        epoch: its number, from 0 on.
    """
    random = seeds.generator(parameters.seed, "bags of an epoch", epoch)
    draws = _drawn(labels, parameters.balance, random)
    sizes = kept_tiles(tile_counts, parameters)
    steps = steps_per_epoch(len(labels), parameters.bags_per_step)
    window = _SORTED_BATCHES * parameters.bags_per_step
    alike: list[Draw] = []
    for start in range(0, len(draws), window):
        own = draws[start : start + window]
        stretched = sizes[[draw.bag for draw in own]] * random.uniform(1.0, 1.0 + _STRETCH, len(own))
        alike += [own[place] for place in np.argsort(stretched, kind="stable")]
    bounds = np.linspace(0, len(alike), steps + 1).round().astype(int)
    batches = [alike[start:end] for start, end in pairwise(bounds.tolist())]
    return [batches[place] for place in random.permutation(steps)]


def share(draws: Sequence[Draw], sizes: np.ndarray, *, ranks: int) -> list[list[Draw]]:
    """Share the bags of a step among ranks: equally many each, or one less, and nearly equally many tiles.

    Args:
        draws: of the step.
        sizes: (bags,) tiles of each bag that are learned from.
        ranks: how many.

    Returns:
        For each rank its bags, from the largest on; none where there are fewer bags than ranks.
    """
    parts: list[list[Draw]] = [[] for _ in range(ranks)]
    ordered = sorted(draws, key=lambda draw: (-int(sizes[draw.bag]), draw.bag, draw.turn))
    for turn, start in enumerate(range(0, len(ordered), ranks)):
        row = ordered[start : start + ranks]
        # To and fro: who took the largest of one row takes the smallest of the next.
        takers = range(ranks) if turn % 2 == 0 else range(ranks - 1, -1, -1)
        for taker, draw in zip(takers, row, strict=False):
            parts[taker].append(draw)
    return parts


def whole_bag_steps(sizes: np.ndarray, *, ranks: int, tiles_at_once: int) -> list[list[list[int]]]:
    """All bags once and whole, in steps of which each rank has one batch.

    A batch is as many bags as fit with their padding into a number of tiles; a larger bag is a batch of its own. Bags
    are dealt from the largest on, so that the ranks of a step have about equally many tiles.

    Args:
        sizes: (bags,) tiles of each bag.
        ranks: how many.
        tiles_at_once: tiles of a batch.

    Returns:
        For each step and rank, numbers of bags; none where nothing is left for a rank.
    """
    batches: list[list[int]] = []
    for bag in np.lexsort((np.arange(len(sizes)), -sizes)).tolist():
        if batches and (len(batches[-1]) + 1) * sizes[batches[-1][0]] <= tiles_at_once:
            batches[-1].append(bag)
        else:
            batches.append([bag])
    steps = [batches[start : start + ranks] for start in range(0, len(batches), ranks)]
    return [step + [[] for _ in range(ranks - len(step))] for step in steps]


def _drawn(labels: np.ndarray, balance: Balance, random: np.random.Generator) -> list[Draw]:
    """The bags of an epoch in random order."""
    if balance == "none":
        return [Draw(int(bag), 0) for bag in random.permutation(len(labels))]
    classes = np.unique(labels)
    shares = np.full(len(classes), len(labels) // len(classes))
    shares[random.permutation(len(classes))[: len(labels) % len(classes)]] += 1
    draws: list[Draw] = []
    for number, count in zip(classes, shares.tolist(), strict=True):
        members = np.flatnonzero(labels == number)
        # Each of them comes up as often as any other, or once more.
        for turn in range(-(-count // len(members))):
            chosen = random.permutation(members)[: count - turn * len(members)]
            draws += [Draw(int(bag), turn) for bag in chosen]
    return [draws[place] for place in random.permutation(len(draws))]
