"""What the user chooses of the training of a tile classifier."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, get_args

from slidemill.training.description import InputFit
from slidemill.training.parameters import TrainingParameters


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierParameters(TrainingParameters):
    """How a tile classifier is trained.

    Attributes:
        architecture: "small_cnn" or the name of a keras.applications model, such as "InceptionV3".
        input_size: pixels; side of the model's input.
        weights: file with weights to start from, None for random ones.
        input_fit: "resize" tiles to the input, or "crop" a part (at random for training, else the middle).
        colour_jitter: strength of the H&E colour jitter, 0 for none.
    """

    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **TrainingParameters.CHOICES,
        "input_fit": get_args(InputFit),
    }
    # Of the weights their content decides and not their place.
    OPERATIONAL: ClassVar[tuple[str, ...]] = (*TrainingParameters.OPERATIONAL, "weights")

    architecture: str
    input_size: int
    weights: Path | None = None
    input_fit: InputFit = "resize"
    colour_jitter: float = 0.0

    def __post_init__(self) -> None:
        TrainingParameters.__post_init__(self)  # `super()` does not work in classes with slots that dataclass made
        self._check("input_size", 1, float("inf"), "a whole number of at least 1")
        self._check("colour_jitter", 0, 0.999, "a number from 0 to below 1")
