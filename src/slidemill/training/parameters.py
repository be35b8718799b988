"""What the user chooses of a training, and where its results go."""

from dataclasses import dataclass
from pathlib import Path

from slidemill.errors import SlidemillError


class TrainingParameterError(SlidemillError):
    """A training parameter out of its range."""

    def __init__(self, name: str, value: float, expected: str) -> None:
        super().__init__(name, value, expected)
        self.name = name
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        return f"training.{self.name} is {self.value}: expected {self.expected}. Correct it in the config."


@dataclass(frozen=True, slots=True)
class TrainingParameters:
    """How a model is trained.

    Attributes:
        architecture: "small_cnn" or the name of a keras.applications model, such as "InceptionV3".
        input_size: pixels; side to which tiles are resized.
        epochs: how often each shard is gone through; the first epoch is the warm-up.
        batch_size: tiles per rank and step.
        learning_rate: of one rank; multiplied by the number of ranks.
        seed: of initial weights, shuffling and augmentation.
    """

    architecture: str
    input_size: int
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int

    def __post_init__(self) -> None:
        for name in ("input_size", "epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise TrainingParameterError(name, getattr(self, name), "a whole number of at least 1")
        if not 0.0 < self.learning_rate < float("inf"):  # also refuses NaN
            raise TrainingParameterError("learning_rate", self.learning_rate, "a number above 0")


@dataclass(frozen=True, slots=True)
class TrainingOutputs:
    """Files that rank 0 writes.

    Attributes:
        model: model.keras, the weights of the epoch with the lowest validation loss, with their description.
        history: history.tsv, one row an epoch.
        checkpoint: state after the last finished epoch, from which a killed training goes on.
    """

    model: Path
    history: Path
    checkpoint: Path
