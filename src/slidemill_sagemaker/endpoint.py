"""An endpoint: made, brought up to date, deleted."""

import logging
import time
from dataclasses import dataclass
from typing import Any

from slidemill.locations import is_address
from slidemill_sagemaker.errors import DeploymentError
from slidemill_sagemaker.models import StoredModel, ensure_model
from slidemill_sagemaker.project import Project
from slidemill_sagemaker.requests import BODY_BYTES, Fleet, Kind, config_request, shortened
from slidemill_sagemaker.scaling import scale, stop_scaling
from slidemill_sagemaker.service import Service

_BUSY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class EndpointPlan:
    """What an endpoint is to be.

    Attributes:
        most: instances that it may grow to; None: it does not grow.
        target: load of an instance at which it grows (`scaling.scale`).
        environment: of its container.
    """

    name: str
    kind: Kind
    fleet: Fleet
    most: int | None
    target: float
    environment: dict[str, str]


def container_environment(kind: Kind, slides: str | None = None) -> dict[str, str]:
    """What the container is told of what it may be sent.

    Args:
        kind: of the endpoint.
        slides: s3://BUCKET/FOLDER of slides that it may be asked for; None for none.

    Raises:
        DeploymentError: it is a folder of this machine.
    """
    if slides is not None and not is_address(slides):
        raise DeploymentError(
            f"serving.slides: {slides} is a folder of this machine, which an endpoint does not see. Give "
            "s3://BUCKET/FOLDER, or null."
        )
    of_slides = {} if slides is None else {"SLIDEMILL_SLIDES": slides}
    return {"SLIDEMILL_BODY_BYTES": str(BODY_BYTES[kind]), **of_slides}


def deploy_endpoint(service: Service, project: Project, plan: EndpointPlan, stored: StoredModel) -> None:
    """Bring an endpoint into service with a model; one that is so already is left alone.

    A failed endpoint gives way to a new one, and another model takes over when its container answers. What fails is
    taken away again.

    Raises:
        ModelFileError: it is no model of slidemill.
        DeploymentError: SageMaker refused something, the container did not start, or the name belongs to others.
    """
    _refuse_impossible(service, project, plan)
    _refuse_foreign(service, project, plan.name)
    model = ensure_model(service, project, plan.name, stored, plan.environment)
    config = config_request(plan.name, model, plan.fleet, plan.kind, project)
    wanted = config["EndpointConfigName"]
    if service.find("DescribeEndpointConfig", EndpointConfigName=wanted) is None:
        service.call("CreateEndpointConfig", **config)
    _bring_into_service(service, project, plan, wanted)
    _remove_others(service, project, plan.name, keep=(model, wanted))
    if plan.most is None:
        stop_scaling(service, plan.name)
    else:
        scale(service, plan.name, plan.kind, least=plan.fleet.count, most=plan.most, target=plan.target)


def delete_endpoint(service: Service, project: Project, name: str) -> bool:
    """Delete an endpoint, its configurations and its models, and wait until it is gone.

    Returns:
        Whether there was an endpoint.
    Raises:
        DeploymentError: SageMaker refused something, or the name belongs to others.
    """
    _refuse_foreign(service, project, name)
    facts = _at_rest(service, project, name)
    if facts is not None:
        _delete(service, project, name)
    _remove_others(service, project, name, keep=())
    return facts is not None


def _bring_into_service(service: Service, project: Project, plan: EndpointPlan, wanted: str) -> None:
    tried = False
    while True:
        facts = _at_rest(service, project, plan.name)
        status = facts["EndpointStatus"] if facts else None
        if facts and status == "InService" and facts["EndpointConfigName"] == wanted:
            return
        if tried:
            _give_up(service, project, plan.name, facts)
        if facts is None:
            _log.info("endpoint %s: creating; this takes minutes", plan.name)
            tags = project.all_tags()
            service.call("CreateEndpoint", EndpointName=plan.name, EndpointConfigName=wanted, Tags=tags)
            tried = True
        elif status == "InService" and ("AsyncInferenceConfig" in facts) == (plan.kind == "asynchronous"):
            _log.info("endpoint %s: updating; it goes on answering meanwhile", plan.name)
            stop_scaling(service, plan.name)
            service.call("UpdateEndpoint", EndpointName=plan.name, EndpointConfigName=wanted)
            tried = True
        else:
            _log.info("endpoint %s is %s, or of another kind, and gives way to a new one", plan.name, status)
            _delete(service, project, plan.name)


def _give_up(service: Service, project: Project, name: str, facts: dict[str, Any] | None) -> None:
    reason = (facts or {}).get("FailureReason", "it was deleted meanwhile")
    said = service.last_words(f"/aws/sagemaker/Endpoints/{name}")
    if facts and facts["EndpointStatus"] == "InService":
        used = service.call("DescribeEndpointConfig", EndpointConfigName=facts["EndpointConfigName"])
        model = used["ProductionVariants"][0]["ModelName"]
        _remove_others(service, project, name, keep=(model, facts["EndpointConfigName"]))
        raise DeploymentError(
            f"endpoint {name} could not be updated, and goes on with the model before: {reason}{said}"
        )
    if facts:
        _delete(service, project, name)
    _remove_others(service, project, name, keep=())
    raise DeploymentError(f"endpoint {name} failed, and was deleted: {reason}{said}")


def _at_rest(service: Service, project: Project, name: str) -> dict[str, Any] | None:
    """The endpoint as soon as nothing happens to it; None where there is none."""
    while (facts := service.find("DescribeEndpoint", EndpointName=name)) and facts["EndpointStatus"] in _BUSY:
        time.sleep(project.poll_seconds)
    return facts


def _delete(service: Service, project: Project, name: str) -> None:
    stop_scaling(service, name)
    service.find("DeleteEndpoint", EndpointName=name)
    while _at_rest(service, project, name) is not None:
        time.sleep(project.poll_seconds)


def _remove_others(service: Service, project: Project, name: str, keep: tuple[str, ...]) -> None:
    """Delete configurations and models of the endpoint; they cost nothing, and would pile up."""
    for kind in ("EndpointConfig", "Model"):
        listed = service.pages(f"List{kind}s", f"{kind}s", NameContains=f"{shortened(name, 13)}-")
        for entry in list(listed):
            found = entry[f"{kind}Name"]
            is_own = found.rpartition("-")[0] == shortened(name, 13)
            if is_own and found not in keep and project.owns(service.tags(entry[f"{kind}Arn"])):
                service.find(f"Delete{kind}", **{f"{kind}Name": found})


def _refuse_impossible(service: Service, project: Project, plan: EndpointPlan) -> None:
    """What is wrong with a plan is said before anything is made."""
    config = config_request(plan.name, plan.name, plan.fleet, plan.kind, project)
    service.check("CreateEndpointConfig", **config)
    service.check("CreateEndpoint", EndpointName=plan.name, EndpointConfigName=config["EndpointConfigName"])
    if plan.most is not None and plan.most < plan.fleet.count:
        raise DeploymentError(
            f"endpoint.max_instances is {plan.most}; the profile gives deploy_endpoint {plan.fleet.count} instances "
            "by sagemaker_instance_count. Raise the one, or lower the other."
        )


def _refuse_foreign(service: Service, project: Project, name: str) -> None:
    facts = service.find("DescribeEndpoint", EndpointName=name)
    if facts and not project.owns(service.tags(facts["EndpointArn"])):
        raise DeploymentError(
            f"there is an endpoint {name} that is not of this project ({project.staging}). Give another endpoint.name."
        )
