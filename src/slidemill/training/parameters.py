"""What the user chooses of any training, where its results go, and how a rank runs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

from slidemill.errors import SlidemillError

OptimizerName = Literal["adam", "sgd", "rmsprop"]
Decay = Literal["cosine", "step"]
ClassWeights = Literal["none", "balanced"]
Precision = Literal["float32", "float16", "bfloat16"]
Compression = Literal["none", "fp16"]


class TrainingParameterError(SlidemillError):
    """A training parameter out of its range."""

    def __init__(self, name: str, value: object, expected: str, *, section: str = "training") -> None:
        super().__init__(name, value, expected)
        self.name = name
        self.value = value
        self.expected = expected
        self.section = section

    def __str__(self) -> str:
        return f"{self.section}.{self.name} is {self.value}: expected {self.expected}. Correct it in the config."


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingParameters:
    """How a model is trained, whatever it is; a method may add parameters of its own.

    Attributes:
        epochs: how often the examples are gone through at most.
        batch_size: examples per rank and batch.
        learning_rate: of one rank; multiplied by the number of ranks.
        seed: of initial weights, shuffling and augmentation.
        frozen_epochs: epochs at the start in which only the head learns.
        accumulation: batches per step; their gradients are averaged.
        optimizer: "adam", "sgd" (Nesterov momentum 0.9) or "rmsprop".
        weight_decay: share of each weight, but of biases and of scales of normalisation, that is taken off in a step,
            times the learning rate; with "adam" that is AdamW (Loshchilov and Hutter 2019, ICLR).
        warm_up_epochs: in which the learning rate rises from zero.
        decay: "cosine" down to zero, or "step".
        decay_epochs, decay_factor: "step" multiplies by the factor after each so many epochs.
        label_smoothing: share of an example's label that is spread over all classes.
        class_weights: "balanced" weighs an example by the rarity of its class among those to learn from.
        clip_norm: greatest length of the gradient of all weights together, None for any.
        precision: of the computation; weights are always float32.
        compression: "fp16" sends gradients between ranks in half the bytes.
        patience: epochs without a better one after which training stops, None for never.
        checkpoint_steps: steps between checkpoints inside an epoch, None for none.
        stall_seconds: a training that does not move for so long is ended.
    """

    # What each of these may be.
    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "optimizer": get_args(OptimizerName),
        "decay": get_args(Decay),
        "class_weights": get_args(ClassWeights),
        "precision": get_args(Precision),
        "compression": get_args(Compression),
    }
    # These do not decide what is learned, so that a checkpoint outlives their change.
    OPERATIONAL: ClassVar[tuple[str, ...]] = ("checkpoint_steps", "stall_seconds")
    # The section of the config where a method has parameters of its own, and which; all others stand in `training`.
    OWN_SECTION: ClassVar[str] = "training"
    OWN: ClassVar[frozenset[str]] = frozenset()

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    frozen_epochs: int = 0
    accumulation: int = 1
    optimizer: OptimizerName = "adam"
    weight_decay: float = 0.0
    warm_up_epochs: float = 1.0
    decay: Decay = "cosine"
    decay_epochs: float = 10.0
    decay_factor: float = 0.1
    label_smoothing: float = 0.0
    class_weights: ClassWeights = "none"
    clip_norm: float | None = None
    precision: Precision = "float32"
    compression: Compression = "none"
    patience: int | None = None
    checkpoint_steps: int | None = None
    stall_seconds: int = 600

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "accumulation", "patience", "checkpoint_steps"):
            self._check(name, 1, float("inf"), "a whole number of at least 1")
        self._check("stall_seconds", 2, float("inf"), "at least 2 seconds")
        for name in ("learning_rate", "clip_norm", "decay_epochs"):
            self._check(name, 1e-30, 1e30, "a number above 0")
        for name in ("label_smoothing", "weight_decay"):
            self._check(name, 0, 0.999, "a number from 0 to below 1")
        self._check("decay_factor", 1e-30, 1, "a number above 0 and up to 1")
        self._check(
            "warm_up_epochs", 0, self.epochs, f"a number of at least 0 and at most {self._section('epochs')}.epochs"
        )
        self._check(
            "frozen_epochs", 0, self.epochs - 1, f"a number of at least 0 and below {self._section('epochs')}.epochs"
        )
        for name, choices in self.CHOICES.items():
            if getattr(self, name) not in choices:
                raise TrainingParameterError(
                    name, getattr(self, name), " or ".join(choices), section=self._section(name)
                )

    def _check(self, name: str, least: float, most: float, expected: str) -> None:
        value = getattr(self, name)
        if value is not None and not least <= value <= most:  # also refuses NaN
            raise TrainingParameterError(name, value, expected, section=self._section(name))

    def _section(self, name: str) -> str:
        return self.OWN_SECTION if name in self.OWN else "training"


@dataclass(frozen=True, slots=True)
class TrainingOutputs:
    """Files that rank 0 writes.

    Attributes:
        model: model.keras, the weights of the best epoch, with their description.
        history: history.tsv, one row an epoch.
        checkpoint: state after the last finished epoch, from which a killed training goes on. Beside it, with
            ".step" at the end of its name, lies the state inside an epoch.
    """

    model: Path
    history: Path
    checkpoint: Path

    @property
    def step_checkpoint(self) -> Path:
        """The state inside an epoch."""
        return self.checkpoint.with_name(f"{self.checkpoint.name}.step")


@dataclass(frozen=True, slots=True)
class RankSetup:
    """How this rank runs.

    Attributes:
        expect_ranks: number of ranks that the launcher was asked for.
        threads: CPU threads of this rank.
        log_folder: gets a log of each rank, `rank-0.log` and so on; None for none.
        tracking: where rank 0 tells MLflow of the training, as `tracking_uri` gives it; None for nowhere.
    """

    expect_ranks: int
    threads: int = 1
    log_folder: Path | None = None
    tracking: str | None = None
