"""Models, endpoint configurations and endpoints, whose containers really run."""

import queue
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .containers import Answer, ContainerError, ServingContainers
from .errors import ServiceError
from .job import ACCOUNT, Platform
from .listing import listed
from .requests import answer
from .storage import split_uri

_STARTUP_SECONDS = 480
_WORDS = {"Model": "model", "EndpointConfig": "endpoint configuration", "Endpoint": "endpoint"}


@dataclass
class Resource:
    """A model, a configuration or an endpoint.

    Attributes:
        kind: Model, EndpointConfig or Endpoint.
        request: as it was created.
        facts: what Describe answers besides.
    """

    kind: str
    request: dict[str, Any]
    platform: Platform
    facts: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        words = {"EndpointConfig": "endpoint-config"}.get(self.kind, self.kind.lower())
        arn = f"arn:aws:sagemaker:{self.platform.region}:{ACCOUNT}:{words}/{self.name.lower()}"
        now = time.time()
        self.facts.update({f"{self.kind}Arn": arn, "CreationTime": now, "LastModifiedTime": now})

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.request[f"{self.kind}Name"])

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.facts[f"{self.kind}Arn"])

    @property
    def status(self) -> str | None:
        """Of an endpoint."""
        return self.facts.get("EndpointStatus")

    def description(self) -> dict[str, Any]:
        """All that is known of it."""
        return {**self.request, **self.facts}


@dataclass
class _Asked:
    """A request to an asynchronous endpoint."""

    uri: str
    content_type: str
    accept: str
    seconds: float
    output: str
    failure: str


@dataclass
class Endpoint(Resource):
    """An endpoint and its containers."""

    containers: ServingContainers | None = None
    waiting: "queue.Queue[_Asked | None]" = field(default_factory=queue.Queue)

    def tell(self, status: str, **facts: Any) -> None:
        """Change what Describe answers."""
        self.facts.update({"EndpointStatus": status, "LastModifiedTime": time.time(), **facts})

    @property
    def asynchronous(self) -> dict[str, Any] | None:
        """Its AsyncInferenceConfig."""
        return self.facts.get("AsyncInferenceConfig")

    def deploy(self, config: dict[str, Any], model: dict[str, Any], status: str) -> None:
        """Start new containers beside the old ones, in a thread; those that answer take over."""
        self.tell(status)
        self.facts.pop("FailureReason", None)
        threading.Thread(target=self._deploy, args=(config, model), daemon=True).start()

    def invoke_async(self, asked: _Asked) -> None:
        """Put a request behind the others."""
        self.waiting.put(asked)

    def end(self) -> None:
        """End its containers."""
        self.waiting.put(None)
        if self.containers:
            self.containers.end()
            self.containers = None

    def _deploy(self, config: dict[str, Any], model: dict[str, Any]) -> None:
        [variant] = config["ProductionVariants"]
        group = f"/aws/sagemaker/Endpoints/{self.name}"
        folder = f"{self.name}-{uuid.uuid4().hex[:8]}"
        new = ServingContainers(self.platform, model, folder, group, f"{variant['VariantName']}/{folder}")
        seconds = variant.get("ContainerStartupHealthCheckTimeoutInSeconds", _STARTUP_SECONDS)
        try:
            new.start(variant["InitialInstanceCount"], seconds=seconds)
        except ContainerError as error:
            new.end()
            if self.containers:
                self.tell("InService", FailureReason=str(error))
            else:
                self.tell("Failed", FailureReason=str(error), EndpointConfigName=config["EndpointConfigName"])
            return
        old, self.containers = self.containers, new
        count = variant["InitialInstanceCount"]
        facts = {"CurrentInstanceCount": count, "DesiredInstanceCount": count, "VariantName": variant["VariantName"]}
        self.facts["AsyncInferenceConfig"] = config.get("AsyncInferenceConfig")
        if old:
            old.end()
        elif self.asynchronous:
            threading.Thread(target=self._answer_waiting, daemon=True).start()
        self.tell("InService", EndpointConfigName=config["EndpointConfigName"], ProductionVariants=[facts])

    def _answer_waiting(self) -> None:
        while (asked := self.waiting.get()) is not None and self.containers:
            storage = self.platform.storage
            body = b"".join(storage.read(*split_uri(asked.uri)))
            answer = self.containers.invoke(body, asked.content_type, asked.accept, seconds=asked.seconds)
            bucket, key = split_uri(asked.output if answer.is_good else asked.failure)
            storage.client.put_object(Bucket=bucket, Key=key, Body=answer.body)


class EndpointService:
    """The operations that have to do with endpoints.

    Args:
        platform: on which containers run.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._resources: dict[tuple[str, str], Resource] = {}
        self.operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateModel": lambda request: self._add(Resource("Model", request, self._platform)),
            "CreateEndpointConfig": self._create_config,
            "CreateEndpoint": self._create_endpoint,
            "UpdateEndpoint": self._update_endpoint,
            "DeleteEndpoint": self._delete_endpoint,
            "DeleteModel": lambda request: self._delete("Model", request),
            "DeleteEndpointConfig": lambda request: self._delete("EndpointConfig", request),
        }
        for kind in _WORDS:
            self.operations |= {
                f"Describe{kind}": lambda request, kind=kind: self._describe(kind, request),
                f"List{kind}s": lambda request, kind=kind: self._list(kind, request),
            }

    def resources(self) -> list[Resource]:
        """All of them."""
        return list(self._resources.values())

    def model(self, name: str) -> dict[str, Any]:
        """The request that made a model."""
        return self._find("Model", name).request

    def invoke(self, name: str, body: bytes, content_type: str, accept: str) -> Answer:
        """InvokeEndpoint."""
        endpoint = self._in_service(name)
        if endpoint.asynchronous:
            raise ServiceError("ValidationError", f"Endpoint {name} is asynchronous: InvokeEndpoint is not for it.")
        assert endpoint.containers
        return endpoint.containers.invoke(body, content_type, accept, seconds=self._platform.invocation_seconds)

    def invoke_async(self, name: str, uri: str, content_type: str, accept: str, seconds: float) -> dict[str, str]:
        """InvokeEndpointAsync: where the answer is going to be, in S3."""
        endpoint = self._in_service(name)
        if not endpoint.asynchronous:
            raise ServiceError("ValidationError", f"Endpoint {name} is not asynchronous.")
        number = str(uuid.uuid4())
        places = endpoint.asynchronous["OutputConfig"]
        output = f"{places['S3OutputPath'].rstrip('/')}/{number}.out"
        failure = f"{places.get('S3FailurePath', places['S3OutputPath']).rstrip('/')}/{number}-error.out"
        endpoint.invoke_async(_Asked(uri, content_type, accept, seconds, output, failure))
        return {"InferenceId": number, "OutputLocation": output, "FailureLocation": failure}

    def end_all(self) -> None:
        """End all containers."""
        for resource in self.resources():
            if isinstance(resource, Endpoint):
                while resource.status in ("Creating", "Updating"):
                    time.sleep(0.1)
                resource.end()

    def _create_config(self, request: dict[str, Any]) -> dict[str, Any]:
        for variant in request["ProductionVariants"]:
            self._find("Model", variant["ModelName"])
        return self._add(Resource("EndpointConfig", request, self._platform))

    def _create_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        config, model = self._wanted(request)
        endpoint = Endpoint("Endpoint", request, self._platform)
        told = self._add(endpoint)
        endpoint.deploy(config, model, "Creating")
        return told

    def _update_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._at_rest(request["EndpointName"])
        endpoint.deploy(*self._wanted(request), "Updating")
        return {"EndpointArn": endpoint.arn}

    def _delete_endpoint(self, request: dict[str, Any]) -> dict[str, Any]:
        endpoint = self._at_rest(request["EndpointName"])
        endpoint.tell("Deleting")

        def end() -> None:
            endpoint.end()
            del self._resources["Endpoint", endpoint.name]

        threading.Thread(target=end, daemon=True).start()
        return {}

    def _wanted(self, request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        config = self._find("EndpointConfig", request["EndpointConfigName"]).request
        return config, self._find("Model", config["ProductionVariants"][0]["ModelName"]).request

    def _add(self, resource: Resource) -> dict[str, Any]:
        key = resource.kind, resource.name
        if key in self._resources:
            word = _WORDS[resource.kind]
            message = f'Cannot create already existing {word} "{self._resources[key].arn}".'
            raise ServiceError("ValidationException", message)
        self._resources[key] = resource
        return {f"{resource.kind}Arn": resource.arn}

    def _delete(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        resource = self._find(kind, request[f"{kind}Name"])
        del self._resources[kind, resource.name]
        return {}

    def _describe(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        facts = self._find(kind, request[f"{kind}Name"]).description()
        return answer(f"Describe{kind}", {key: value for key, value in facts.items() if value is not None})

    def _list(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        found = [resource for resource in self.resources() if resource.kind == kind]
        keys = [f"{kind}Name", f"{kind}Arn", "CreationTime"]
        keys += ["LastModifiedTime", "EndpointStatus"] if kind == "Endpoint" else []
        return listed(f"{kind}s", found, keys, request)

    def _find(self, kind: str, name: str) -> Any:
        try:
            return self._resources[kind, name]
        except KeyError:
            word = _WORDS[kind]
            raise ServiceError("ValidationException", f'Could not find {word} "{name}".') from None

    def _at_rest(self, name: str) -> Endpoint:
        endpoint: Endpoint = self._find("Endpoint", name)
        if endpoint.status in ("Creating", "Updating", "Deleting"):
            raise ServiceError("ValidationException", f'Cannot update in-progress endpoint "{endpoint.arn}".')
        return endpoint

    def _in_service(self, name: str) -> Endpoint:
        endpoint = self._resources.get(("Endpoint", name))
        if not isinstance(endpoint, Endpoint) or endpoint.containers is None:
            raise ServiceError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
        return endpoint
