"""The calls to AWS: each is checked before it is sent, and what is refused becomes a sentence."""

import logging
from collections.abc import Iterator
from typing import Any

import boto3
from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from slidemill_sagemaker.errors import DeploymentError
from slidemill_sagemaker.project import Project
from snakemake_executor_plugin_sagemaker.s3 import S3Uri
from snakemake_executor_plugin_sagemaker.service import RETRIES
from snakemake_executor_plugin_sagemaker.validation import find_problems

# Where the user sets what stands in a field.
SOURCES = {
    "InstanceType": "sagemaker_instance_type of the rule, in the profile's set-resources",
    "InitialInstanceCount": "sagemaker_instance_count of the rule, in the profile's set-resources",
    "InstanceCount": "sagemaker_instance_count of the rule, in the profile's set-resources",
    "Image": "sagemaker-image in the profile",
    "ExecutionRoleArn": "sagemaker-role in the profile",
    "Subnets": "sagemaker-subnets in the profile",
    "SecurityGroupIds": "sagemaker-security-groups in the profile",
    "Tags": "sagemaker-tags in the profile",
    "EndpointName": "endpoint.name in the config",
    "MaxCapacity": "endpoint.max_instances in the config",
    "TargetValue": "endpoint.target in the config",
}
_LAST_LINES = 20
_log = logging.getLogger(__name__)
_MISSING = ("could not find", "not found", "no scalable target", "does not exist")


class Service:
    """SageMaker, and what belongs to it."""

    def __init__(self, project: Project) -> None:
        """Open clients.

        Raises:
            DeploymentError: the AWS configuration names no region.
        """
        logging.getLogger("botocore").setLevel(logging.WARNING)  # where it found what is of no interest
        session = boto3.Session(region_name=project.region)
        if session.region_name is None:
            raise DeploymentError("your AWS configuration names no region. Set sagemaker-region in the profile.")
        self.region = session.region_name
        names = ("sagemaker", "application-autoscaling", "s3", "logs")
        self._clients = {name: session.client(name, config=RETRIES) for name in names}
        self.s3 = self._clients["s3"]

    def call(self, operation: str, *, of: str = "sagemaker", **request: Any) -> dict[str, Any]:
        """Send a request that the service's own model allows.

        Args:
            operation: such as CreateModel.
            of: the service.

        Raises:
            DeploymentError: it would be refused, or was.
        """
        self.check(operation, of=of, **request)
        try:
            answer: dict[str, Any] = getattr(self._clients[of], xform_name(operation))(**request)
        except (ClientError, BotoCoreError) as error:
            raise DeploymentError(_sentence(error)) from error
        return answer

    def check(self, operation: str, *, of: str = "sagemaker", **request: Any) -> None:
        """Refuse a request that the service's own model does not allow.

        Raises:
            DeploymentError: it would be refused.
        """
        if problems := find_problems(operation, request, service=of, sources=SOURCES):
            raise DeploymentError(f"{operation}: {' '.join(problems)}")

    def find(self, operation: str, *, of: str = "sagemaker", **request: Any) -> dict[str, Any] | None:
        """The same; None where there is no such thing."""
        try:
            return self.call(operation, of=of, **request)
        except DeploymentError as error:
            if _is_missing(error.__cause__):
                return None
            raise

    def pages(self, operation: str, key: str, **request: Any) -> Iterator[dict[str, Any]]:
        """All entries of a listing."""
        more: dict[str, Any] = {}
        while True:
            page = self.call(operation, **request, **more)
            yield from page[key]
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}

    def tags(self, arn: str) -> list[dict[str, str]]:
        """The tags of something; none of what is gone."""
        try:
            return list(self.pages("ListTags", "Tags", ResourceArn=arn))
        except DeploymentError as error:
            if _is_missing(error.__cause__):
                return []
            raise

    def last_words(self, group: str, prefix: str = "") -> str:
        """What containers have printed last, for the end of a message; their last lines are logged.

        Args:
            group: of CloudWatch's streams.
            prefix: of the streams' names; without one the stream that was written to last is read.
        """
        logs = self._clients["logs"]
        which = {"logStreamNamePrefix": prefix} if prefix else {"orderBy": "LastEventTime", "descending": True}
        try:
            [stream, *_] = logs.describe_log_streams(logGroupName=group, **which)["logStreams"]
            found = logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], limit=_LAST_LINES)
        except (ClientError, BotoCoreError, ValueError):
            return f" What its container printed is in CloudWatch, {group}."
        lines = [line for event in found["events"] if (line := event["message"].strip())]
        _log.error("the container printed last:\n%s", "\n".join(f"    {line}" for line in lines))
        return f" Its container said last: {lines[-1]}" if lines else " Its container printed nothing."

    def has_object(self, uri: S3Uri) -> bool:
        """Whether there is such an object."""
        try:
            self.s3.head_object(Bucket=uri.bucket, Key=uri.key)
        except ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey", "NotFound"):
                return False
            raise DeploymentError(f"{uri}: {_sentence(error)}") from error
        return True


def _is_missing(error: BaseException | None) -> bool:
    if not isinstance(error, ClientError):
        return False
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "").lower()
    return code in ("ResourceNotFound", "ObjectNotFoundException") or (
        code == "ValidationException" and any(words in message for words in _MISSING)
    )


def _sentence(error: Exception) -> str:
    """What AWS said, with what to do about the most frequent."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    text = " ".join(str(error).split())
    if code == "ResourceLimitExceeded":
        return (
            f"{text} Ask for a quota of this type, for endpoint or transform job usage (docs/sagemaker.md, 'Quotas')."
        )
    if code.startswith("AccessDenied"):
        return f"{text} Add the action to your permissions (docs/sagemaker.md, 'Permissions for you')."
    return text
