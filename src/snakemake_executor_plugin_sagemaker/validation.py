"""Requests checked against botocore's own model of the service, before they are sent.

boto3 checks types and required members only. The model knows more (values that an enumeration allows, patterns,
lengths, ranges), and the service refuses what breaks it; here it is refused at once, and in the user's words.
"""

import difflib
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import botocore
import botocore.session
from botocore.model import ServiceModel, Shape

# Where the user sets what stands in a field.
SOURCES = {
    "InstanceType": "sagemaker_instance_type or --sagemaker-instance-type",
    "InstanceCount": "sagemaker_instance_count",
    "VolumeSizeInGB": "sagemaker_volume_gb, disk_mb or --sagemaker-volume-gb",
    "TrainingImage": "sagemaker_image or --sagemaker-image",
    "ImageUri": "sagemaker_image or --sagemaker-image",
    "RoleArn": "--sagemaker-role",
    "MaxRuntimeInSeconds": "runtime or --sagemaker-runtime",
    "MaxWaitTimeInSeconds": "sagemaker_max_wait",
    "KeepAlivePeriodInSeconds": "sagemaker_keep_alive",
    "Tags": "sagemaker_tags or --sagemaker-tags",
    "Subnets": "sagemaker_subnets or --sagemaker-subnets",
    "SecurityGroupIds": "sagemaker_security_groups or --sagemaker-security-groups",
    "InputDataConfig": "sagemaker_channels",
    "CheckpointConfig": "sagemaker_checkpoints",
    "S3OutputPath": "--sagemaker-staging",
    "Environment": "--sagemaker-staging",
}
# What Java writes otherwise than Python in a set of characters.
_JAVA = {
    r"[\p{Print}]": "[ -~]",
    r"\p{Print}": "[ -~]",
    r"\p{L}": "a-zA-Z\u00c0-\uffdc",
    r"\p{Z}": " \u00a0\u2000-\u200a",
    r"\p{N}": "0-9",
    r"\p{M}": "",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\uD800\uDC00-\uDBFF\uDFFF": "\U00010000-\U0010ffff",
}
_NUMBERS = ("integer", "long", "float", "double")


def find_problems(
    operation: str, request: dict[str, Any], *, service: str = "sagemaker", sources: Mapping[str, str] = SOURCES
) -> list[str]:
    """Sentences on what the service would refuse, each with its field and where the user sets it.

    Args:
        service: as botocore calls it.
        sources: where the user sets what stands in a field.
    """
    shape = _service_model(service).operation_model(operation).input_shape
    return [f"{path}: {problem}{_source(path, sources)}" for path, problem in _check(shape, request, "")]


@functools.cache
def _service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def _source(path: str, sources: Mapping[str, str]) -> str:
    fields = re.findall(r"[A-Za-z0-9]+", path)
    found = next((sources[field] for field in reversed(fields) if field in sources), None)
    return f" (Set by {found}.)" if found else ""


def _check(shape: Shape, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if shape.type_name == "structure":
        yield from _check_structure(shape, value, path)
    elif shape.type_name == "list":
        yield from _check_size(shape, len(value), path, "entries")
        for index, item in enumerate(value):
            yield from _check(shape.member, item, f"{path}[{index}]")
    elif shape.type_name == "map":
        yield from _check_size(shape, len(value), path, "entries")
        for key, item in value.items():
            yield from _check(shape.key, key, f"{path}[{key}]")
            yield from _check(shape.value, item, f"{path}[{key}]")
    elif shape.type_name == "string":
        yield from _check_string(shape, value, path)
    elif shape.type_name in _NUMBERS:
        yield from _check_size(shape, value, path, "")


def _check_structure(shape: Any, value: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    dot = f"{path}." if path else ""
    for name in shape.required_members:
        if name not in value:
            yield f"{dot}{name}", "is missing."
    for name, item in value.items():
        if name in shape.members:
            yield from _check(shape.members[name], item, f"{dot}{name}")
        else:
            yield f"{dot}{name}", f"is unknown to botocore {botocore.__version__}."


def _check_string(shape: Any, value: str, path: str) -> Iterator[tuple[str, str]]:
    if shape.enum and value not in shape.enum:
        close = difflib.get_close_matches(value, shape.enum, 1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        yield (
            path,
            f"'{value}' is none of the {len(shape.enum)} values that botocore {botocore.__version__} knows.{hint}",
        )
        return
    size = list(_check_size(shape, len(value), path, "characters"))
    yield from size
    pattern = shape.metadata.get("pattern")
    if pattern and not size and not _pattern(pattern).fullmatch(value):
        yield path, f"'{value}' does not match {pattern}."


def _check_size(shape: Shape, size: float, path: str, unit: str) -> Iterator[tuple[str, str]]:
    low, high = shape.metadata.get("min", float("-inf")), shape.metadata.get("max", float("inf"))
    if not low <= size <= high:
        bounds = " and ".join(
            [f"at least {low}"] * (low > float("-inf")) + [f"at most {high}"] * (high < float("inf"))
        )  # fmt: skip
        yield path, f"{size} {unit}".rstrip() + f": expected {bounds}."


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str]:
    for java, python in _JAVA.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)
