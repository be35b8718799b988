"""The learning rate of every step."""

import math
from dataclasses import dataclass

from slidemill.training.parameters import Decay


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRateSchedule:
    """Linear warm-up to the scaled learning rate, then a decay.

    The peak is the learning rate of one batch times the batches of a step, since each step then averages over as many
    times more examples.

    Attributes:
        learning_rate: of one batch.
        batches_per_step: the number of ranks, where each has a batch of its own.
        steps_per_epoch, epochs: length of what is scheduled.
        warm_up_epochs: length of the warm-up; at most all epochs.
        decay: "cosine": half a cosine down to zero; "step": times `decay_factor` after each `decay_epochs`, counted
            from the start.

    Source: scaling and warm-up: Goyal et al. 2017, arXiv:1706.02677, sections 2.1 and 2.2 (their warm-up starts at
    the learning rate of one rank, ours at zero); cosine: Loshchilov and Hutter 2017, arXiv:1608.03983.
    """

    learning_rate: float
    batches_per_step: int
    steps_per_epoch: int
    epochs: int
    warm_up_epochs: float = 1.0
    decay: Decay = "cosine"
    decay_epochs: float = 10.0
    decay_factor: float = 0.1

    def at(self, step: int) -> float:
        """The learning rate of a step, counted from 0 at the start."""
        peak = self.learning_rate * self.batches_per_step
        steps = self.epochs * self.steps_per_epoch
        warm_up = min(steps, round(self.warm_up_epochs * self.steps_per_epoch))
        if step < warm_up:
            return peak * (step + 1) / warm_up
        if self.decay == "step":
            return peak * self.decay_factor ** math.floor(step / (self.decay_epochs * self.steps_per_epoch))
        return peak * 0.5 * (1.0 + math.cos(math.pi * (step - warm_up) / (steps - warm_up)))
