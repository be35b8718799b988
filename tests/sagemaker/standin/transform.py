"""Batch transform: records of objects in S3 are joined to requests, and their answers to one .out for each object."""

import json
import struct
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from .containers import Answer, ContainerError, ServingContainers
from .job import Job
from .storage import below, split_uri

_STARTUP_SECONDS = 480
_DEFAULT_PAYLOAD_MB = 6
_HEADER = struct.Struct("<QI")


class _BadRequestError(Exception):
    """Input that cannot be transformed; its text becomes the FailureReason."""


class TransformJob(Job):
    """A batch transform."""

    def run(self) -> None:
        """Run it to its end."""
        job = self.request
        containers = self._containers()
        self.tell(TransformStartTime=time.time())
        try:
            containers.start(job["TransformResources"]["InstanceCount"], seconds=_STARTUP_SECONDS)
            with ThreadPoolExecutor(job.get("MaxConcurrentTransforms", 1) * len(containers.hosts)) as pool:
                for uri, name in self._objects():
                    if self.events.stop.is_set():
                        break
                    self._transform(uri, name, containers, pool)
        except (ContainerError, _BadRequestError) as error:
            self.tell("Failed", FailureReason=str(error), TransformEndTime=time.time())
        else:
            ending = "Stopped" if self.events.stop.is_set() else "Completed"
            self.tell(ending, TransformEndTime=time.time())
        finally:
            containers.end()

    def _containers(self) -> ServingContainers:
        job = self.request
        environment = {
            "SAGEMAKER_BATCH": "true",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": str(self._payload_mb()),
            "SAGEMAKER_BATCH_STRATEGY": job.get("BatchStrategy", "MultiRecord"),
            "SAGEMAKER_MAX_CONCURRENT_TRANSFORMS": str(job.get("MaxConcurrentTransforms", 1)),
            **job.get("Environment", {}),
        }
        model = self.platform.models(job["ModelName"])
        return ServingContainers(
            self.platform, model, self.name, "/aws/sagemaker/TransformJobs", self.name, environment
        )

    def _payload_mb(self) -> int:
        return int(self.request.get("MaxPayloadInMB", _DEFAULT_PAYLOAD_MB))

    def _objects(self) -> list[tuple[str, str]]:
        """Address of each object, and its path below that of the input."""
        source = self.request["TransformInput"]["DataSource"]["S3DataSource"]
        uri, storage = source["S3Uri"], self.platform.storage
        if source["S3DataType"] == "ManifestFile":
            head, *names = json.loads(b"".join(storage.read(*split_uri(uri))))
            found = [(head["prefix"] + name, name) for name in names]
        else:
            bucket, _ = split_uri(uri)
            found = [(f"s3://{bucket}/{key}", below(uri, key)) for key in storage.keys(uri)]
        if not found:
            raise _BadRequestError(f"ClientError: No S3 objects found under {uri}.")
        return found

    def _transform(self, uri: str, name: str, containers: ServingContainers, pool: ThreadPoolExecutor) -> None:
        job = self.request
        content = b"".join(self.platform.storage.read(*split_uri(uri)))
        accept = job["TransformOutput"].get("Accept", "*/*")
        content_type = job["TransformInput"].get("ContentType", "application/octet-stream")
        client = job.get("ModelClientConfig", {})
        seconds, tries = client.get("InvocationsTimeoutInSeconds", 600), 1 + client.get("InvocationsMaxRetries", 3)
        failed = threading.Event()

        def invoke(body: bytes) -> Answer:
            for attempt in range(tries):
                answer = containers.invoke(body, content_type, accept, seconds=seconds)
                # What the client has done wrong is not tried again.
                if answer.is_good or 400 <= answer.status < 500 or attempt == tries - 1:
                    break
            if not answer.is_good:
                failed.set()
            return answer

        answers = list(pool.map(invoke, self._requests(uri, content)))
        if failed.is_set():
            bad = next(answer for answer in answers if not answer.is_good)
            kind = "ClientError" if 400 <= bad.status < 500 else "AlgorithmError"
            raise _BadRequestError(f"{kind}: {bad.status}: {bad.body.decode(errors='replace')[:900]}")
        end = b"\n" if job["TransformOutput"].get("AssembleWith") == "Line" else b""
        output = f"{job['TransformOutput']['S3OutputPath'].rstrip('/')}/{name}.out"
        bucket, key = split_uri(output)
        body = b"".join(answer.body + end for answer in answers)
        self.platform.storage.client.put_object(Bucket=bucket, Key=key, Body=body)

    def _requests(self, uri: str, content: bytes) -> Iterator[bytes]:
        """The bodies that an object becomes: records joined as far as they fit, or one by one."""
        limit = self._payload_mb() << 20
        records = list(self._records(uri, content))
        for record in records:
            if len(record) > limit:
                raise _BadRequestError(f"ClientError: {uri}: a record of {len(record)} bytes exceeds MaxPayloadInMB.")
        if self.request.get("BatchStrategy", "MultiRecord") == "SingleRecord":
            split = self.request["TransformInput"].get("SplitType", "None")
            yield from (record[_HEADER.size : -4] if split == "TFRecord" else record for record in records)
            return
        joined: list[bytes] = []
        for record in records:
            if joined and sum(map(len, joined)) + len(record) > limit:
                yield b"".join(joined)
                joined = []
            joined.append(record)
        yield b"".join(joined)

    def _records(self, uri: str, content: bytes) -> Iterator[bytes]:
        split = self.request["TransformInput"].get("SplitType", "None")
        if split == "None":
            yield content
        elif split == "Line":
            yield from content.splitlines(keepends=True)
        elif split == "TFRecord":
            start = 0
            while start < len(content):
                length, _ = _HEADER.unpack_from(content, start)
                end = start + _HEADER.size + length + 4
                yield content[start:end]
                start = end
        else:
            raise _BadRequestError(f"{uri}: the stand-in does not split {split}")
