"""The interface of a loaded encoder, whatever library runs it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.features.spec import EncoderSpec
from slidemill.features.store import Precision

Device = Literal["auto", "cpu", "cuda"]


class EncoderFileError(SlidemillError):
    """A file that does not hold the encoder that it should."""

    def __init__(self, spec: EncoderSpec, reason: str) -> None:
        super().__init__(spec.name, reason)
        self.spec = spec
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"encoder {self.spec.name}: {self.spec.file or self.spec.source}: {self.reason}. Give "
            f"features.encoders.{self.spec.name} the right file."
        )


class DeviceError(SlidemillError):
    """A device that was asked for and is not there."""

    def __init__(self, encoder: str, device: str, found: str) -> None:
        super().__init__(encoder, device, found)
        self.encoder = encoder
        self.device = device
        self.found = found

    def __str__(self) -> str:
        return (
            f"encoder {self.encoder}: features.device is {self.device}, and {self.found}. Set it to auto or cpu, or "
            "run where the device is."
        )


@dataclass(frozen=True, slots=True)
class EncoderSetup:
    """How an encoder is to run.

    Attributes:
        tile_size: pixels, side of the tiles that it gets.
        batch_size: tiles that are encoded at once; None for 16 on CPUs and 256 on GPUs.
        threads: CPU threads.
        device: "auto" for a GPU where there is one.
        precision: of the computation; None for the encoder's own choice: half on GPUs, float32 on CPUs.
    """

    tile_size: int
    batch_size: int | None = None
    threads: int = 1
    device: Device = "auto"
    precision: Precision | None = None

    def batch_shape(self, *, on_gpu: bool) -> tuple[int, int, int, int]:
        """Of a batch of tiles."""
        return self.batch_size or (256 if on_gpu else 16), self.tile_size, self.tile_size, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedFacts:
    """What a loaded encoder tells of itself.

    Attributes:
        dimension: numbers for each tile.
        weights_sha256: of the file with its weights.
        precision: of the computation.
        device: on which it runs, in words.
        versions: the software that runs it.
    """

    dimension: int
    weights_sha256: str
    precision: Precision
    device: str
    versions: dict[str, str] = field(default_factory=dict)


Features = Callable[[], np.ndarray]  # waits until features are there: (tiles, dimension) float32


class Encoder(Protocol):
    """A loaded encoder.

    Attributes:
        facts: what it tells of itself.
        batch_size: tiles that are encoded at once.
        workers: batches that are to be submitted at once, each by a thread of its own.
        ahead: batches that a thread submits before it asks for the features of the first.
    """

    facts: LoadedFacts
    batch_size: int
    workers: int
    ahead: int

    def new_batch(self) -> np.ndarray:
        """Memory for a batch of tiles, (batch_size, tile_size, tile_size, 3) uint8 RGB, to be used again and again."""
        ...

    def submit(self, tiles: np.ndarray) -> Features:
        """Begin to encode a batch that `new_batch` gave, full.

        When this returns the batch may be written to again. The features of a tile do not depend on the other tiles of
        its batch, nor on its place in it.
        """
        ...
