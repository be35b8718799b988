"""What a person at a terminal is told of endpoints and costs."""

from slidemill_sagemaker.costs import find_costs
from slidemill_sagemaker.costs import stop_costs as stop
from slidemill_sagemaker.endpoint import EndpointPlan, delete_endpoint, deploy_endpoint
from slidemill_sagemaker.models import StoredModel
from slidemill_sagemaker.project import Project
from slidemill_sagemaker.service import Service

_COLUMNS = ("kind", "name", "status", "instances", "since")


def deploy(project: Project, plan: EndpointPlan, stored: StoredModel) -> None:
    """Deploy an endpoint, and tell its name and how to be rid of it."""
    service = Service(project)
    deploy_endpoint(service, project, plan, stored)
    grows = f", up to {plan.most}" if plan.most else ""
    print(
        f"endpoint {plan.name} is in service: {plan.kind}, {plan.fleet.count} x {plan.fleet.instance_type}{grows}, in "
        f"{service.region}.\n"
        "It costs money every hour, asked or not, until it is deleted:\n"
        "    snakemake delete_endpoint --profile sagemaker      (with the same config)"
    )


def delete(project: Project, name: str) -> None:
    """Delete an endpoint, and tell whether there was one."""
    found = delete_endpoint(Service(project), project, name)
    print(f"endpoint {name} is deleted." if found else f"there is no endpoint {name}: nothing to delete.")


def list_costs(project: Project) -> None:
    """Tell what costs money by the hour."""
    found = list(find_costs(Service(project), project))
    if not found:
        print(f"nothing of this project ({project.staging}) is running on SageMaker.")
        return
    rows = [_COLUMNS, *(tuple(getattr(cost, column) for column in _COLUMNS) for cost in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    print(
        "These cost money by the hour. All of them are ended by\n    snakemake stop_costs --profile sagemaker\n"
        f"Files in S3 ({project.staging.bucket}) are billed by the month beside."
    )


def stop_costs(project: Project) -> None:
    """End what costs money by the hour, and tell what it was."""
    for cost in stop(Service(project), project):
        print(f"{cost.kind} {cost.name} is {'deleted' if cost.kind == 'endpoint' else 'ended'}.")
    print(f"nothing of this project ({project.staging}) is running on SageMaker any more.")
