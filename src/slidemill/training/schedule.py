"""The learning rate of every step."""

import math
from dataclasses import dataclass

_WARM_UP_EPOCHS = 1


@dataclass(frozen=True, slots=True)
class LearningRateSchedule:
    """Linear warm-up to the scaled learning rate over the first epoch, then half a cosine down to zero.

    The peak is the learning rate of one rank times the number of ranks, since each step then averages over as many
    times more tiles.

    Attributes:
        learning_rate: of one rank.
        ranks: number of ranks.
        steps_per_epoch, epochs: length of the training.

    Source: scaling and warm-up: Goyal et al. 2017, arXiv:1706.02677, sections 2.1 and 2.2 (their warm-up starts at
    the learning rate of one rank, ours at zero); cosine: Loshchilov and Hutter 2017, arXiv:1608.03983.
    """

    learning_rate: float
    ranks: int
    steps_per_epoch: int
    epochs: int

    def at(self, step: int) -> float:
        """The learning rate of a step, counted from 0 at the start of the training."""
        peak = self.learning_rate * self.ranks
        warm_up = _WARM_UP_EPOCHS * self.steps_per_epoch
        if step < warm_up:
            return peak * (step + 1) / warm_up
        decay = self.epochs * self.steps_per_epoch - warm_up
        return peak * 0.5 * (1.0 + math.cos(math.pi * (step - warm_up) / decay))
