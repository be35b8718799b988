"""List what of a project costs money on SageMaker by the hour: endpoints, and jobs that run."""

import click
from sagemaker_options import project_options

from slidemill.command import run
from slidemill_sagemaker.project import Project
from slidemill_sagemaker.told import list_costs


@click.command(help=__doc__)
@project_options
def main(project: Project) -> None:
    list_costs(project)


if __name__ == "__main__":
    run(main)
