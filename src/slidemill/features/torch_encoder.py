"""Encoders of PyTorch, on CPUs and on GPUs; imports torch.

On a GPU tiles travel as bytes from pinned memory on a stream of their own while the network computes, are resized and
normalised there, and features are fetched some batches later. Weights are bfloat16, which takes a third less time than
letting each layer convert them.
"""

from typing import Any

import numpy as np
import torch

from slidemill.features.encoder import DeviceError, EncoderFileError, EncoderSetup, Features, LoadedFacts
from slidemill.features.parts import Parts
from slidemill.features.spec import EncoderSpec
from slidemill.features.torch_network import load_network
from slidemill.hashing import file_sha256

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
_AHEAD = 4  # batches in work on a GPU before the features of the first are fetched


class TorchEncoder:
    """A network of PyTorch; see `Encoder`."""

    def __init__(self, spec: EncoderSpec, setup: EncoderSetup) -> None:
        """Load a network.

        Raises:
            EncoderFileError: the file is damaged, or is not of this network.
            DeviceError: a GPU was asked for and torch has none.
        """
        self._on_gpu = _configure(spec, setup)
        self._device = torch.device("cuda" if self._on_gpu else "cpu")
        self._shape = setup.batch_shape(on_gpu=self._on_gpu)
        self.batch_size = self._shape[0]
        precision = setup.precision or ("bfloat16" if self._on_gpu else "float32")
        self._network = load_network(spec).to(self._device, _DTYPES[precision])
        self._prepare = _Preparation(spec, setup.tile_size).to(self._device)
        self._dtype = _DTYPES[precision]
        self._copies: Any = torch.cuda.Stream() if self._on_gpu else None
        self._parts = Parts(self.batch_size, is_full=_is_memory_full)
        self.workers = 1 if self._on_gpu else setup.threads
        self.ahead = _AHEAD if self._on_gpu else 0
        assert spec.file is not None  # noqa: S101 - no encoder of torch is without
        self.facts = LoadedFacts(
            dimension=self._dimension(spec),
            weights_sha256=file_sha256(spec.file),
            precision=precision,
            device=torch.cuda.get_device_name() if self._on_gpu else "CPU",
            versions={"torch": torch.__version__} | _version_of_timm(spec),
        )

    def new_batch(self) -> np.ndarray:
        """Memory for a batch of tiles; pinned, where a GPU is to fetch it."""
        return torch.zeros(self._shape, dtype=torch.uint8, pin_memory=self._on_gpu).numpy()

    def submit(self, tiles: np.ndarray) -> Features:
        """Encode a batch, or begin to on a GPU."""
        batch = torch.from_numpy(tiles)
        with torch.inference_mode():
            if not self._on_gpu:
                features = self._encoded(batch)
                return lambda: features.numpy()
            with torch.cuda.stream(self._copies):
                there = batch.to(self._device, non_blocking=True)
                copied = torch.cuda.Event()
                copied.record(self._copies)
            torch.cuda.current_stream().wait_event(copied)
            there.record_stream(torch.cuda.current_stream())
            features = self._encoded(there)
            copied.synchronize()  # then the batch may be written to again
        return lambda: features.cpu().numpy()

    def _encoded(self, tiles: torch.Tensor) -> torch.Tensor:
        parts = self._parts.encode(tiles, lambda part: self._network(self._prepare(part).to(self._dtype)))
        return torch.cat(parts).float()

    def _dimension(self, spec: EncoderSpec) -> int:
        try:
            features = self.submit(self.new_batch()[:1])()
        except (RuntimeError, AssertionError, TypeError) as error:
            raise EncoderFileError(spec, f"it cannot encode a tile ({' '.join(str(error).split())[:300]})") from None
        if features.ndim != 2 or spec.dimension not in (None, features.shape[1]):
            expected = f"(tiles, {spec.dimension or 'numbers'})"
            raise EncoderFileError(spec, f"its output is {features.shape} for one tile, and not {expected}")
        return int(features.shape[1])


def _is_memory_full(error: Exception) -> bool:
    if not isinstance(error, torch.cuda.OutOfMemoryError):
        return False
    torch.cuda.empty_cache()
    return True


class _Preparation(torch.nn.Module):  # type: ignore[misc] # torch is not where types are checked
    """From tiles, (n, side, side, 3) uint8, to the network's input, float32."""

    def __init__(self, spec: EncoderSpec, tile_size: int) -> None:
        super().__init__()
        self._side = spec.input_size
        self._tile_size = tile_size
        self._crops = spec.fit == "crop"
        normalisation = spec.normalisation
        mean = normalisation.mean if normalisation else (0.0, 0.0, 0.0)
        std = normalisation.std if normalisation else (1 / 255, 1 / 255, 1 / 255)
        self.register_buffer("_mean", 255 * torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("_std", 255 * torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        side = self._side
        if self._crops and self._tile_size != side:
            start = (self._tile_size - side) // 2
            tiles = tiles[:, start : start + side, start : start + side]
        pixels = tiles.permute(0, 3, 1, 2).float()
        if pixels.shape[2] != side:
            pixels = torch.nn.functional.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
        return (pixels - self._mean) / self._std


def _configure(spec: EncoderSpec, setup: EncoderSetup) -> bool:
    """Let each batch be computed by one thread, and choose the device; whether it is a GPU."""
    has_gpu = torch.cuda.is_available()
    if setup.device == "cuda" and not has_gpu:
        raise DeviceError(spec.name, setup.device, "torch finds no GPU")
    torch.set_num_threads(1)
    if has_gpu and setup.device != "cpu":
        torch.backends.cudnn.benchmark = False  # which would choose by time, and not always the same
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        return True
    return False


def _version_of_timm(spec: EncoderSpec) -> dict[str, str]:
    if spec.architecture is None:
        return {}
    import timm

    return {"timm": timm.__version__}
