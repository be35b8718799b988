"""Several hosts as one job: the first runs Snakemake, the others serve the ranks that its mpirun starts there.

Each host makes a key and puts the public half into S3, where only the job's role may write. The first host connects to
every other one when it answers, and tells the end over a connection that stays open: if it breaks, the first
host is gone.
"""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3

from snakemake_executor_plugin_sagemaker.container import ssh
from snakemake_executor_plugin_sagemaker.container.command import stop_workers
from snakemake_executor_plugin_sagemaker.container.layout import Hosts
from snakemake_executor_plugin_sagemaker.s3 import S3Uri, read_text, write_text
from snakemake_executor_plugin_sagemaker.service import RETRIES
from snakemake_executor_plugin_sagemaker.spec import Spec

STATE_VARIABLE = "SNAKEMAKE_SAGEMAKER_HOSTS"  # folder with what the launcher of ranks needs
_POLL_SECONDS = 1.0
_ATTEND = (
    'cat > "$SNAKEMAKE_SAGEMAKER_VERDICT.part"; mv "$SNAKEMAKE_SAGEMAKER_VERDICT.part" "$SNAKEMAKE_SAGEMAKER_VERDICT"'
)


class HostError(Exception):
    """A host that did not come, or is gone."""


@dataclass
class Verdict:
    """How the job ends on all hosts.

    Attributes:
        environment: for the command on the first host.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    code: int = 1
    reason: str = ""


@contextlib.contextmanager
def lead(hosts: Hosts, place: S3Uri, environment: Mapping[str, str], spec: Spec) -> Iterator[Verdict]:
    """Gather the other hosts, and tell them the verdict at the end.

    Args:
        place: S3 location of this job's public keys.
        environment: of the job on this host.
    Raises:
        HostError: a host did not come in time.
    """
    folder = _private_folder()
    write_text(_s3(), place.child(f"{hosts.current}.pub"), ssh.make_key(folder))
    connect = ssh.prepare_ssh(folder)
    _await_others(hosts, place, folder, connect, time.monotonic() + spec.host_wait_seconds)
    lines = {host: _attend(connect, host) for host in hosts.others}
    state = {
        "names": hosts.names,
        "interface": hosts.interface,
        "ssh": connect,
        "environment": [f"{name}={value}" for name, value in environment.items()],
        "channel_files": [file.local for file in spec.channel_files],
    }
    (folder / "hosts.json").write_text(json.dumps(state))
    verdict = Verdict({**environment, STATE_VARIABLE: str(folder)})
    try:
        yield verdict
    finally:
        text = json.dumps({"code": verdict.code, "reason": verdict.reason})
        for line in lines.values():
            with contextlib.suppress(subprocess.TimeoutExpired, BrokenPipeError):
                line.communicate(text.encode(), timeout=30)


def serve(hosts: Hosts, place: S3Uri, environment: Mapping[str, str], spec: Spec) -> Verdict:
    """Serve the first host until it tells its verdict.

    Raises:
        HostError: it did not come in time, or is gone.
    """
    folder = _private_folder()
    key = ssh.make_key(folder)
    verdict = folder / "verdict"
    try:
        sshd = ssh.start_sshd(folder, hosts.current, {**environment, "SNAKEMAKE_SAGEMAKER_VERDICT": str(verdict)})
    except (OSError, ssh.ProgramMissingError) as error:
        raise HostError(f"{hosts.current}: sshd cannot be started: {error}") from None
    signal.signal(signal.SIGTERM, lambda *_: stop_workers(sshd.pid))
    write_text(_s3(), place.child(f"{hosts.current}.pub"), key)
    try:
        _await_leader(hosts, place, folder, sshd, time.monotonic() + spec.host_wait_seconds)
        return _await_verdict(hosts, verdict, sshd)
    finally:
        sshd.terminate()
        sshd.wait()


def _await_others(hosts: Hosts, place: S3Uri, folder: Path, connect: list[str], deadline: float) -> None:
    missing = list(hosts.others)
    while missing:
        # Read anew each time: what an interrupted attempt of this job left there is no key of these hosts.
        keys = {host: read_text(_s3(), place.child(f"{host}.pub")) for host in hosts.others}
        known = "".join(ssh.known_host(host, key) for host, key in keys.items() if key)
        (folder / "known_hosts").write_text(known)
        missing = [host for host in missing if not keys[host] or not _answers(connect, host)]
        if missing and time.monotonic() > deadline:
            raise HostError(f"{hosts.current}: {', '.join(missing)} did not answer in time. Their own logs tell why.")
        if missing:
            time.sleep(_POLL_SECONDS)
    print(f"All {len(hosts.names)} hosts are there.", flush=True)


def _await_leader(
    hosts: Hosts, place: S3Uri, folder: Path, sshd: "subprocess.Popen[bytes]", deadline: float
) -> None:  # fmt: skip
    print(f"Waiting for {hosts.leader}.", flush=True)
    while not any((folder / name).exists() for name in ("verdict.part", "verdict")):
        key = read_text(_s3(), place.child(f"{hosts.leader}.pub"))
        (folder / "authorized_keys").write_text(f"{key}\n" if key else "")
        _check_sshd(hosts, sshd)
        if time.monotonic() > deadline:
            raise HostError(f"{hosts.current}: {hosts.leader} did not come in time. Its own log tells why.")
        time.sleep(_POLL_SECONDS)
    print(f"Serving {hosts.leader}.", flush=True)


def _await_verdict(hosts: Hosts, verdict: Path, sshd: "subprocess.Popen[bytes]") -> Verdict:
    while not verdict.exists():
        _check_sshd(hosts, sshd)
        time.sleep(_POLL_SECONDS)
    text = verdict.read_text()
    if not text:
        raise HostError(f"{hosts.current}: {hosts.leader} is gone.")
    values = json.loads(text)
    return Verdict(code=values["code"], reason=values["reason"])


def _check_sshd(hosts: Hosts, sshd: "subprocess.Popen[bytes]") -> None:
    if sshd.poll() is not None:
        raise HostError(f"{hosts.current}: sshd ended with code {sshd.returncode}; its words stand above.")


def _answers(connect: list[str], host: str) -> bool:
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.run([*connect, host, "true"], **quiet).returncode == 0


def _attend(connect: list[str], host: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([*connect, host, _ATTEND], stdin=subprocess.PIPE, start_new_session=True)


def _private_folder() -> Path:
    try:
        ssh.program("ssh-keygen")
        return ssh.private_folder()
    except ssh.ProgramMissingError as error:
        raise HostError(str(error)) from None


def _s3() -> Any:
    return boto3.client("s3", config=RETRIES)
