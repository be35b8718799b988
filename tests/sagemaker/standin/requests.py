"""Requests as the service takes them: as strict as its model, and what its documentation says besides."""

import re
from collections.abc import Iterator
from typing import Any

import botocore.session
from botocore.model import Shape

_MAX_PAYLOAD_MB = 100  # of all requests to a container at a time
_MODEL = botocore.session.get_session().get_service_model("sagemaker")

# Java's classes of characters in Python's words.
_CLASSES = {r"\p{L}": r"\w", r"\p{Z}": r"\s", r"\p{N}": r"\d", r"\p{M}": "", r"\p{P}": r"!-/:-@\[-`{-~", r"\P{M}": "."}


def violations(operation: str, request: dict[str, Any]) -> list[str]:
    """All that is wrong with a request."""
    shape = _MODEL.operation_model(operation).input_shape
    found = list(_violations(shape, request, ""))
    if found:
        return [f"{len(found)} validation error{'s' * (len(found) > 1)} detected: {'; '.join(found)}"]
    checks = {"CreateTrainingJob": _training, "CreateProcessingJob": _processing, "CreateTransformJob": _transform}
    return list(checks[operation](request)) if operation in checks else []


def answer(operation: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Those of the facts that the answer to an operation has."""
    shape = _MODEL.operation_model(operation).output_shape
    return {key: value for key, value in facts.items() if key in shape.members}


def _violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for key in shape.required_members:
            if key not in value:
                yield f"Value null at '{_join(path, key)}' failed to satisfy constraint: Member must not be null"
        for key, inner in value.items():
            if key not in shape.members:
                yield f"Unknown member '{_join(path, key)}'"
            else:
                yield from _violations(shape.members[key], inner, _join(path, key))
        return
    yield from _size(shape, value, path)
    if shape.type_name == "list":
        for number, inner in enumerate(value, 1):
            yield from _violations(shape.member, inner, f"{path}.{number}.member")
    elif shape.type_name == "map":
        for key, inner in value.items():
            yield from _violations(shape.key, key, f"{path}.{key}.key")
            yield from _violations(shape.value, inner, f"{path}.{key}.value")
    elif shape.type_name == "string":
        yield from _text(shape, value, path)


def _size(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if not {"min", "max"} & shape.metadata.keys():
        return
    is_number = shape.type_name in ("integer", "long", "float", "double")
    size = value if is_number else len(value)
    what = "have value" if is_number else "have length"
    if size < shape.metadata.get("min", size):
        yield _failed(value, path, f"{what} greater than or equal to {shape.metadata['min']}")
    if size > shape.metadata.get("max", size):
        yield _failed(value, path, f"{what} less than or equal to {shape.metadata['max']}")


def _text(shape: Shape, value: str, path: str) -> Iterator[str]:
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed:
        yield _failed(value, path, f"satisfy enum value set: [{', '.join(allowed)}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not re.fullmatch(_python_pattern(pattern), value, re.DOTALL):
        yield _failed(value, path, f"satisfy regular expression pattern: {pattern}")


def _python_pattern(pattern: str) -> str:
    for java, python in _CLASSES.items():
        pattern = pattern.replace(java, python)
    return pattern


def _failed(value: object, path: str, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {constraint}"


def _join(path: str, key: str) -> str:
    key = key[0].lower() + key[1:]
    return f"{path}.{key}" if path else key


def _training(request: dict[str, Any]) -> Iterator[str]:
    stopping = request["StoppingCondition"]
    resources = request["ResourceConfig"]
    runtime, wait = stopping.get("MaxRuntimeInSeconds", 86400), stopping.get("MaxWaitTimeInSeconds")
    if request.get("EnableManagedSpotTraining"):
        if wait is None or wait < runtime:
            yield "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to MaxRuntimeInSeconds"
        if resources.get("KeepAlivePeriodInSeconds"):
            yield "KeepAlivePeriodInSeconds cannot be used with Managed Spot Training"
    elif wait is not None:
        yield "MaxWaitTimeInSeconds is only for Managed Spot Training"
    if not request["AlgorithmSpecification"].get("TrainingImage"):
        yield "You must specify a TrainingImage"
    names = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    if len(set(names)) < len(names):
        yield "ChannelName values must be unique"
    for channel in request.get("InputDataConfig", []):
        mode = channel.get("InputMode", request["AlgorithmSpecification"]["TrainingInputMode"])
        if mode == "FastFile" and channel["DataSource"]["S3DataSource"]["S3DataType"] != "S3Prefix":
            yield f"FastFile mode of channel {channel['ChannelName']} only supports S3Prefix"
        if channel.get("ShuffleConfig") and mode != "Pipe":
            yield f"ShuffleConfig of channel {channel['ChannelName']} is only for Pipe mode"


def _processing(request: dict[str, Any]) -> Iterator[str]:
    if not request["AppSpecification"].get("ContainerEntrypoint"):
        yield "the stand-in knows no image's entrypoint: give ContainerEntrypoint"
    places = [entry["S3Input"]["LocalPath"] for entry in request.get("ProcessingInputs", [])]
    outputs = request.get("ProcessingOutputConfig", {}).get("Outputs", [])
    places += [entry["S3Output"]["LocalPath"] for entry in outputs]
    for place in places:
        if not place.startswith("/opt/ml/processing/"):
            yield f"LocalPath {place} must be under /opt/ml/processing/"


def _transform(request: dict[str, Any]) -> Iterator[str]:
    if request.get("MaxConcurrentTransforms", 1) * request.get("MaxPayloadInMB", 6) > _MAX_PAYLOAD_MB:
        yield f"MaxConcurrentTransforms * MaxPayloadInMB must not exceed {_MAX_PAYLOAD_MB}"
