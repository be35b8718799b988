"""Delete the endpoints of a project on SageMaker, and stop its jobs."""

import click
from sagemaker_options import project_options

from slidemill.command import run
from slidemill_sagemaker.project import Project
from slidemill_sagemaker.told import stop_costs


@click.command(help=__doc__)
@project_options
def main(project: Project) -> None:
    stop_costs(project)


if __name__ == "__main__":
    run(main)
