"""Options that programs share which talk to SageMaker: role, image, region, and where the project's own objects lie."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from slidemill.serving.options import ServingOptions
from slidemill_sagemaker.models import StoredModel
from slidemill_sagemaker.project import Project, parse_staging

_Command = Callable[..., None]


def project_options(command: _Command) -> _Command:
    """Give a command the options of a project, which come to it as `project`."""

    @wraps(command)
    def with_project(
        *,
        role: str,
        image: str,
        region: str | None,
        staging: str,
        subnet: tuple[str, ...],
        security_group: tuple[str, ...],
        tag: tuple[tuple[str, str], ...],
        poll_seconds: float,
        **others: Any,
    ) -> None:
        place = parse_staging(staging)
        command(project=Project(role, image, region, place, subnet, security_group, tag, poll_seconds), **others)

    for option in reversed(_OPTIONS):
        with_project = option(with_project)
    return with_project


def model_options(command: _Command) -> _Command:
    """Give a command the options of a model that goes to SageMaker, which come to it as `stored`."""

    @wraps(command)
    def with_model(*, model: Path, model_address: str | None, use: str, **others: Any) -> None:
        options = ServingOptions.parse(use, "--use")
        command(stored=StoredModel(model, parse_staging(model_address) if model_address else None, options), **others)

    for option in reversed(_OF_MODELS):
        with_model = option(with_model)
    return with_model


_OF_MODELS = (
    click.option("--model", type=Path, required=True, help="Read: model.keras."),
    click.option("--model-address", help="Where it lies in S3; what belongs to it lies beside."),
    click.option("--use", required=True, help="How slides are cut and scored: what serving.json holds."),
)
_OPTIONS = (
    click.option("--role", required=True, help="ARN of the role that containers run as."),
    click.option("--image", required=True, help="Image, by its digest."),
    click.option("--region", help="AWS region; else that of the AWS configuration."),
    click.option("--staging", required=True, help="Folder in S3 of the project's own objects: s3://BUCKET/PREFIX."),
    click.option("--subnet", multiple=True, help="Subnet, in a VPC; once for each."),
    click.option("--security-group", multiple=True, help="Security group, in a VPC; once for each."),
    click.option("--tag", type=(str, str), multiple=True, help="Key and value; once for each."),
    click.option(
        "--poll-seconds",
        type=click.FloatRange(min=0, min_open=True),
        default=10,
        show_default=True,
        help="Between two questions.",
    ),
)
