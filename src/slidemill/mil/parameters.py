"""What the user chooses of multiple instance learning, known without TensorFlow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from slidemill.errors import ConfigError

Pooling = Literal["attention", "gated_attention", "mean", "max", "transformer", "additive"]
BagOf = Literal["slide", "patient"]
TileInput = Literal["features", "pixels"]
Balance = Literal["none", "class"]

POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
INPUTS: tuple[TileInput, ...] = get_args(TileInput)
BAGS_OF: tuple[BagOf, ...] = get_args(BagOf)
BALANCES: tuple[Balance, ...] = get_args(Balance)

# Where the config names none. A network of pixels has to go further than layers behind a pretrained encoder: by larger
# steps, and more of them.
EPOCHS: Mapping[TileInput, int] = {"features": 30, "pixels": 60}
LEARNING_RATES: Mapping[TileInput, float] = {"features": 0.0003, "pixels": 0.001}
BATCH_SIZES: Mapping[TileInput, int] = {"features": 8, "pixels": 4}

SMALLEST_SIDE = 11  # pixels; of smaller tiles the convolutions leave nothing

# Poolings that give every tile class scores of its own.
WITH_TILE_SCORES: tuple[Pooling, ...] = ("additive",)


class MilParameterError(ConfigError):
    """A parameter of multiple instance learning out of its range."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(name, value, expected)
        self.name = name
        self.value = value
        self.expected = expected

    def __str__(self) -> str:
        return f"mil.{self.name} is {self.value}: expected {self.expected}. Correct it in the config."


@dataclass(frozen=True, slots=True, kw_only=True)
class MilModelParameters:
    """How a model of bags is built.

    Attributes:
        pooling: from tiles to a bag, see `slidemill.mil.poolings`.
        hidden: widths of the layers that each tile goes through before; empty for none.
        attention_width: width of the layer inside the attention.
        dropout: share of the values behind each hidden layer that is left out at random in training.
        ordered: whether the classes are grades, from the lowest to the highest.
        seed: of initial weights and dropout.
    """

    pooling: Pooling = "gated_attention"
    hidden: tuple[int, ...] = (512,)
    attention_width: int = 128
    dropout: float = 0.25
    ordered: bool = False
    seed: int

    def __post_init__(self) -> None:
        if self.pooling not in POOLINGS:
            raise MilParameterError("pooling", self.pooling, " or ".join(POOLINGS))
        if not all(width >= 1 for width in self.hidden):
            raise MilParameterError("hidden", list(self.hidden), "whole numbers of at least 1")
        _check("attention_width", self.attention_width, 1, "a whole number of at least 1")
        _check_share("dropout", self.dropout)


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingParameters:
    """Which tiles and bags a training step learns from.

    Attributes:
        bags_per_step: of all ranks together; steps have one less where an epoch does not come out even.
        max_tiles: of a larger bag so many are drawn, anew in each epoch; None for all.
        tile_dropout: share of the tiles of each bag that is left out, anew in each epoch.
        balance: "class", all classes come up equally often in an epoch, which has as many bags as there are; or "none",
            each bag comes up once.
        seed: of all that is drawn.
    """

    bags_per_step: int = 8
    max_tiles: int | None = 4096
    tile_dropout: float = 0.0
    balance: Balance = "none"
    seed: int

    def __post_init__(self) -> None:
        _check("bags_per_step", self.bags_per_step, 1, "a whole number of at least 1")
        if self.max_tiles is not None:
            _check("max_tiles", self.max_tiles, 1, "a whole number of at least 1, or null")
        _check_share("tile_dropout", self.tile_dropout)
        if self.balance not in BALANCES:
            raise MilParameterError("balance", self.balance, " or ".join(BALANCES))


def _check(name: str, value: float, least: float, expected: str) -> None:
    if not value >= least:  # also refuses NaN
        raise MilParameterError(name, value, expected)


def _check_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise MilParameterError(name, value, "a number from 0 to below 1")
