"""The names of the architectures and the inputs that they take, known without TensorFlow."""

import difflib

from slidemill.errors import SlidemillError

SMALL_CNN = "small_cnn"

# Least side of the input in pixels: with less nothing is left of it, or keras.applications refuses it.
_DEFAULT_LEAST = 32
_LEAST_INPUT = {
    SMALL_CNN: 15,
    "InceptionResNetV2": 75,
    "InceptionV3": 75,
    "Xception": 71,
    **dict.fromkeys(
        [
            *(f"ConvNeXt{size}" for size in ("Base", "Large", "Small", "Tiny", "XLarge")),
            *(f"DenseNet{layers}" for layers in (121, 169, 201)),
            *(f"EfficientNetB{number}" for number in range(8)),
            *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "L", "M", "S")),
            *("MobileNet", "MobileNetV2", "MobileNetV3Large", "MobileNetV3Small"),
            *("NASNetLarge", "NASNetMobile"),
            *(f"ResNet{layers}{version}" for layers in (50, 101, 152) for version in ("", "V2")),
            *("VGG16", "VGG19"),
        ],
        _DEFAULT_LEAST,
    ),
}
_CLOSE_NAMES = 3


class ArchitectureError(SlidemillError):
    """An architecture that does not exist, or that cannot take the input size."""


def architectures() -> list[str]:
    """The names of all architectures: small_cnn, and the models of keras.applications."""
    return [SMALL_CNN, *sorted(name for name in _LEAST_INPUT if name != SMALL_CNN)]


def check_architecture(name: str, input_size: int) -> None:
    """Check that there is such an architecture, and that it takes inputs of this side in pixels.

    Raises:
        ArchitectureError: there is none of this name, or the input is too small for it.
    """
    if name not in _LEAST_INPUT:
        known = {architecture.lower(): architecture for architecture in architectures()}
        close = [known[found] for found in difflib.get_close_matches(name.lower(), known, n=_CLOSE_NAMES)]
        advice = f"Did you mean {' or '.join(close)}?" if close else f"Choose one of {', '.join(known.values())}."
        raise ArchitectureError(f"training.architecture '{name}' is not known. {advice}")
    if input_size < _LEAST_INPUT[name]:
        raise ArchitectureError(
            f"training.architecture {name} cannot take an input of {input_size} pixels. Raise training.input_size to "
            f"{_LEAST_INPUT[name]} or more."
        )
