"""Requests for SageMaker, as pure functions of what is asked for."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from slidemill_sagemaker.project import MAX_NAME, Project
from snakemake_executor_plugin_sagemaker.s3 import S3Uri

VARIANT = "AllTraffic"
Kind = Literal["real-time", "asynchronous"]

# The container loads TensorFlow and the model before it answers.
_STARTUP_SECONDS = 900
_DIGEST_LETTERS = 12
# What SageMaker hands on to a real-time endpoint has at most so many megabytes; what it hands on in a transform has no
# more, so that the service has one limit.
PAYLOAD_MB = 6
# Requests that an instance of a transform gets at a time: while one is computed, the next ones are decoded.
CONCURRENT = 4
INVOCATION_SECONDS = 3600
# What SageMaker hands on in one request.
BODY_BYTES: dict[Kind, int] = {"real-time": PAYLOAD_MB << 20, "asynchronous": 1 << 30}


@dataclass(frozen=True, slots=True)
class Fleet:
    """The instances behind an endpoint or a transform."""

    instance_type: str
    count: int


def model_request(
    name: str, archive: S3Uri, sha256: str, project: Project, environment: dict[str, str]
) -> dict[str, Any]:
    """CreateModel. The name ends with what tells this model from others, so that it is made once.

    Args:
        name: how its name begins.
        sha256: of the archive's files.
        environment: of the container.
    """
    container = {"Image": project.image, "ModelDataUrl": str(archive), "Environment": environment}
    request = {"PrimaryContainer": container, "ExecutionRoleArn": project.role, **project.vpc()}
    return {"ModelName": _named(name, {**request, "sha256": sha256}), **request, "Tags": project.all_tags()}


def config_request(name: str, model: str, fleet: Fleet, kind: Kind, project: Project) -> dict[str, Any]:
    """CreateEndpointConfig; its name ends as that of `model_request`."""
    variant = {
        "VariantName": VARIANT,
        "ModelName": model,
        "InstanceType": fleet.instance_type,
        "InitialInstanceCount": fleet.count,
        "ContainerStartupHealthCheckTimeoutInSeconds": _STARTUP_SECONDS,
    }
    request: dict[str, Any] = {"ProductionVariants": [variant]}
    if kind == "asynchronous":
        folder = project.staging.child(f"asynchronous/{name}")
        places = {"S3OutputPath": str(folder.child("answers")), "S3FailurePath": str(folder.child("failures"))}
        client = {"MaxConcurrentInvocationsPerInstance": CONCURRENT}
        request["AsyncInferenceConfig"] = {"OutputConfig": places, "ClientConfig": client}
    return {"EndpointConfigName": _named(name, request), **request, "Tags": project.all_tags()}


def transform_request(
    name: str, model: str, manifest: S3Uri, output: S3Uri, fleet: Fleet, project: Project
) -> dict[str, Any]:
    """CreateTransformJob: the tile records of slides, joined to requests.

    Args:
        manifest: lists the files of tile records.
        output: folder that gets {file}.out for each.
    """
    source = {"S3DataType": "ManifestFile", "S3Uri": str(manifest)}
    return {
        "TransformJobName": name,
        "ModelName": model,
        "BatchStrategy": "MultiRecord",
        "MaxPayloadInMB": PAYLOAD_MB,
        "MaxConcurrentTransforms": CONCURRENT,
        "ModelClientConfig": {"InvocationsTimeoutInSeconds": INVOCATION_SECONDS, "InvocationsMaxRetries": 3},
        "TransformInput": {
            "DataSource": {"S3DataSource": source},
            "ContentType": "application/x-tfrecord",
            "SplitType": "TFRecord",
        },
        "TransformOutput": {"S3OutputPath": str(output), "Accept": "application/json", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": fleet.instance_type, "InstanceCount": fleet.count},
        "Tags": project.all_tags(),
    }


def digest(content: Any) -> str:
    """Some letters that stand for what is asked for."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_DIGEST_LETTERS]


def shortened(name: str, room: int) -> str:
    """As much of a name as leaves so much room behind it."""
    return name[: MAX_NAME - room].rstrip("-")


def _named(name: str, content: Any) -> str:
    return f"{shortened(name, _DIGEST_LETTERS + 1)}-{digest(content)}"
