"""What the user chooses of the training of a model of bags."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from slidemill.mil.parameters import (
    BAGS_OF,
    BALANCES,
    BATCH_SIZES,
    EPOCHS,
    INPUTS,
    LEARNING_RATES,
    POOLINGS,
    SMALLEST_SIDE,
    BagOf,
    Balance,
    DrawingParameters,
    MilModelParameters,
    Pooling,
    TileInput,
)
from slidemill.training.parameters import TrainingParameters

# What a model of bags takes of the config's section `training`.
FROM_TRAINING = (
    *("label_smoothing", "class_weights", "optimizer", "warm_up_epochs", "decay", "decay_epochs", "decay_factor"),
    *("clip_norm", "precision", "compression", "checkpoint_steps", "stall_seconds"),
)


# And one that learns from pixels, besides.
PIXELS_FROM_TRAINING = ("input_size",)

_BY_INPUT: Mapping[str, Mapping[TileInput, float]] = {
    "epochs": EPOCHS,
    "batch_size": BATCH_SIZES,
    "learning_rate": LEARNING_RATES,
}


def mil_section(config: Mapping[str, Any]) -> dict[str, Any]:
    """The section `mil` of the config; where it leaves a value to the input, with that of its input."""
    section: dict[str, Any] = dict(config["mil"])
    left = [key for key in _BY_INPUT if section[key] is None]
    return section | {key: _BY_INPUT[key][section["input"]] for key in left}


@dataclass(frozen=True, slots=True, kw_only=True)
class MilParameters(TrainingParameters):
    """How a model of bags is trained.

    A batch is of all ranks together, so that `batch_size` and `learning_rate` mean the same on any number of them.

    Attributes:
        input: "features", what an encoder made of tiles; or "pixels", and all of the model learns.
        tiles: with pixels, so many tiles of each slide are taken, those with most tissue.
        input_size: with pixels, side of the model's input.
        colour_jitter: with pixels, strength of the H&E colour jitter, 0 for none.
        bag: "slide", each slide is one; or "patient", all slides of a patient are one.
        pooling, hidden, attention_width, dropout, ordered: see `MilModelParameters`.
        max_tiles, tile_dropout, balance: see `DrawingParameters`.
    """

    CHOICES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **TrainingParameters.CHOICES,
        "input": INPUTS,
        "bag": BAGS_OF,
        "pooling": POOLINGS,
        "balance": BALANCES,
    }
    OWN_SECTION: ClassVar[str] = "mil"
    OWN: ClassVar[frozenset[str]] = frozenset(
        {
            *("epochs", "batch_size", "learning_rate", "weight_decay", "patience"),
            *("input", "tiles", "colour_jitter", "bag", "pooling", "balance"),
        }
    )

    input: TileInput = "features"
    tiles: int = 16
    input_size: int = 128
    colour_jitter: float = 0.0
    bag: BagOf = "slide"
    pooling: Pooling = "gated_attention"
    hidden: tuple[int, ...] = (512,)
    attention_width: int = 128
    dropout: float = 0.25
    ordered: bool = False
    max_tiles: int | None = 4096
    tile_dropout: float = 0.0
    balance: Balance = "none"

    def __post_init__(self) -> None:
        TrainingParameters.__post_init__(self)  # `super()` does not work in classes with slots that dataclass made
        self.model, self.drawing  # noqa: B018 - which check their values
        self._check("tiles", 1, float("inf"), "a whole number of at least 1")
        self._check("input_size", SMALLEST_SIDE, float("inf"), f"a whole number of at least {SMALLEST_SIDE}")
        self._check("colour_jitter", 0, 0.999, "a number from 0 to below 1")

    @property
    def model(self) -> MilModelParameters:
        """How the model is built."""
        return MilModelParameters(
            pooling=self.pooling,
            hidden=self.hidden,
            attention_width=self.attention_width,
            dropout=self.dropout,
            ordered=self.ordered,
            seed=self.seed,
        )

    @property
    def drawing(self) -> DrawingParameters:
        """How bags and tiles are drawn."""
        return DrawingParameters(
            bags_per_step=self.batch_size,
            max_tiles=self.max_tiles,
            tile_dropout=self.tile_dropout,
            balance=self.balance,
            seed=self.seed,
        )
