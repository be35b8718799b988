"""A service behind an endpoint of SageMaker, as its clients see it; see `slidemill.serving.endpoint`."""

import json
import time
from http import HTTPStatus
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from slidemill.serving.bodies import JSON
from slidemill.serving.endpoint import EndpointError
from slidemill_sagemaker.asynchronous import AsynchronousEndpoint
from slidemill_sagemaker.named_endpoint import NamedEndpoint, no_answer, refusal_in
from slidemill_sagemaker.requests import BODY_BYTES
from snakemake_executor_plugin_sagemaker.service import RETRIES

_TRIES = 100
_PAUSE_SECONDS = 1.0  # SageMaker does not pass on what the service says of when to come again


def sagemaker_endpoint(name: str) -> "SageMakerEndpoint | AsynchronousEndpoint":
    """An endpoint of either kind, with the credentials and the region of the AWS configuration.

    Raises:
        EndpointError: the configuration names no region, or there is no such endpoint.
    """
    session = boto3.Session()
    if session.region_name is None:
        raise EndpointError(name, "your AWS configuration names no region; set AWS_DEFAULT_REGION")
    try:
        facts = session.client("sagemaker", config=RETRIES).describe_endpoint(EndpointName=name)
    except ClientError as error:
        if not error.response["Error"]["Code"].startswith("AccessDenied"):
            raise EndpointError(name, refusal_in(error)) from None
        facts = {}  # whoever may ask it and not ask about it can still ask a real-time one
    except BotoCoreError as error:
        raise EndpointError(name, f"cannot be asked about ({' '.join(str(error).split())})") from None
    asynchronous = facts.get("AsyncInferenceConfig")
    if asynchronous is None:
        return SageMakerEndpoint(name, session)
    return AsynchronousEndpoint(name, asynchronous["OutputConfig"]["S3OutputPath"], session)


class SageMakerEndpoint(NamedEndpoint):
    """A real-time endpoint, by its name; see `HttpEndpoint`."""

    body_bytes = 5_000_000

    def __init__(self, name: str, session: boto3.Session) -> None:
        """Open a client."""
        super().__init__(name)
        self._runtime = session.client("sagemaker-runtime", config=RETRIES)

    def post(self, body: bytes, content_type: str) -> Any:
        """What it says of a body; waits while the service is full.

        Raises:
            EndpointError: it does not answer, or refuses.
        """
        most = BODY_BYTES["real-time"]
        if len(body) > most:
            raise EndpointError(
                self._name,
                f"takes {most} bytes at once, and the tiles of this slide, which a model of bags wants together, "
                f"have {len(body)}. Bring an asynchronous endpoint into service, which this command takes as well: "
                "snakemake deploy_endpoint --profile sagemaker --config model=MODEL endpoint='{kind: asynchronous}'; "
                "or score such slides by `snakemake score`",
            )
        for _ in range(_TRIES):
            try:
                answer = self._runtime.invoke_endpoint(
                    EndpointName=self._name, Body=body, ContentType=content_type, Accept=JSON
                )
                return json.loads(answer["Body"].read())
            except ClientError as error:
                if error.response.get("OriginalStatusCode") != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise EndpointError(self._name, refusal_in(error)) from None
                time.sleep(_PAUSE_SECONDS)
            except BotoCoreError as error:
                raise no_answer(self._name, error) from None
            except ValueError:
                raise EndpointError(self._name, "gives no JSON") from None
        raise EndpointError(self._name, "is full")
