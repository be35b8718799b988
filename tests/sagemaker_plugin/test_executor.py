"""The executor's own decisions, without Snakemake around it."""

import threading
from types import SimpleNamespace

import pytest

from snakemake_executor_plugin_sagemaker.errors import JobError
from snakemake_executor_plugin_sagemaker.executor import Executor
from snakemake_executor_plugin_sagemaker.polling import Poller, Running
from snakemake_executor_plugin_sagemaker.resources import PROCESSING, TRAINING
from snakemake_executor_plugin_sagemaker.service import JobId, QuotaError

from .conftest import Job
from .test_polling import JOB, FakeLog, FakeS3, FakeService, submission


def make_executor(*answers):
    executor = object.__new__(Executor)
    service = FakeService(*answers)
    executor._service, executor._running, executor._region = service, {}, "r"
    executor._poller = Poller(service, FakeS3(), "r", lambda text: None)
    executor.logger = SimpleNamespace(info=lambda text: None, error=lambda text: None)
    executor.workflow = SimpleNamespace(remote_execution_settings=SimpleNamespace(seconds_between_status_checks=10))
    executor._next_seconds_between_status_checks = None
    executor.lock = threading.Lock()
    return executor, service


def track(executor, job, instance_type="ml.m5.xlarge"):
    running = Running(job, "label", instance_type, FakeLog(), follow=False)
    executor._running[job] = running
    return running


def test_a_job_waits_while_others_of_its_quota_run():
    executor, _ = make_executor(QuotaError("no room"))
    track(executor, JobId(TRAINING, "other"))
    running = track(executor, JOB)
    executor._start(Job(), submission(), running)
    assert running.waiting is not None


@pytest.mark.parametrize("other", [JobId(PROCESSING, "other"), None])
def test_a_job_that_would_wait_for_ever_fails(other):
    executor, _ = make_executor(QuotaError("no room for ml.m5.xlarge"))
    if other:
        track(executor, other)
    running = track(executor, JOB)
    with pytest.raises(JobError, match=r"rule train: no room for ml\.m5\.xlarge"):
        executor._start(Job(), submission(), running)
    assert JOB not in executor._running


def test_the_end_stops_all_that_may_run():
    executor, service = make_executor()
    for name in "abc":
        track(executor, JobId(TRAINING, name))
    executor.cancel_jobs([])  # Snakemake's list is empty while jobs are being asked after
    assert [job.name for job in service.stopped] == ["a", "b", "c"]


def test_pauses_grow_while_nothing_happens_and_no_longer_than_a_minute():
    executor, _ = make_executor()
    pauses = []
    for changed in [False] * 7 + [True]:
        executor._pace(changed=changed)
        pauses.append(executor.next_seconds_between_status_checks)
    assert pauses[:2] == [15, 22.5]
    assert max(pauses) == pauses[-2] == 60
    assert pauses[-1] == 10
