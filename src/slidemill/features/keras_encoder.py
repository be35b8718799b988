"""Encoders of keras.applications, and whole networks in .keras files; imports TensorFlow.

A tile is resized and prepared in the same graph as the network. As with ONNX each batch is computed by one thread on
CPUs, and as many at once as there are threads.
"""

import os
import sys
import warnings
import zipfile
from collections.abc import Callable

import numpy as np

from slidemill.features.encoder import DeviceError, EncoderFileError, EncoderSetup, Features, LoadedFacts
from slidemill.features.parts import Parts
from slidemill.features.spec import EncoderSpec
from slidemill.hashing import file_sha256

# They only count before the first import, as in slidemill.training.backend, which is a layer above.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

_POLICIES = {"float32": "float32", "float16": "mixed_float16", "bfloat16": "mixed_bfloat16"}


class KerasEncoder:
    """A Keras network; see `Encoder`."""

    def __init__(self, spec: EncoderSpec, setup: EncoderSetup) -> None:
        """Load a network.

        Raises:
            EncoderFileError: the file is damaged, or is not of this network.
            DeviceError: a GPU was asked for and TensorFlow has none.
        """
        on_gpu = _configure(spec, setup)
        self._shape = setup.batch_shape(on_gpu=on_gpu)
        self.batch_size = self._shape[0]
        precision = setup.precision or ("float16" if on_gpu else "float32")
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy(_POLICIES[precision])
        try:
            network, prepare = _whole_network(spec) if spec.architecture is None else _application(spec)
        finally:
            keras.config.set_dtype_policy(policy)
        if len(network.output_shape) != 2 or spec.dimension not in (None, network.output_shape[1]):
            expected = f"(tiles, {spec.dimension or 'numbers'})"
            raise EncoderFileError(spec, f"its output is {network.output_shape}, and not {expected}")
        fit = _fit(spec, setup.tile_size)

        def encode(tiles: tf.Tensor) -> tf.Tensor:
            return tf.cast(network(prepare(fit(tf.cast(tiles, tf.float32))), training=False), tf.float32)

        self._encode = tf.function(encode, autograph=False)
        self._parts = Parts(self.batch_size, is_full=lambda error: isinstance(error, tf.errors.ResourceExhaustedError))
        self.workers = 1 if on_gpu else setup.threads
        self.ahead = 2 if on_gpu else 0
        assert spec.file is not None  # noqa: S101 - no encoder of Keras is without
        self.facts = LoadedFacts(
            dimension=network.output_shape[1],
            weights_sha256=file_sha256(spec.file),
            precision=precision,
            device="GPU" if on_gpu else "CPU",
            versions={"keras": keras.__version__, "tensorflow": tf.__version__},
        )

    def new_batch(self) -> np.ndarray:
        """Memory for a batch of tiles."""
        return np.zeros(self._shape, np.uint8)

    def submit(self, tiles: np.ndarray) -> Features:
        """Encode a batch; on a GPU TensorFlow gives the result before it is there."""
        parts = self._parts.encode(tf.convert_to_tensor(tiles), self._encode)
        return lambda: np.concatenate([part.numpy() for part in parts])


def _configure(spec: EncoderSpec, setup: EncoderSetup) -> bool:
    """Let operations use one thread each, and choose the device; whether it is a GPU."""
    gpus = tf.config.list_physical_devices("GPU")
    if setup.device == "cuda" and not gpus:
        raise DeviceError(spec.name, setup.device, "TensorFlow finds no GPU")
    if setup.device == "cpu":
        tf.config.set_visible_devices([], "GPU")
        gpus = []
    if tf.config.threading.get_intra_op_parallelism_threads() != 1:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(setup.threads)
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_op_determinism()
    return bool(gpus)


def _application(spec: EncoderSpec) -> tuple[keras.Model, Callable[[tf.Tensor], tf.Tensor]]:
    builder = getattr(keras.applications, spec.architecture or "", None)
    if builder is None:
        raise EncoderFileError(spec, f"keras.applications has no {spec.architecture}")
    side = spec.input_size
    try:
        network = builder(
            include_top=False, weights=None, input_shape=(side, side, 3), pooling="avg", **(spec.arguments or {})
        )
        with warnings.catch_warnings():  # of what then ends in an error
            warnings.simplefilter("ignore")
            network.load_weights(spec.file)
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise EncoderFileError(spec, f"not the weights of {spec.architecture} ({_line(error)})") from None
    # Beside each architecture stands what its published weights expect of their input.
    return network, sys.modules[builder.__module__].preprocess_input


def _whole_network(spec: EncoderSpec) -> tuple[keras.Model, Callable[[tf.Tensor], tf.Tensor]]:
    try:
        network = keras.saving.load_model(spec.file, compile=False, safe_mode=True)
    except (ValueError, OSError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise EncoderFileError(spec, f"not a network that Keras can load ({_line(error)})") from None
    side = spec.input_size
    if network.input_shape[1:] != (side, side, 3):
        raise EncoderFileError(spec, f"its input is {network.input_shape}, and not (tiles, {side}, {side}, 3)")
    if spec.normalisation is None:
        return network, lambda pixels: pixels
    offset, scale = (
        255.0 * np.array(values, np.float32) for values in (spec.normalisation.mean, spec.normalisation.std)
    )
    return network, lambda pixels: (pixels - offset) / scale


def _fit(spec: EncoderSpec, tile_size: int) -> Callable[[tf.Tensor], tf.Tensor]:
    side = spec.input_size
    if tile_size == side:
        return lambda tiles: tiles
    if spec.fit == "crop":
        start = (tile_size - side) // 2
        return lambda tiles: tiles[:, start : start + side, start : start + side]
    return lambda tiles: tf.image.resize(tiles, (side, side), method="bilinear", antialias=True)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
