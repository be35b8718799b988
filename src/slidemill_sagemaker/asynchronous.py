"""A service behind an asynchronous endpoint of SageMaker: bodies and answers lie in S3 until the answer is read.

That is how all tiles of a large slide reach a model that wants them together: up to 1 GB, for up to an hour.
"""

import contextlib
import io
import json
import time
import uuid
from typing import Any

import boto3
from boto3.exceptions import S3UploadFailedError
from botocore.exceptions import BotoCoreError, ClientError

from slidemill.serving.bodies import JSON
from slidemill.serving.endpoint import EndpointError
from slidemill_sagemaker.named_endpoint import NamedEndpoint, no_answer, refusal_in
from slidemill_sagemaker.requests import BODY_BYTES, INVOCATION_SECONDS
from snakemake_executor_plugin_sagemaker.s3 import S3Uri, read_text
from snakemake_executor_plugin_sagemaker.service import RETRIES

_PAUSE_SECONDS = 2.0
_PATIENCE_SECONDS = 6 * 3600 + INVOCATION_SECONDS  # a request may wait six hours for its turn


class AsynchronousEndpoint(NamedEndpoint):
    """An asynchronous endpoint, by its name; see `HttpEndpoint`."""

    body_bytes = 100_000_000

    def __init__(self, name: str, output_path: str, session: boto3.Session) -> None:
        """Open clients.

        Args:
            name: of the endpoint.
            output_path: where in S3 it leaves its answers; bodies go to a folder beside.
            session: with a region.
        """
        super().__init__(name)
        answers = S3Uri.parse(output_path.rstrip("/"))
        self._bodies = S3Uri(answers.bucket, answers.key.rpartition("/")[0]).child("bodies")
        self._runtime = session.client("sagemaker-runtime", config=RETRIES)
        self._s3 = session.client("s3", config=RETRIES)

    def post(self, body: bytes, content_type: str) -> Any:
        """What it says of a body. Nothing of either is left in S3.

        Raises:
            EndpointError: it does not answer, or refuses.
        """
        most = BODY_BYTES["asynchronous"]
        if len(body) > most:
            raise EndpointError(
                self._name, f"takes {most} bytes at once, and the tiles of this slide have {len(body)}; score such "
                "slides by `snakemake score`"
            )  # fmt: skip
        place = self._bodies.child(uuid.uuid4().hex)
        try:
            self._s3.upload_fileobj(io.BytesIO(body), place.bucket, place.key)
            try:
                return self._answer(place, content_type)
            finally:
                self._forget(place)
        except ClientError as error:
            raise EndpointError(self._name, refusal_in(error)) from None
        except (BotoCoreError, S3UploadFailedError) as error:
            raise no_answer(self._name, error) from None

    def _answer(self, body: S3Uri, content_type: str) -> Any:
        told = self._runtime.invoke_endpoint_async(
            EndpointName=self._name,
            InputLocation=str(body),
            ContentType=content_type,
            Accept=JSON,
            InvocationTimeoutSeconds=INVOCATION_SECONDS,
        )
        good, bad = (S3Uri.parse(told[key]) for key in ("OutputLocation", "FailureLocation"))
        last = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < last:
            if (text := read_text(self._s3, good)) is not None:
                self._forget(good)
                return self._parsed(text)
            if (text := read_text(self._s3, bad)) is not None:
                self._forget(bad)
                raise EndpointError(self._name, _failure_in(text))
            time.sleep(_PAUSE_SECONDS)
        raise EndpointError(self._name, f"gave no answer in {_PATIENCE_SECONDS // 3600} hours")

    def _parsed(self, text: str) -> Any:
        try:
            return json.loads(text)
        except ValueError:
            raise EndpointError(self._name, "gives no JSON") from None

    def _forget(self, place: S3Uri) -> None:
        with contextlib.suppress(ClientError, BotoCoreError):  # what is asked for does not fail for it
            self._s3.delete_object(Bucket=place.bucket, Key=place.key)


def _failure_in(text: str) -> str:
    """What an answer of failure says: the service's own sentence, or SageMaker's text around it."""
    try:
        return f"answers: {json.loads(text)['error']}"
    except (ValueError, TypeError, KeyError):
        return f"answers: {' '.join(text.split())[:500]}".rstrip(".")
