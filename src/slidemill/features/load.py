"""A loaded encoder of each kind; each kind imports its library here and nowhere else."""

from pathlib import Path

from slidemill.features.encoder import Encoder, EncoderFileError, EncoderSetup
from slidemill.features.spec import EMBEDDED, EncoderSpec


def load_encoder(spec: EncoderSpec, setup: EncoderSetup) -> Encoder:
    """Load an encoder.

    Raises:
        EncoderFileError: its file is missing, damaged, or another network.
        DeviceError: the device that was asked for is not there.
    """
    if spec.kind == "onnx":
        from slidemill.features.onnx_encoder import OnnxEncoder

        return OnnxEncoder(spec, setup)
    if spec.kind == "keras":
        from slidemill.features.keras_encoder import KerasEncoder

        return KerasEncoder(spec, setup)
    from slidemill.features.torch_encoder import TorchEncoder

    return TorchEncoder(spec, setup)


def weights_of(spec: EncoderSpec) -> Path:
    """The file with an encoder's weights.

    Raises:
        EncoderFileError: there is none.
    """
    if spec.file is not None:
        return spec.file
    if spec.name != EMBEDDED:
        raise EncoderFileError(spec, "its weights are in no file that is known")
    from slidemill.features.efficientnet_lite0 import weights_file

    try:
        return weights_file()
    except FileNotFoundError as error:
        raise EncoderFileError(spec, str(error)) from None
