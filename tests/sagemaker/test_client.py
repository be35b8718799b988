"""What a client of an endpoint is told, as SageMaker's own client reads its answers."""

import io
import json
import re

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from slidemill.serving.endpoint import EndpointError, ServedFacts
from slidemill_sagemaker import client
from slidemill_sagemaker.client import SageMakerEndpoint, sagemaker_endpoint

FACTS = {"classes": ["A", "B"], "tile_size": 64, "mpp": 0.5, "method": "tiles", "sha256": "ab"}


@pytest.fixture
def endpoint(monkeypatch):
    """An endpoint, and what it is to answer."""
    monkeypatch.setattr(client, "_PAUSE_SECONDS", 0)
    for name, value in {"DEFAULT_REGION": "eu-central-1", "ACCESS_KEY_ID": "none", "SECRET_ACCESS_KEY": "none"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    endpoint = SageMakerEndpoint("slides", boto3.Session())
    with Stubber(endpoint._runtime) as stub:
        yield endpoint, stub


def answer(stub, content):
    stub.add_response("invoke_endpoint", {"Body": StreamingBody(io.BytesIO(content), len(content))})


def refuse(stub, status, told):
    """As the container has refused."""
    facts = {"OriginalStatusCode": status, "OriginalMessage": told}
    stub.add_client_error("invoke_endpoint", "ModelError", "Received client error", 424, modeled_fields=facts)


def test_the_model_is_asked_for_where_scores_are(endpoint):
    asked, stub = endpoint
    answer(stub, json.dumps(FACTS).encode())
    assert asked.facts() == ServedFacts(**FACTS | {"classes": ("A", "B")})
    answer(stub, b'{"predictions": [[1, 2]]}')
    with pytest.raises(EndpointError, match=r"^slides: is no service of slidemill\.$"):
        asked.facts()


def test_a_service_that_is_full_is_waited_for(endpoint):
    asked, stub = endpoint
    refuse(stub, 503, '{"error": "full"}')
    answer(stub, b'{"scores": []}')
    assert asked.post(b"tile", "image/jpeg") == {"scores": []}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ('{"error": "tile 0 is 32 pixels wide"}', "slides: answers 422: tile 0 is 32 pixels wide."),
        ("<html>", "slides: An error occurred (ModelError) when calling the InvokeEndpoint operation"),
    ],
)
def test_what_the_service_refuses_is_told_in_its_words(endpoint, told, expected):
    asked, stub = endpoint
    refuse(stub, 422, told)
    with pytest.raises(EndpointError, match=re.escape(expected)):
        asked.post(b"tile", "image/jpeg")


def test_what_sagemaker_refuses_is_told(endpoint):
    asked, stub = endpoint
    stub.add_client_error("invoke_endpoint", "ValidationError", "Endpoint slides not found.", 400)
    with pytest.raises(EndpointError, match=r"Endpoint slides not found\.$"):
        asked.post(b"tile", "image/jpeg")


def test_what_is_too_long_is_not_sent(endpoint):
    with pytest.raises(EndpointError, match=r"takes 6291456 bytes .* have 6291457.*endpoint='{kind: asynchronous}'"):
        endpoint[0].post(bytes(6_291_457), "application/x-tfrecord")


def test_without_a_region_nothing_is_asked(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(EndpointError, match="names no region"):
        sagemaker_endpoint("slides")
