"""Entry point of every container of a job.

The first host runs Snakemake's command. The other hosts of a job with several serve its MPI ranks until it ends,
and end as it does.
"""

import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from snakemake_executor_plugin_sagemaker.container import layout as places
from snakemake_executor_plugin_sagemaker.container.command import run_command
from snakemake_executor_plugin_sagemaker.container.failure import last_lines, newest_tail
from snakemake_executor_plugin_sagemaker.container.hosts import HostError, Verdict, lead, serve
from snakemake_executor_plugin_sagemaker.container.inputs import ChannelFileMissingError, link_inputs
from snakemake_executor_plugin_sagemaker.s3 import S3Uri, read_text
from snakemake_executor_plugin_sagemaker.service import RETRIES
from snakemake_executor_plugin_sagemaker.spec import JOB_VARIABLE, SPEC_VARIABLE, Spec

_STOPPED = 128 + signal.SIGTERM


class SpecMissingError(Exception):
    """There is no specification where the request says."""

    def __init__(self, uri: str) -> None:
        super().__init__(f"{uri}: no such object. Was it removed after the job was submitted?")


def main() -> int:
    """Do this host's part of the job; the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_STOPPED))  # process number 1 has no default
    layout = places.find_layout()
    try:
        verdict = _run(layout)
    except (SpecMissingError, ChannelFileMissingError, HostError, ClientError, BotoCoreError) as error:
        print(error, flush=True)
        verdict = Verdict(code=1, reason=str(error))
    if verdict.code:
        layout.reason.parent.mkdir(parents=True, exist_ok=True)
        layout.reason.write_text(verdict.reason)
    return verdict.code


def _run(layout: places.Layout) -> Verdict:
    spec = _read_spec()
    layout.work.mkdir(parents=True, exist_ok=True)
    os.chdir(layout.work)
    link_inputs(spec.channel_files, layout.work, places.CHANNELS)
    environment = _environment(spec)
    hosts = places.read_hosts(layout.config)
    place = S3Uri.parse(spec.staging).child(f"hosts/{os.environ[JOB_VARIABLE]}")
    if hosts.current != hosts.leader:
        return serve(hosts, place, environment, spec)
    if not hosts.others:
        code, reason = _command(spec, layout, environment)
        return Verdict(code=code, reason=reason)
    with lead(hosts, place, environment, spec) as verdict:
        verdict.code, verdict.reason = _command(spec, layout, verdict.environment)
    return verdict


def _command(spec: Spec, layout: places.Layout, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run the job's command; its exit code and, if that is not 0, why."""
    logs = [layout.work / os.path.expandvars(log) for log in spec.logs]
    code, output = run_command(spec.command, folder=layout.work, environment=environment, logs=logs)
    return code, last_lines(newest_tail(logs) or output) if code else ""


def _read_spec() -> Spec:
    uri = os.environ[SPEC_VARIABLE]
    text = read_text(_client("s3"), S3Uri.parse(uri))
    if text is None:
        raise SpecMissingError(uri)
    return Spec.from_json(text)


def _environment(spec: Spec) -> dict[str, str]:
    """The container's environment with what the job adds; secrets are in memory only."""
    secrets = {name: _read_secret(arn, spec.region) for name, arn in spec.secrets.items()}
    return {**os.environ, **_allow_root(), "AWS_DEFAULT_REGION": spec.region, **spec.environment, **secrets}


def _allow_root() -> dict[str, str]:
    """Open MPI refuses to run as root, and most containers have no other user."""
    names = ("OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "PRTE_ALLOW_RUN_AS_ROOT",
             "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM")  # fmt: skip
    return dict.fromkeys(names, "1") if os.geteuid() == 0 else {}


def _read_secret(arn: str, region: str) -> str:
    return _client("secretsmanager", region).get_secret_value(SecretId=arn)["SecretString"]


def _client(service: str, region: str | None = None) -> Any:
    return boto3.client(service, region_name=region, config=RETRIES)


if __name__ == "__main__":
    sys.exit(main())
