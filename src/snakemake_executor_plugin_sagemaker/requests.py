"""Requests for SageMaker, as pure functions of what a job asks for."""

import re
from collections.abc import Mapping
from typing import Any

from snakemake_executor_plugin_sagemaker.resources import JobResources, TrainingOptions
from snakemake_executor_plugin_sagemaker.s3 import S3Uri
from snakemake_executor_plugin_sagemaker.settings import Settings

ENTRYPOINT = ["python", "-m", "snakemake_executor_plugin_sagemaker.container"]
CHECKPOINTS = "/opt/ml/checkpoints"
# By this tag everything of a project is found.
STAGING_TAG = "snakemake:staging"
_SECONDS = 60  # in a minute
_MAX_TAG = 256


def build_request(
    name: str, resources: JobResources, settings: Settings, rule: str, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Request that creates the job.

    Args:
        rule: name of the rule or group, for a tag.
        environment: variables of the container.
    """
    own = {"snakemake:rule": rule, STAGING_TAG: tag_of(settings.staging)}
    tags = [{"Key": key, "Value": value} for key, value in {**own, **resources.tags}.items()]
    common = {"RoleArn": settings.role, "Environment": dict(environment), "Tags": tags}
    if resources.training is None:
        return {"ProcessingJobName": name, **common, **_processing(resources)}
    return {"TrainingJobName": name, **common, **_training(resources, resources.training, settings.staging)}


def tag_of(staging: S3Uri) -> str:
    """The place of the plugin's own objects as the value of a tag, which may have fewer characters than a key of S3."""
    return re.sub(r"[^\w\s.:/=+@-]", "-", str(staging))[-_MAX_TAG:]


def _processing(resources: JobResources) -> dict[str, Any]:
    request: dict[str, Any] = {
        "AppSpecification": {"ImageUri": resources.image, "ContainerEntrypoint": ENTRYPOINT},
        "ProcessingResources": {"ClusterConfig": _cluster(resources)},
        "StoppingCondition": {"MaxRuntimeInSeconds": resources.runtime * _SECONDS},
    }
    if resources.subnets:
        request["NetworkConfig"] = {"VpcConfig": _vpc(resources)}
    return request


def _training(resources: JobResources, training: TrainingOptions, staging: S3Uri) -> dict[str, Any]:
    stopping = {"MaxRuntimeInSeconds": resources.runtime * _SECONDS}
    cluster = _cluster(resources)
    request: dict[str, Any] = {
        "AlgorithmSpecification": {
            "TrainingImage": resources.image,
            "TrainingInputMode": training.input_mode,
            "ContainerEntrypoint": ENTRYPOINT,
        },
        "ResourceConfig": cluster,
        "StoppingCondition": stopping,
        "OutputDataConfig": {"S3OutputPath": str(staging.child("output"))},
    }
    if training.channels:
        request["InputDataConfig"] = [channel.request() for channel in training.channels]
    if training.max_wait is not None:
        request["EnableManagedSpotTraining"] = True
        stopping["MaxWaitTimeInSeconds"] = training.max_wait * _SECONDS
    if training.checkpoints:
        request["CheckpointConfig"] = {"S3Uri": str(training.checkpoints), "LocalPath": CHECKPOINTS}
    if training.keep_alive:
        cluster["KeepAlivePeriodInSeconds"] = training.keep_alive * _SECONDS
    if resources.subnets:
        request["VpcConfig"] = _vpc(resources)
    return request


def _cluster(resources: JobResources) -> dict[str, Any]:
    return {
        "InstanceType": resources.instance_type,
        "InstanceCount": resources.instance_count,
        "VolumeSizeInGB": resources.volume_gb,
    }


def _vpc(resources: JobResources) -> dict[str, list[str]]:
    return {"Subnets": list(resources.subnets), "SecurityGroupIds": list(resources.security_groups)}
