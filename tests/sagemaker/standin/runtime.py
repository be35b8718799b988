"""InvokeEndpoint and InvokeEndpointAsync over HTTP."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from .endpoints import EndpointService
from .errors import ServiceError

MAX_BODY_BYTES = 6_291_456
_PATH = re.compile(r"/endpoints/([^/]+)/(invocations|async-invocations)")

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


def is_invocation(environ: dict[str, Any]) -> bool:
    """Whether a request is for an endpoint."""
    return _PATH.fullmatch(environ["PATH_INFO"]) is not None


def invoke(endpoints: EndpointService, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    """Answer a request for an endpoint."""
    match = _PATH.fullmatch(environ["PATH_INFO"])
    assert match
    name, kind = match.groups()
    try:
        if kind == "async-invocations":
            return _asynchronous(endpoints, name, environ, start_response)
        return _at_once(endpoints, name, environ, start_response)
    except ServiceError as error:
        body = json.dumps({"message": str(error), "Message": str(error), **error.facts}).encode()
        kinds = [] if error.code.isdecimal() else [("x-amzn-errortype", error.code)]
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *kinds]
        start_response(f"{error.status} Error", headers)
        return [body]


def _at_once(
    endpoints: EndpointService, name: str, environ: dict[str, Any], start_response: StartResponse
) -> Iterable[bytes]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length)
    if length > MAX_BODY_BYTES:
        raise ServiceError("413", f"HTTP content length exceeded {MAX_BODY_BYTES} bytes.", 413)
    content_type = environ.get("CONTENT_TYPE") or "application/octet-stream"
    answer = endpoints.invoke(name, body, content_type, environ.get("HTTP_ACCEPT", "*/*"))
    if not answer.is_good:
        told = answer.body.decode(errors="replace")
        kind = "client" if 400 <= answer.status < 500 else "server"
        message = f'Received {kind} error ({answer.status}) from primary with message "{told[:1024]}".'
        facts = {"OriginalStatusCode": answer.status, "OriginalMessage": told}
        raise ServiceError("ModelError", message, 424, **facts)
    headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
    start_response("200 OK", [*headers, ("x-Amzn-Invoked-Production-Variant", "AllTraffic")])
    return [answer.body]


def _asynchronous(
    endpoints: EndpointService, name: str, environ: dict[str, Any], start_response: StartResponse
) -> Iterable[bytes]:
    def header(name: str, otherwise: str) -> str:
        return str(environ.get(f"HTTP_X_AMZN_SAGEMAKER_{name}", otherwise))

    uri = header("INPUTLOCATION", "")
    if not uri.startswith("s3://"):
        raise ServiceError("ValidationError", "InputLocation is missing.")
    told = endpoints.invoke_async(
        name,
        uri,
        header("CONTENT_TYPE", "application/octet-stream"),
        header("ACCEPT", "*/*"),
        float(header("INVOCATIONTIMEOUTSECONDS", "900")),
    )
    body = json.dumps({"InferenceId": told["InferenceId"]}).encode()
    places = [(f"X-Amzn-SageMaker-{key}", told[key]) for key in ("OutputLocation", "FailureLocation")]
    start_response("202 Accepted", [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *places])
    return [body]
