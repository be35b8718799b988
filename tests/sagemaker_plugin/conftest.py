"""What tests of the plugin share: settings, jobs of Snakemake without Snakemake, and a service in memory."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from botocore.stub import Stubber

from snakemake_executor_plugin_sagemaker.service import RETRIES
from snakemake_executor_plugin_sagemaker.settings import ExecutorSettings, check

ROLE = "arn:aws:iam::123456789012:role/jobs"
IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/work@sha256:" + 64 * "0"
PREFIX = "s3://bucket/run"


class StoredFile(str):
    """An input or output that lies in S3."""

    is_storage = True
    should_not_be_retrieved_from_storage = False

    @property
    def storage_object(self):
        return SimpleNamespace(query="s3://" + self.removeprefix(".snakemake/storage/s3/"))


def stored(name):
    return StoredFile(f".snakemake/storage/s3/bucket/run/{name}")


class Job:
    """A job as Snakemake hands it to the executor."""

    def __init__(self, name="train", wildcards=None, resources=None, inputs=(), logs=(), parts=None):
        self.name, self.input, self.log, self.attempt = name, list(inputs), list(logs), 1
        self.wildcards = wildcards or {}
        self.resources = resources or {}
        self.jobs = parts or []

    def is_group(self):
        return bool(self.jobs)

    def get_target_spec(self):
        return [SimpleNamespace(rulename=part.name, wildcards_dict=part.wildcards) for part in self.jobs or [self]]


def make_settings(**options):
    return check(ExecutorSettings(**{"role": ROLE, "image": IMAGE, "region": "eu-central-1", **options}), PREFIX)


@pytest.fixture
def settings():
    return make_settings()


def client(service):
    return boto3.client(
        service, region_name="eu-central-1", aws_access_key_id="none", aws_secret_access_key="none", config=RETRIES
    )


@pytest.fixture
def sagemaker():
    """A client of SageMaker, and the stubber that holds its answers."""
    made = client("sagemaker")
    with Stubber(made) as stubber:
        yield made, stubber
        stubber.assert_no_pending_responses()


def described(status="InProgress", spec="s3://bucket/spec.json", **more):
    """An answer of DescribeTrainingJob."""
    return {
        "TrainingJobName": "name", "TrainingJobArn": "arn:aws:sagemaker:eu-central-1:123456789012:training-job/name",
        "ModelArtifacts": {"S3ModelArtifacts": ""}, "TrainingJobStatus": status, "SecondaryStatus": status,
        "StoppingCondition": {}, "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
        "Environment": {"SNAKEMAKE_SAGEMAKER_SPEC": spec}, **more,
    }  # fmt: skip


@pytest.fixture(scope="session")
def standin(tmp_path_factory) -> Iterator[object]:
    """The local stand-in of SageMaker and S3, which runs jobs for real."""
    from ..sagemaker.standin import StandIn, hosts

    reason = hosts.why_impossible()
    if reason:
        pytest.skip(reason)
    with StandIn(Path(tmp_path_factory.mktemp("standin")), grace_seconds=600) as service:
        yield service
