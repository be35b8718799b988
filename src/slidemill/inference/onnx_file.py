"""model.onnx: a network and what slidemill knows of it, in the file's own metadata."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from slidemill.machine import machine_trouble
from slidemill.training.description import ModelDescription, ModelFileError, OtherFormatError

# The key under which a file holds it, as JSON. `session.get_modelmeta().custom_metadata_map` of onnxruntime has it.
ENTRY = "slidemill"

OnnxPrecision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[OnnxPrecision, ...] = get_args(OnnxPrecision)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxFacts:
    """What one has to know of an ONNX file to use it.

    Attributes:
        description: of the model that it was made of.
        model_sha256: of that model.keras.
        precision: of weights and computation.
        check: how far its scores are from that model's, see `slidemill.export.drift`.
    """

    description: ModelDescription
    model_sha256: str
    precision: OnnxPrecision
    check: Mapping[str, Any] = field(default_factory=dict)


def serialised(network: Any, facts: OnnxFacts) -> bytes:
    """The bytes of a file with a network, an onnx.ModelProto, and what is known of it."""
    import onnx

    described = onnx.ModelProto()
    described.CopyFrom(network)
    described.producer_name = "slidemill"
    told = asdict(facts) | {"description": facts.description.as_values()}
    described.doc_string = f"Scores of {', '.join(facts.description.classes)} by {facts.description.architecture}."
    onnx.helper.set_model_props(described, {ENTRY: json.dumps(told, sort_keys=True)})
    return bytes(described.SerializeToString(deterministic=True))


def read_facts(path: Path) -> OnnxFacts:
    """Read what an ONNX file says of its network.

    Raises:
        ModelFileError: the file is missing, damaged, or was not written by slidemill.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        network = onnx.load(path, load_external_data=False)
    except FileNotFoundError:
        raise ModelFileError(path, "there is no such model file") from None
    except (OSError, DecodeError) as error:
        if trouble := machine_trouble(error, path):
            raise trouble from error
        raise ModelFileError(path, "not a whole ONNX file") from error
    try:
        values = json.loads({entry.key: entry.value for entry in network.metadata_props}[ENTRY])
        return OnnxFacts(**values | {"description": ModelDescription.from_values(values["description"])})
    except OtherFormatError as error:
        raise ModelFileError(path, str(error)) from None
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(path, "an ONNX file without a description of its classes") from error
