"""Batches of bags: tiles padded to the largest bag, with a mask, read ahead by threads.

What is in a batch follows from the seed, the epoch and the rank, and not from the number of threads.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from slidemill import seeds
from slidemill.mil.bags import Bags
from slidemill.mil.dealing import Draw, kept_tiles, share, steps_per_epoch, training_steps, whole_bag_steps
from slidemill.mil.parameters import DrawingParameters
from slidemill.mil.tile_values import TileValues

# Lengths are multiples of it: matrix products of a single row have other last digits than those of several.
PADDED_TO = 16
TILES_AT_ONCE = 16384  # of a batch of whole bags

_FILLER = -1  # number of the bag that stands where a rank has none


@dataclass(frozen=True, slots=True)
class BagBatch:
    """Several bags.

    A rank that has no bag in a step gets one tile of zeros that weighs nothing, so that it takes part in the exchange.

    Attributes:
        tiles: (bags, longest, ...), such as features in float16; zeros where there is no tile.
        mask: (bags, longest) bool, where there is one.
        labels: (bags,) int64, class numbers.
        weights: (bags,) float32, 1, or 0 for a filler.
        bags: (bags,) int64, numbers in `Bags.bags`; -1 for a filler.
        chosen: for each bag which of its tiles these are, in order; None for all.
        seeds: for each bag, of what is random about its tiles in training; none elsewhere.
        bags_of_step: bags of all ranks in this step.
    """

    tiles: np.ndarray
    mask: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    bags: np.ndarray
    chosen: tuple[np.ndarray | None, ...]
    bags_of_step: int
    seeds: tuple[int, ...] = ()

    def random_numbers(self, count: int) -> np.ndarray:
        """So many random numbers for each tile, (bags, longest, count) float32 from 0 to below 1.

        Those of a tile follow from the seed of its bag and its place in it, so not from what the bag is padded to, nor
        from the other bags of the batch. Fillers have zeros.
        """
        numbers = np.zeros((*self.mask.shape, count), np.float32)
        for row, seed in zip(numbers, self.seeds, strict=False):
            np.random.default_rng(seed).random(dtype=np.float32, out=row)
        return numbers


@dataclass(frozen=True, slots=True)
class BagBatches:
    """The batches of a rank.

    Attributes:
        builders: of each batch, in order.
        threads: that build batches ahead.
    """

    builders: Sequence[Callable[[], BagBatch]]
    threads: int

    def __len__(self) -> int:
        return len(self.builders)

    def __iter__(self) -> Iterator[BagBatch]:
        """Build from the start; what a builder raises comes in its turn."""
        return _ahead(iter(self.builders), self.threads)


def training_batches(
    bags: Bags,
    values: TileValues,
    parameters: DrawingParameters,
    *,
    epochs: Iterable[int],
    skipped: int,
    rank: int,
    ranks: int,
    threads: int,
) -> BagBatches:
    """The batches of one rank in several epochs, one after the other.

    Args:
        bags: of the train split.
        values: of their tiles.
        parameters: how bags and tiles are drawn.
        epochs: their numbers.
        skipped: steps of the first epoch that were learned from before.
        rank, ranks: which one this is, of how many.
        threads: that read ahead.
    """
    labels, counts = bags.labels(), bags.tile_counts()
    kept = kept_tiles(counts, parameters)

    def builder(step: list[Draw], epoch: int) -> Callable[[], BagBatch]:
        own = share(step, kept, ranks=ranks)[rank]

        def build() -> BagBatch:
            chosen = [_chosen_tiles(bags, draw, int(kept[draw.bag]), parameters.seed, epoch) for draw in own]
            of_tiles = [
                seeds.number(parameters.seed, "changes of tiles", bags.bags[draw.bag].name, epoch, draw.turn)
                for draw in own
            ]
            batch = batch_of(bags, values, [draw.bag for draw in own], chosen, bags_of_step=len(step))
            return replace(batch, seeds=tuple(of_tiles))

        return build

    builders = [
        builder(step, epoch) for epoch in epochs for step in training_steps(labels, counts, parameters, epoch=epoch)
    ]
    return BagBatches(builders[skipped:], threads)


def whole_bags(
    bags: Bags, values: TileValues, *, rank: int, ranks: int, threads: int, tiles_at_once: int = TILES_AT_ONCE
) -> BagBatches:
    """All bags once with all their tiles, the same number of batches on each rank; for validation.

    Args:
        bags: of a split.
        values: of their tiles.
        rank, ranks: which one this is, of how many.
        threads: that read ahead.
        tiles_at_once: tiles of a batch, with padding; a larger bag is one of its own.
    """

    def builder(step: list[list[int]]) -> Callable[[], BagBatch]:
        own, together = step[rank], sum(map(len, step))
        return lambda: batch_of(bags, values, own, [None] * len(own), bags_of_step=together)

    steps = whole_bag_steps(bags.tile_counts(), ranks=ranks, tiles_at_once=tiles_at_once)
    return BagBatches([builder(step) for step in steps], threads)


def training_step_count(bags: Bags, parameters: DrawingParameters) -> int:
    """Number of steps of an epoch, the same on all ranks."""
    return steps_per_epoch(len(bags), parameters.bags_per_step)


def batch_of(
    bags: Bags,
    values: TileValues,
    numbers: Sequence[int],
    chosen: Sequence[np.ndarray | None],
    *,
    bags_of_step: int | None = None,
) -> BagBatch:
    """Read bags into one batch.

    Args:
        bags: of a split.
        values: of their tiles.
        numbers: of the bags; none for a filler.
        chosen: for each, which of its tiles in rising order; None for all.
        bags_of_step: bags of all ranks in this step; None where these are all.
    """
    together = len(numbers) if bags_of_step is None else bags_of_step
    if not numbers:
        return _filler(values, together)
    parts = [list(_parts(bags, values, number, own)) for number, own in zip(numbers, chosen, strict=True)]
    lengths = [sum(map(len, own)) for own in parts]
    shape, dtype = parts[0][0].shape[1:], parts[0][0].dtype
    tiles = np.zeros((len(numbers), _padded(max(lengths)), *shape), dtype)
    for row, own in zip(tiles, parts, strict=True):
        np.concatenate(own, out=row[: sum(map(len, own))])
    return BagBatch(
        tiles=tiles,
        mask=np.arange(tiles.shape[1]) < np.array(lengths)[:, None],
        labels=np.array([bags.bags[number].label for number in numbers], np.int64),
        weights=np.ones(len(numbers), np.float32),
        bags=np.array(numbers, np.int64),
        chosen=tuple(chosen),
        bags_of_step=together,
    )


def _parts(bags: Bags, values: TileValues, number: int, chosen: np.ndarray | None) -> Iterator[np.ndarray]:
    """The values of a bag's tiles, slide by slide."""
    start = 0
    for place in bags.bags[number].slides:
        end = start + bags.slides[place].tile_count
        if chosen is None:
            yield values.of_slide(place)
        else:
            own = chosen[np.searchsorted(chosen, start) : np.searchsorted(chosen, end)] - start
            if len(own):
                yield values.of_slide(place, own)
        start = end


def _chosen_tiles(bags: Bags, draw: Draw, count: int, seed: int, epoch: int) -> np.ndarray | None:
    bag = bags.bags[draw.bag]
    if count == bag.tile_count:
        return None
    random = seeds.generator(seed, "tiles of a bag", bag.name, epoch, draw.turn)
    return np.sort(random.choice(bag.tile_count, count, replace=False, shuffle=False))


def _filler(values: TileValues, bags_of_step: int) -> BagBatch:
    like = values.of_slide(0, np.zeros(1, np.int64))
    return BagBatch(
        tiles=np.zeros((1, PADDED_TO, *like.shape[1:]), like.dtype),
        mask=(np.arange(PADDED_TO) < 1)[None],
        labels=np.zeros(1, np.int64),
        weights=np.zeros(1, np.float32),
        bags=np.full(1, _FILLER, np.int64),
        chosen=(None,),
        bags_of_step=bags_of_step,
    )


def _padded(length: int) -> int:
    return -(-length // PADDED_TO) * PADDED_TO


def _ahead(builders: Iterator[Callable[[], BagBatch]], threads: int) -> Iterator[BagBatch]:
    with ThreadPoolExecutor(threads, thread_name_prefix="bags") as pool:
        waiting: deque[Future[BagBatch]] = deque()
        try:
            while True:
                while len(waiting) <= threads and (builder := next(builders, None)) is not None:
                    waiting.append(pool.submit(builder))
                if not waiting:
                    return
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
