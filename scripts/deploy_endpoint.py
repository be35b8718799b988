"""Bring an endpoint on SageMaker into service with a model, or up to date."""

import click
from sagemaker_options import model_options, project_options

from slidemill.command import run
from slidemill_sagemaker.endpoint import EndpointPlan, container_environment
from slidemill_sagemaker.models import StoredModel
from slidemill_sagemaker.project import Project
from slidemill_sagemaker.requests import Fleet, Kind
from slidemill_sagemaker.told import deploy


@click.command(help=__doc__)
@project_options
@model_options
@click.option("--name", help="Of the endpoint; else after the folder of the project's files.")
@click.option("--kind", type=click.Choice(["real-time", "asynchronous"]), required=True, help="How it is asked.")
@click.option("--instance-type", required=True, help="Such as ml.c5.xlarge.")
@click.option("--instances", type=click.IntRange(min=1), required=True, help="So many.")
@click.option("--max-instances", type=click.IntRange(min=1), help="It may grow to so many.")
@click.option("--slides", help="s3://BUCKET/FOLDER of slides that it may be asked for.")
@click.option("--target", type=click.FloatRange(min=0, min_open=True), required=True, help="Load at which it grows.")
def main(
    project: Project,
    stored: StoredModel,
    name: str | None,
    kind: Kind,
    instance_type: str,
    instances: int,
    max_instances: int | None,
    slides: str | None,
    target: float,
) -> None:
    fleet = Fleet(instance_type, instances)
    environment = container_environment(kind, slides)
    plan = EndpointPlan(project.endpoint_name(name), kind, fleet, max_instances, target, environment)
    deploy(project, plan, stored)


if __name__ == "__main__":
    run(main)
