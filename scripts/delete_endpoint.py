"""Delete an endpoint on SageMaker, its configurations and its models."""

import click
from sagemaker_options import project_options

from slidemill.command import run
from slidemill_sagemaker.project import Project
from slidemill_sagemaker.told import delete


@click.command(help=__doc__)
@project_options
@click.option("--name", help="Of the endpoint; else after the folder of the project's files.")
def main(project: Project, name: str | None) -> None:
    delete(project, project.endpoint_name(name))


if __name__ == "__main__":
    run(main)
