"""Networks of PyTorch from files: of timm by the name of their architecture, or whole as TorchScript; imports torch.

No file may run anything: weights are safetensors, or pickles that torch reads with `weights_only`. They have to fit the
network to the last key.
"""

import pickle
import warnings
from collections.abc import Mapping
from typing import Any

import torch

from slidemill.features.encoder import EncoderFileError
from slidemill.features.spec import EncoderSpec

_INSIDE = ("model", "state_dict", "teacher")  # under which training programs put the weights


def load_network(spec: EncoderSpec) -> torch.nn.Module:
    """The network of an encoder, in float32 on the CPU, which gives (tiles, dimension), or tokens to pool.

    Raises:
        EncoderFileError: the file is damaged, or is not of this network.
    """
    network = _script(spec) if spec.architecture is None else _of_timm(spec)
    return _Pooled(network, spec).eval().requires_grad_(False)


def _of_timm(spec: EncoderSpec) -> torch.nn.Module:
    import timm

    arguments = dict(spec.arguments or {})
    # In data a layer has a name.
    if arguments.get("mlp_layer") == "SwiGLUPacked":
        arguments["mlp_layer"] = timm.layers.SwiGLUPacked
    if arguments.get("act_layer") == "SiLU":
        arguments["act_layer"] = torch.nn.SiLU
    try:
        network: torch.nn.Module = timm.create_model(spec.architecture, pretrained=False, num_classes=0, **arguments)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise EncoderFileError(spec, f"timm has no network {spec.architecture} like this ({_line(error)})") from None
    try:
        network.load_state_dict(_weights(spec), strict=True)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise EncoderFileError(spec, f"not the weights of {spec.architecture}: {_line(error)}") from None
    return network


def _weights(spec: EncoderSpec) -> Mapping[str, Any]:
    assert spec.file is not None  # noqa: S101 - no encoder of torch is without
    try:
        if spec.file.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(spec.file)
        content = torch.load(spec.file, map_location="cpu", weights_only=True)
    except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise EncoderFileError(spec, f"not weights that can be read ({_line(error)})") from None
    except Exception as error:
        if type(error).__name__ != "SafetensorError":
            raise
        raise EncoderFileError(spec, f"not weights that can be read ({_line(error)})") from None
    inside = next((key for key in _INSIDE if isinstance(content.get(key), Mapping)), None)
    return content[inside] if inside else content


def _script(spec: EncoderSpec) -> torch.nn.Module:
    try:
        with warnings.catch_warnings():  # torch advises against TorchScript
            warnings.filterwarnings("ignore", "`torch.jit", Warning)
            return torch.jit.load(str(spec.file), map_location="cpu")
    except (RuntimeError, OSError, ValueError) as error:
        raise EncoderFileError(
            spec, f"not a TorchScript file, which this encoder needs without an architecture ({_line(error)})"
        ) from None


class _Pooled(torch.nn.Module):  # type: ignore[misc] # torch is not where types are checked
    """Features of a tile from what a network gives for it."""

    def __init__(self, network: torch.nn.Module, spec: EncoderSpec) -> None:
        super().__init__()
        self._network = network
        self._pooling = spec.pooling
        self._prefix = spec.prefix_tokens

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        given = self._network(images)
        if given.ndim == 2:  # pooled already
            return given
        if given.ndim == 4:
            return given.mean(dim=(2, 3))
        if self._pooling == "average":
            return given[:, self._prefix :].mean(dim=1)
        first = given[:, 0]
        if self._pooling == "class":
            return first
        # Sums in float32, because there are hundreds of patches.
        patches = given[:, self._prefix :].mean(dim=1, dtype=torch.float32).to(first.dtype)
        return torch.cat([first, patches], dim=1)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
