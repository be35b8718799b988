"""What the user chooses of a linear probe, and where its results go."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from slidemill.annotations.decide import AnnotatedTiles
from slidemill.errors import ConfigError
from slidemill.sampling import Sampling

Balance = Literal["none", "class", "slide", "patient"]
BALANCES: tuple[Balance, ...] = get_args(Balance)


@dataclass(frozen=True, slots=True)
class ProbeParameters:
    """How a probe is fitted.

    Attributes:
        l2: strengths of the penalty that are tried, see `slidemill.probe.regression`.
        balance: "none", all tiles weigh the same; or "class", "slide", "patient": all classes, slides or patients do,
            and their tiles share it. No tile is left out.
        max_iterations: of the solver, for each strength.
    """

    l2: tuple[float, ...]
    balance: Balance = "class"
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        if not self.l2 or not all(0 < strength < math.inf for strength in self.l2):
            raise ConfigError(f"probe.l2 is {list(self.l2)}: expected numbers above 0. Correct it in the config.")
        if self.max_iterations < 1:
            raise ConfigError(f"probe.max_iterations is {self.max_iterations}: expected at least 1.")


@dataclass(frozen=True, slots=True)
class ProbeInputs:
    """Files to read.

    Attributes:
        splits: splits.tsv.
        tiles: folder of the tile stores.
        features: folder of the features of one encoder.
        annotated: gives the classes of tiles; None: they have that of their slide.
        sampling: which train tiles are used; None for all that have a class.
    """

    splits: Path
    tiles: Path
    features: Path
    annotated: AnnotatedTiles | None = None
    sampling: Sampling | None = None


@dataclass(frozen=True, slots=True)
class ProbeOutputs:
    """Files to write, each atomically.

    Attributes:
        model: model.keras.
        history: history.tsv, a row for each strength.
        facts: probe.json, what was fitted on what.
    """

    model: Path
    history: Path
    facts: Path
