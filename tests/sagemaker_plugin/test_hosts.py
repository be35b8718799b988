"""Hosts that find each other, on this machine: real sshd and ssh, S3 in memory."""

import json
import os
import shutil
import subprocess
import threading
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

from snakemake_executor_plugin_sagemaker.container import hosts, ssh
from snakemake_executor_plugin_sagemaker.container.__main__ import _environment
from snakemake_executor_plugin_sagemaker.container.hosts import HostError, Verdict, lead
from snakemake_executor_plugin_sagemaker.container.layout import Hosts
from snakemake_executor_plugin_sagemaker.s3 import S3Uri
from snakemake_executor_plugin_sagemaker.spec import Spec

from ..free_ports import free_ports

PAIR = Hosts("algo-1", ("algo-1", "localhost"), "lo")
PLACE = S3Uri("bucket", "hosts/name")
WAIT_SECONDS = 600.0  # for a host that hangs


def make_spec(**more):
    return Spec("true", "eu-central-1", {}, more.pop("secrets", {}), (), (), "s3://b", more.pop("wait", 0.0))


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "none")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield


needs_ssh = pytest.mark.skipif(
    shutil.which("sshd", path="/usr/sbin:/usr/bin") is None or os.geteuid() != 0, reason="needs openssh-server and root"
)


@needs_ssh
def test_a_host_that_does_not_come_ends_the_wait(bucket):
    with pytest.raises(HostError, match="algo-1: localhost did not answer in time"), lead(PAIR, PLACE, {}, make_spec()):
        pytest.fail("the command was run")


def test_an_image_without_ssh_is_told(bucket, monkeypatch):
    monkeypatch.setattr(ssh, "_PATH", "/nowhere")
    with pytest.raises(HostError, match="ssh-keygen is not in the image"), lead(PAIR, PLACE, {}, make_spec()):
        pytest.fail("the command was run")


@pytest.fixture
def worker(bucket, monkeypatch, tmp_path):
    """A host that serves, in a thread: what it ends with."""
    monkeypatch.setattr(ssh, "PORT", free_ports(1)[0])
    monkeypatch.setattr(hosts.signal, "signal", lambda *_: None)  # only main threads may
    ended = SimpleNamespace(verdict=None)

    def serve():
        try:
            ended.verdict = hosts.serve(
                Hosts("localhost", PAIR.names, "lo"), PLACE, dict(os.environ), make_spec(wait=WAIT_SECONDS)
            )
        except HostError as error:
            ended.verdict = error

    ended.thread = threading.Thread(target=serve)
    ended.thread.start()
    yield ended
    ended.thread.join()


@needs_ssh
def test_hosts_end_with_one_verdict(worker):
    with lead(PAIR, PLACE, {"A": "b"}, make_spec(wait=WAIT_SECONDS)) as verdict:
        state = json.loads((ssh.Path(verdict.environment[hosts.STATE_VARIABLE]) / "hosts.json").read_text())
        assert state["names"] == ["algo-1", "localhost"]
        answer = subprocess.run([*state["ssh"], "localhost", 'printf %s "$PATH"'], capture_output=True, text=True)
        assert answer.stdout == os.environ["PATH"]
        verdict.code, verdict.reason = 7, "rank 3: the disk is full"
    worker.thread.join()
    assert (worker.verdict.code, worker.verdict.reason) == (7, "rank 3: the disk is full")


@needs_ssh
def test_a_first_host_that_is_gone_is_noticed(worker, monkeypatch):
    lines, is_served = [], threading.Event()
    attend, await_verdict = hosts._attend, hosts._await_verdict
    monkeypatch.setattr(hosts, "_attend", lambda *args: lines.append(attend(*args)) or lines[-1])
    monkeypatch.setattr(hosts, "_await_verdict", lambda *args: is_served.set() or await_verdict(*args))
    with lead(PAIR, PLACE, {}, make_spec(wait=WAIT_SECONDS)):
        is_served.wait()
        lines[0].kill()
        worker.thread.join()
    assert str(worker.verdict) == "localhost: algo-1 is gone."


def test_verdicts_are_failures_until_they_are_told():
    assert Verdict().code == 1


def test_secrets_are_read_by_the_container(bucket, monkeypatch):
    made = boto3.client("secretsmanager", region_name="eu-central-1").create_secret(Name="t", SecretString="hunter2")
    environment = _environment(make_spec(secrets={"TOKEN": made["ARN"]}))
    assert environment["TOKEN"] == "hunter2"
    assert "TOKEN" not in os.environ
    assert environment["AWS_DEFAULT_REGION"] == "eu-central-1"
