"""What of a project costs money by the hour: endpoints, and jobs that run."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass

from slidemill_sagemaker.endpoint import delete_endpoint
from slidemill_sagemaker.errors import DeploymentError
from slidemill_sagemaker.project import Project
from slidemill_sagemaker.service import Service

# Kinds of jobs, and where Describe tells of their instances.
_CLUSTER = {
    "Processing": ("ProcessingResources", "ClusterConfig"),
    "Training": ("ResourceConfig",),
    "Transform": ("TransformResources",),
}
_ACTIVE = ("InProgress", "Stopping")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cost:
    """Something that costs money as long as it is there.

    Attributes:
        kind: endpoint, or processing, training or transform job.
        instances: such as `2 x ml.c5.xlarge`.
    """

    kind: str
    name: str
    status: str
    instances: str
    since: str


def find_costs(service: Service, project: Project) -> Iterator[Cost]:
    """All of this project, by its tag.

    Raises:
        DeploymentError: AWS refused something.
    """
    for entry in service.pages("ListEndpoints", "Endpoints"):
        if project.owns(service.tags(entry["EndpointArn"])):
            since = entry["CreationTime"].isoformat(timespec="minutes")
            name = entry["EndpointName"]
            yield Cost("endpoint", name, entry["EndpointStatus"], _behind(service, name), since)
    for kind in _CLUSTER:
        for status in _ACTIVE:
            for entry in service.pages(f"List{kind}Jobs", f"{kind}JobSummaries", StatusEquals=status):
                if project.owns(service.tags(entry[f"{kind}JobArn"])):
                    since, name = entry["CreationTime"].isoformat(timespec="minutes"), entry[f"{kind}JobName"]
                    yield Cost(f"{kind.lower()} job", name, status, _of_job(service, kind, name), since)


def stop_costs(service: Service, project: Project) -> list[Cost]:
    """Delete the endpoints and stop the jobs of this project, and wait until nothing of them is left.

    Returns:
        What there was.
    Raises:
        DeploymentError: AWS refused something.
    """
    found = list(find_costs(service, project))
    for cost in found:
        if cost.kind != "endpoint" and cost.status == "InProgress":
            _log.info("stopping %s %s", cost.kind, cost.name)
            stop_job(service, cost.kind.split()[0].capitalize(), cost.name)
    for cost in found:
        if cost.kind == "endpoint":
            _log.info("deleting endpoint %s", cost.name)
            delete_endpoint(service, project, cost.name)
    while list(find_costs(service, project)):
        time.sleep(project.poll_seconds)
    return found


def stop_job(service: Service, kind: str, name: str) -> None:
    """Tell a job to stop; one that has ended is none to stop.

    Args:
        kind: Processing, Training or Transform.
    """
    key = f"{kind}JobName"
    try:
        service.call(f"Stop{kind}Job", **{key: name})
    except DeploymentError:
        facts = service.find(f"Describe{kind}Job", **{key: name})
        if facts and facts[f"{kind}JobStatus"] == "InProgress":
            raise


def _behind(service: Service, name: str) -> str:
    facts = service.find("DescribeEndpoint", EndpointName=name)
    config = facts and service.find("DescribeEndpointConfig", EndpointConfigName=facts["EndpointConfigName"])
    if not facts or not config:
        return "?"
    [variant] = config["ProductionVariants"]
    counts = [one.get("CurrentInstanceCount") for one in facts.get("ProductionVariants", [])]
    return f"{(counts or [None])[0] or variant['InitialInstanceCount']} x {variant['InstanceType']}"


def _of_job(service: Service, kind: str, name: str) -> str:
    facts = service.find(f"Describe{kind}Job", **{f"{kind}JobName": name})
    if facts is None:
        return "?"
    for key in _CLUSTER[kind]:
        facts = facts[key]
    return f"{facts['InstanceCount']} x {facts['InstanceType']}"
