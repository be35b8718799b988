"""What a job's container has to do, as an object in S3.

The API allows 256 characters for an argument, and Snakemake's command for a job has a thousand and more. So the request
names an object, and the object holds the rest. Only who may read the bucket may read it, and it holds no secret.
"""

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from snakemake_executor_plugin_sagemaker.channels import ChannelFile

SPEC_VARIABLE = "SNAKEMAKE_SAGEMAKER_SPEC"
JOB_VARIABLE = "SNAKEMAKE_SAGEMAKER_JOB"


@dataclass(frozen=True, slots=True)
class Spec:
    """What a job's container has to do.

    Attributes:
        command: Snakemake's command for the job, for a shell.
        environment: variables that are no secrets.
        secrets: variables to be read from AWS Secrets Manager, and the ARN of each.
        channel_files: inputs that come by a channel.
        logs: log files of the job, relative to the working folder; shown while it runs.
        staging: S3 location where the hosts of the job exchange public keys.
        host_wait_seconds: how long hosts wait for each other.
    """

    command: str
    region: str
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    channel_files: tuple[ChannelFile, ...]
    logs: tuple[str, ...]
    staging: str
    host_wait_seconds: float

    def to_json(self) -> str:
        """The specification as it stands in S3."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        """Read what `to_json` wrote."""
        values = json.loads(text)
        files = tuple(ChannelFile(**file) for file in values.pop("channel_files"))
        return cls(**{**values, "channel_files": files, "logs": tuple(values["logs"])})


def digest(spec: Spec, request: Mapping[str, Any], archive: Iterable[str], sources: str) -> str:
    """Equal for two submissions of a job that would do the same.

    Snakemake writes sets into its command in any order, and packs the sources in any order into an archive that is
    named after its checksum: the words of the command are sorted, and the archive's name gives way to the sources.

    Args:
        request: without the job's name.
        archive: words of the command that name the archive.
        sources: digest of the sources themselves.
    """
    words = sorted(set(shlex.split(spec.command)) - set(archive))
    parts = {**asdict(spec), "command": words, "request": request, "sources": sources}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
