"""Which account, role, image and bucket a project has; the same as its jobs."""

import re
from dataclasses import dataclass

from slidemill_sagemaker.errors import DeploymentError
from snakemake_executor_plugin_sagemaker.requests import STAGING_TAG, tag_of
from snakemake_executor_plugin_sagemaker.s3 import S3Uri

MAX_NAME = 63


@dataclass(frozen=True, slots=True)
class Project:
    """What all that a project makes on SageMaker has in common.

    Attributes:
        region: None for that of the AWS configuration.
        staging: where its own objects lie. It also tells this project from others.
        poll_seconds: between two questions.
    """

    role: str
    image: str
    region: str | None
    staging: S3Uri
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    poll_seconds: float = 10.0

    def all_tags(self) -> list[dict[str, str]]:
        """The user's tags, and the one by which things of this project are found."""
        tags = {STAGING_TAG: tag_of(self.staging), **dict(self.tags)}
        return [{"Key": key, "Value": value} for key, value in tags.items()]

    def owns(self, tags: list[dict[str, str]]) -> bool:
        """Whether what has these tags is of this project."""
        return {"Key": STAGING_TAG, "Value": tag_of(self.staging)} in tags

    def vpc(self) -> dict[str, dict[str, list[str]]]:
        """The VpcConfig of a model, if the project has one."""
        if not self.subnets:
            return {}
        return {"VpcConfig": {"Subnets": list(self.subnets), "SecurityGroupIds": list(self.security_groups)}}

    def endpoint_name(self, given: str | None) -> str:
        """The name that the user gave, or else one after the folder of the project's files."""
        if given:
            return given
        folder = self.staging.key.removesuffix(".sagemaker").rstrip("/").rpartition("/")[2] or self.staging.bucket
        return f"slidemill-{re.sub(r'[^a-zA-Z0-9]+', '-', folder).strip('-')}"[:MAX_NAME].rstrip("-")


def parse_staging(text: str) -> S3Uri:
    """Read the address of a project's own objects.

    Raises:
        DeploymentError: it is none.
    """
    try:
        return S3Uri.parse(text)
    except ValueError as error:
        raise DeploymentError(str(error)) from None
