"""What endpoints of SageMaker of either kind have in common for their clients; see `slidemill.serving.endpoint`."""

import json
from abc import ABC, abstractmethod
from typing import Any

from botocore.exceptions import ClientError

from slidemill.serving.bodies import JSON, MODEL_QUESTION
from slidemill.serving.endpoint import EndpointError, ServedFacts, facts_in


class NamedEndpoint(ABC):
    """An endpoint, by its name; see `HttpEndpoint`."""

    def __init__(self, name: str) -> None:
        self._name = name

    @abstractmethod
    def post(self, body: bytes, content_type: str) -> Any:
        """What it says of a body.

        Raises:
            EndpointError: it does not answer, or refuses.
        """

    def facts(self) -> ServedFacts:
        """What the service says of its model.

        Raises:
            EndpointError: it does not answer, or is something else.
        """
        return facts_in(self.post(MODEL_QUESTION, JSON), self._name)


def refusal_in(error: ClientError) -> str:
    """What the service said, or else SageMaker."""
    try:
        said = json.loads(error.response.get("OriginalMessage", ""))["error"]
    except (ValueError, TypeError, KeyError):
        return " ".join(str(error).split()).rstrip(".")
    return f"answers {error.response.get('OriginalStatusCode')}: {said}"


def no_answer(name: str, error: Exception) -> EndpointError:
    """That an endpoint was not reached, in one line."""
    return EndpointError(name, f"does not answer ({' '.join(str(error).split())})")
