"""Encoders in ONNX files, run by onnxruntime.

A tile is resized and normalised by a small network of its own, put in front of the encoder's, because files have all
versions of the format.

On CPUs each batch is computed by one thread, and as many batches at once as there are threads: that is what takes least
time for many batches, and features do not depend on the number of threads.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from slidemill.features.efficientnet_lite0 import as_onnx, weights_file
from slidemill.features.encoder import DeviceError, EncoderFileError, EncoderSetup, Features, LoadedFacts
from slidemill.features.legacy_pickle import LegacyPickleError
from slidemill.features.parts import Parts
from slidemill.features.spec import EMBEDDED, EncoderSpec, Normalisation
from slidemill.hashing import file_sha256
from slidemill.onnx_session import CPU, NetworkError, ProviderMissingError, find_provider, one_line, open_session

_OPSET = 18  # the first whose Resize does not alias
_IR_VERSION = 8

_LOG = logging.getLogger(__name__)


class OnnxEncoder:
    """An ONNX network; see `Encoder`."""

    def __init__(self, spec: EncoderSpec, setup: EncoderSetup) -> None:
        """Load a network.

        Raises:
            EncoderFileError: the file is damaged, or does not take what the encoder's entry says.
            DeviceError: a GPU was asked for and onnxruntime has none.
        """
        providers = _providers(spec, setup)
        self._shape = setup.batch_shape(on_gpu=providers != [CPU])
        self.batch_size = self._shape[0]
        weights = spec.file or _embedded_weights(spec)
        self._network = _session(spec, _content(spec, weights), providers)
        image = self._network.get_inputs()[0]
        channels_first = _has_channels_first(spec, image.shape)
        self._image_name = image.name
        self._output = spec.output or self._network.get_outputs()[0].name
        self._preparation = _session(spec, _preparation(spec, setup.tile_size, channels_first), providers)
        self._parts = Parts(self.batch_size, is_full=_is_memory_full)
        self.workers = setup.threads if providers == [CPU] else 1
        self.ahead = 0
        self.facts = LoadedFacts(
            dimension=self._dimension(spec),
            weights_sha256=file_sha256(weights),
            precision="float32",
            device=providers[0],
            versions={"onnxruntime": ort.__version__},
        )

    def new_batch(self) -> np.ndarray:
        """Memory for a batch of tiles."""
        return np.zeros(self._shape, np.uint8)

    def submit(self, tiles: np.ndarray) -> Features:
        """Encode a batch."""
        features = np.concatenate(self._parts.encode(tiles, self._features))
        return lambda: features

    def _features(self, tiles: np.ndarray) -> np.ndarray:
        # Values of onnxruntime's own, so that prepared tiles stay on the device.
        (prepared,) = self._preparation.run_with_ort_values(
            ["prepared"], {"tiles": ort.OrtValue.ortvalue_from_numpy(tiles)}
        )
        (features,) = self._network.run_with_ort_values([self._output], {self._image_name: prepared})
        return np.asarray(features.numpy(), np.float32)

    def _dimension(self, spec: EncoderSpec) -> int:
        """From a batch of nothing, which also shows that the network takes such batches."""
        try:
            features = self.submit(self.new_batch())()
        except Exception as error:
            raise EncoderFileError(spec, f"it cannot encode {self._shape[0]} tiles: {one_line(error)}") from None
        if features.ndim != 2 or len(features) != self._shape[0]:
            reason = f"its output {self._output!r} is {features.shape} for {self._shape[0]} tiles, and not a row each"
            raise EncoderFileError(spec, reason)
        if spec.dimension not in (None, features.shape[1]):
            raise EncoderFileError(spec, f"it gives {features.shape[1]} numbers a tile, and not {spec.dimension}")
        return int(features.shape[1])


def _is_memory_full(error: Exception) -> bool:
    """There is no class of errors for that, and each of the libraries below onnxruntime has its own words."""
    told = str(error).lower()
    return any(words in told for words in ("failed to allocate memory", "out of memory", "alloc_failed"))


def _embedded_weights(spec: EncoderSpec) -> Path:
    try:
        return weights_file()
    except FileNotFoundError as error:
        raise EncoderFileError(spec, str(error)) from None


def _content(spec: EncoderSpec, weights: Path) -> bytes:
    if spec.name != EMBEDDED:
        return weights.read_bytes()
    try:
        return as_onnx(weights)
    except (LegacyPickleError, KeyError) as error:
        raise EncoderFileError(spec, f"not the weights of this network ({error})") from None


def _providers(spec: EncoderSpec, setup: EncoderSetup) -> list[str]:
    try:
        return find_provider(setup.device)
    except ProviderMissingError:
        raise DeviceError(spec.name, setup.device, "this onnxruntime knows CPUs only") from None


def _session(spec: EncoderSpec, network: bytes, providers: list[str]) -> Any:
    try:
        return open_session(network, providers)
    except NetworkError as error:
        raise EncoderFileError(spec, str(error)) from None
    except ProviderMissingError as error:
        raise DeviceError(spec.name, providers[0], f"onnxruntime runs it on {', '.join(error.there)}") from None


def _has_channels_first(spec: EncoderSpec, shape: list[object]) -> bool:
    first, last = [3, spec.input_size, spec.input_size], [spec.input_size, spec.input_size, 3]
    for sides, is_first in ((first, True), (last, False)):
        if len(shape) == 4 and all(
            not isinstance(own, int) or own == side for own, side in zip(shape[1:], sides, strict=True)
        ):
            return is_first
    raise EncoderFileError(spec, f"its input is {shape}, and not (tiles, 3, {spec.input_size}, {spec.input_size})")


def _preparation(spec: EncoderSpec, tile_size: int, channels_first: bool) -> bytes:
    """From tiles, (n, side, side, 3) uint8, to the network's input, float32."""
    side, rows_and_columns = spec.input_size, [2, 3] if channels_first else [1, 2]
    constants = _normalisation(spec, [1, 3, 1, 1] if channels_first else [1, 1, 1, 3])
    nodes = [
        helper.make_node("Transpose", ["tiles"], ["arranged"], perm=[0, 3, 1, 2])
        if channels_first
        else helper.make_node("Identity", ["tiles"], ["arranged"]),
        helper.make_node("Cast", ["arranged"], ["pixels"], to=TensorProto.FLOAT),
    ]
    if tile_size == side:
        nodes.append(helper.make_node("Identity", ["pixels"], ["fitted"]))
    elif spec.fit == "crop":
        start = (tile_size - side) // 2
        constants |= {
            "start": np.array([start, start], np.int64),
            "end": np.array([start + side, start + side], np.int64),
            "axes": np.array(rows_and_columns, np.int64),
        }
        nodes.append(helper.make_node("Slice", ["pixels", "start", "end", "axes"], ["fitted"]))
    else:
        constants["sizes"] = np.array([side, side], np.int64)
        resize: dict[str, Any] = {
            "axes": rows_and_columns,
            "mode": "linear",
            "antialias": 1,
            "coordinate_transformation_mode": "half_pixel",
        }
        nodes.append(helper.make_node("Resize", ["pixels", "", "", "sizes"], ["fitted"], **resize))
    nodes.append(helper.make_node("Sub", ["fitted", "offset"], ["centred"]))
    nodes.append(helper.make_node("Div", ["centred", "scale"], ["prepared"]))
    shape: list[str | int] = ["n", 3, side, side] if channels_first else ["n", side, side, 3]
    graph = helper.make_graph(
        nodes,
        "preparation",
        [helper.make_tensor_value_info("tiles", TensorProto.UINT8, ["n", tile_size, tile_size, 3])],
        [helper.make_tensor_value_info("prepared", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    return bytes(model.SerializeToString())


def _normalisation(spec: EncoderSpec, shape: list[int]) -> dict[str, np.ndarray]:
    """What is taken away from pixels of 0 to 255, and what they are then divided by."""
    normalisation = spec.normalisation or Normalisation(mean=(0.0, 0.0, 0.0), std=(1 / 255, 1 / 255, 1 / 255))
    return {
        "offset": np.float32(255) * np.array(normalisation.mean, np.float32).reshape(shape),
        "scale": np.float32(255) * np.array(normalisation.std, np.float32).reshape(shape),
    }
