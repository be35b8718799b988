"""A service behind an endpoint of SageMaker, as its clients see it; see `slidemill.serving.endpoint`."""

import json
import time
from http import HTTPStatus
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from slidemill.serving.bodies import JSON, MODEL_QUESTION
from slidemill.serving.endpoint import EndpointError, ServedFacts, facts_in
from slidemill_sagemaker.requests import BODY_BYTES
from snakemake_executor_plugin_sagemaker.service import RETRIES

_TRIES = 100
_PAUSE_SECONDS = 1.0  # SageMaker does not pass on what the service says of when to come again


class SageMakerEndpoint:
    """A real-time endpoint, by its name."""

    def __init__(self, name: str) -> None:
        """Open a client, with the credentials and the region of the AWS configuration.

        Raises:
            EndpointError: the configuration names no region.
        """
        self._name = name
        session = boto3.Session()
        if session.region_name is None:
            raise EndpointError(name, "your AWS configuration names no region; set AWS_DEFAULT_REGION")
        self._runtime = session.client("sagemaker-runtime", config=RETRIES)

    def facts(self) -> ServedFacts:
        """What the service says of its model.

        Raises:
            EndpointError: it does not answer, or is something else.
        """
        return facts_in(self.post(MODEL_QUESTION, JSON), self._name)

    def post(self, body: bytes, content_type: str) -> Any:
        """What it says of a body; waits while the service is full.

        Raises:
            EndpointError: it does not answer, or refuses.
        """
        most = BODY_BYTES["real-time"]
        if len(body) > most:
            raise EndpointError(
                self._name,
                f"takes {most} bytes at once, and these tiles have {len(body)}; a model of bags wants all tiles of a "
                "slide in one body: score such slides by `snakemake score`, or ask an asynchronous endpoint",
            )
        for _ in range(_TRIES):
            try:
                answer = self._runtime.invoke_endpoint(
                    EndpointName=self._name, Body=body, ContentType=content_type, Accept=JSON
                )
                return json.loads(answer["Body"].read())
            except ClientError as error:
                if error.response.get("OriginalStatusCode") != HTTPStatus.SERVICE_UNAVAILABLE:
                    raise EndpointError(self._name, _refusal(error)) from None
                time.sleep(_PAUSE_SECONDS)
            except BotoCoreError as error:
                raise EndpointError(self._name, f"does not answer ({' '.join(str(error).split())})") from None
            except ValueError:
                raise EndpointError(self._name, "gives no JSON") from None
        raise EndpointError(self._name, "is full")


def _refusal(error: ClientError) -> str:
    """What the service said, or else SageMaker."""
    try:
        said = json.loads(error.response.get("OriginalMessage", ""))["error"]
    except (ValueError, TypeError, KeyError):
        return " ".join(str(error).split()).rstrip(".")
    return f"answers {error.response.get('OriginalStatusCode')}: {said}"
