"""The architectures. Each takes RGB values of 0 to 255 and gives class scores, its own preprocessing inside."""

import sys
from collections.abc import Callable

from slidemill.classifier.architectures import SMALL_CNN, check_architecture
from slidemill.training.backend import keras
from slidemill.training.head import classifier
from slidemill.training.parameters import Precision

# Batch statistics follow within some ten steps, as an epoch of a small cohort has no more.
_MOMENTUM = 0.9


def build_model(
    architecture: str, *, input_size: int, class_count: int, precision: Precision = "float32"
) -> keras.Model:
    """Build a model with random weights.

    Args:
        architecture: "small_cnn" or the name of a keras.applications model, such as "InceptionV3".
        input_size: pixels, side of the input.
        class_count: number of outputs.
        precision: of the computation in the layers; weights, logits and scores are float32.

    Returns:
        A model from (batch, input_size, input_size, 3) float32 RGB of 0 to 255 to (batch, class_count) float32
        softmax scores.

    Raises:
        ArchitectureError: there is no such architecture, or the input is too small for it.
    """
    check_architecture(architecture, input_size)
    features_of = _feature_builder(architecture)
    keras.utils.clear_session()  # layer names must not depend on what the process built before
    inputs = keras.Input((input_size, input_size, 3), name="rgb")
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision if precision == "float32" else f"mixed_{precision}")
    try:
        features = features_of(inputs)
    finally:
        keras.config.set_dtype_policy(policy)
    return classifier(inputs, features, class_count=class_count)


def network_of(model: keras.Model) -> keras.Model:
    """The network of keras.applications inside a model; of the model `small_cnn`, itself."""
    return next((layer for layer in model.layers if isinstance(layer, keras.Model)), model)


def _feature_builder(architecture: str) -> Callable[[keras.KerasTensor], keras.KerasTensor]:
    if architecture == SMALL_CNN:
        return _small_cnn_features
    return lambda inputs: _application_features(architecture, inputs)


def _small_cnn_features(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Five convolutions whose average over the tile describes its texture; 0.17 million weights."""
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(inputs)
    x = _convolution(x, 1, filters=16, side=5, strides=2)
    for block, filters in enumerate((32, 64, 96, 128), 2):
        x = _convolution(x, block, filters=filters, side=3, strides=1)
        x = keras.layers.MaxPooling2D(name=f"pool_{block}")(x) if block < 5 else x
    return keras.layers.GlobalAveragePooling2D(name="average")(x)


def _convolution(x: keras.KerasTensor, block: int, *, filters: int, side: int, strides: int) -> keras.KerasTensor:
    x = keras.layers.Conv2D(
        filters, side, strides=strides, padding="same", use_bias=False, name=f"convolution_{block}"
    )(x)
    x = keras.layers.BatchNormalization(momentum=_MOMENTUM, name=f"normalization_{block}")(x)
    return keras.layers.ReLU(name=f"relu_{block}")(x)


def _application_features(architecture: str, inputs: keras.KerasTensor) -> keras.KerasTensor:
    builder = getattr(keras.applications, architecture)
    # Beside each architecture stands what its published weights expect of their input.
    preprocess = sys.modules[builder.__module__].preprocess_input
    base = builder(include_top=False, weights=None, input_shape=inputs.shape[1:], pooling="avg")
    return base(preprocess(inputs))
