"""Score the tiles of slides by a batch transform on SageMaker, and fetch its answers."""

from pathlib import Path

import click
from sagemaker_options import model_options, project_options

from slidemill.cohort import read_sheet
from slidemill.command import run
from slidemill_sagemaker.endpoint import container_environment
from slidemill_sagemaker.models import StoredModel
from slidemill_sagemaker.project import Project, parse_staging
from slidemill_sagemaker.requests import Fleet
from slidemill_sagemaker.service import Service
from slidemill_sagemaker.transform import TransformPlan, transform


@click.command(help=__doc__)
@project_options
@model_options
@click.option("--slides", type=Path, required=True, help="Slide sheet: whose tiles.")
@click.option("--records", required=True, help="Folder in S3 of the slides' tile records.")
@click.option("--instance-type", required=True, help="Such as ml.c5.xlarge.")
@click.option("--instances", type=click.IntRange(min=1), required=True, help="So many.")
@click.option("--answers", type=Path, required=True, help="Folder to write to, {slide}.tfrecord.out.")
def main(
    project: Project,
    stored: StoredModel,
    slides: Path,
    records: str,
    instance_type: str,
    instances: int,
    answers: Path,
) -> None:
    fleet = Fleet(instance_type, instances)
    slide_ids = [slide.slide_id for slide in read_sheet(slides)]
    plan = TransformPlan(
        project.endpoint_name(None), parse_staging(records), slide_ids, fleet, container_environment("real-time")
    )
    transform(Service(project), project, plan, stored, answers)


if __name__ == "__main__":
    run(main)
