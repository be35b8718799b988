import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from snakemake_executor_plugin_sagemaker.polling import MAX_SILENT_POLLS, Poller, Running, Verdict
from snakemake_executor_plugin_sagemaker.resources import TRAINING
from snakemake_executor_plugin_sagemaker.s3 import S3Uri
from snakemake_executor_plugin_sagemaker.service import JobId, JobStatus, QuotaError, State
from snakemake_executor_plugin_sagemaker.spec import Spec

from .conftest import client

JOB = JobId(TRAINING, "name")


def status(state, detail="InProgress", spec="spec", *, stopping=False):
    return JobStatus(state, detail, spec, datetime(2026, 1, 1, tzinfo=UTC), stopping)


class FakeService:
    """Answers in the given order, errors among them."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.created, self.stopped = [], []

    def describe(self, job):
        return self._next()

    def create(self, job, request):
        self._next()
        self.created.append(job)

    def stop(self, job):
        self.stopped.append(job)

    def _next(self):
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeLog:
    problem = None

    def __init__(self, *lines):
        self.lines = list(lines)
        self.last = []

    def new_lines(self):
        lines, self.lines = self.lines, []
        self.last += lines
        return lines


class FakeS3:
    def __init__(self):
        self.stored = []

    def put_object(self, **what):
        self.stored.append(what["Key"])


@pytest.fixture
def shown():
    return []


def poller(shown, *answers):
    return Poller(FakeService(*answers), FakeS3(), "eu-central-1", shown.append)


def running(*, follow=False, lines=(), waiting=None):
    return Running(JOB, "train", "ml.m5.xlarge", FakeLog(*lines), follow=follow, waiting=waiting)


def submission():
    spec = Spec("command", "r", {}, {}, (), (), "s3://b", 1.0)
    return SimpleNamespace(job=JOB, spec=spec, spec_uri=S3Uri("b", "spec"), request={})


def throttled():
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "DescribeTrainingJob")


def test_the_course_of_a_job(shown):
    answers = [status(State.RUNNING, "Starting"), status(State.RUNNING, "Starting"), status(State.RUNNING, "Training")]
    asked, job = poller(shown, *answers, status(State.DONE, "Completed")), running()
    assert [asked.poll(job) for _ in range(4)] == [Verdict.CHANGED, Verdict.SAME, Verdict.CHANGED, Verdict.DONE]
    assert shown == ["SageMaker job name: Starting", "SageMaker job name: Training"]


def test_a_job_outlives_throttling(shown):
    asked, job = poller(shown, *[throttled() for _ in range(MAX_SILENT_POLLS - 1)], status(State.DONE)), running()
    verdicts = [asked.poll(job) for _ in range(MAX_SILENT_POLLS)]
    assert verdicts == [Verdict.SAME] * (MAX_SILENT_POLLS - 1) + [Verdict.DONE]


def test_a_job_that_cannot_be_asked_after_is_stopped(shown):
    service = FakeService(*[throttled() for _ in range(MAX_SILENT_POLLS)])
    asked, job = Poller(service, FakeS3(), "r", shown.append), running()
    assert [asked.poll(job) for _ in range(MAX_SILENT_POLLS)][-1] is Verdict.FAILED
    assert service.stopped == [JOB]
    assert "its state is unknown" in asked.failure(job)


def test_a_refusal_fails_at_once(shown):
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeTrainingJob")
    assert poller(shown, denied).poll(running()) is Verdict.FAILED


def test_a_job_that_vanished_fails(shown):
    asked, job = poller(shown, None), running()
    assert asked.poll(job) is Verdict.FAILED
    assert "does not know the job" in asked.failure(job)


def test_a_failure_is_told_with_its_reason_its_last_lines_and_a_link(shown):
    asked, job = (
        poller(shown, status(State.FAILED, "Failed: no memory")),
        running(lines=[f"line {i}" for i in range(30)]),
    )
    assert asked.poll(job) is Verdict.FAILED
    text = asked.failure(job)
    assert "SageMaker job name: Failed: no memory" in text
    assert "line 29" in text
    assert "line 9\n" not in text
    assert "https://eu-central-1.console.aws.amazon.com" in text


def test_lines_that_were_shown_are_not_shown_again(shown):
    asked, job = poller(shown, status(State.FAILED, "Failed")), running(follow=True, lines=["the reason"])
    asked.poll(job)
    job.log.lines.append("a last word")
    assert "the reason" not in asked.failure(job)
    assert shown[-2:] == ["[train] the reason", "[train] a last word"]


@pytest.mark.parametrize("follow", [True, False])
def test_lines_are_shown_where_the_job_is_followed(shown, follow):
    poller(shown, status(State.RUNNING)).poll(running(follow=follow, lines=["algo-1: epoch 1"]))
    assert ("[train] algo-1: epoch 1" in shown) == follow


def test_a_job_waits_for_room(shown):
    asked = poller(shown, QuotaError(), None)
    job = running(waiting=submission())
    assert asked.poll(job) is Verdict.SAME
    assert asked.poll(job) is Verdict.CHANGED
    assert job.waiting is None


def test_a_job_waits_for_one_that_writes_the_same(shown):
    asked = poller(shown, status(State.RUNNING, "Stopping", stopping=True), status(State.FAILED, "Stopped"), None)
    job = running(waiting=submission())
    job.blockers = [JobId(TRAINING, "older")]
    assert [asked.poll(job), asked.poll(job)] == [Verdict.SAME, Verdict.CHANGED]
    assert job.waiting is None


def test_nothing_is_started_after_the_end(shown):
    service = FakeService(None)
    asked = Poller(service, FakeS3(), "r", shown.append)
    asked.close()
    asked.start(submission())
    assert service.created == []


def test_the_end_waits_for_what_is_being_started(shown):
    entered, release, order = threading.Event(), threading.Event(), []

    class Slow(FakeService):
        def create(self, job, request):
            entered.set()
            release.wait()
            order.append("created")

    asked = Poller(Slow(), FakeS3(), "r", shown.append)
    start = threading.Thread(target=asked.start, args=(submission(),))
    start.start()
    entered.wait()
    close = threading.Thread(target=lambda: (asked.close(), order.append("closed")))
    close.start()
    release.set()
    start.join()
    close.join()
    assert order == ["created", "closed"]


def test_a_done_job_is_done_also_where_its_checkpoints_cannot_be_removed(shown):
    s3 = client("s3")
    asked, job = Poller(FakeService(status(State.DONE)), s3, "r", shown.append), running()
    job.own_checkpoints = S3Uri("bucket", "checkpoints/abc")
    with Stubber(s3) as stubber:
        stubber.add_client_error("list_objects_v2", "AccessDenied")
        assert asked.poll(job) is Verdict.DONE
    assert shown[0].startswith("s3://bucket/checkpoints/abc: remove it before the job runs again")


@pytest.mark.slow
@mock_aws
def test_a_done_job_leaves_no_checkpoints_however_many():
    s3 = client("s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for number in range(1001):  # one page of S3's list holds a thousand
        s3.put_object(Bucket="bucket", Key=f"checkpoints/abc/{number}")
    s3.put_object(Bucket="bucket", Key="checkpoints/abcd/of-another")
    asked = Poller(FakeService(status(State.DONE)), s3, "r", print)
    job = running()
    job.own_checkpoints = S3Uri("bucket", "checkpoints/abc")
    assert asked.poll(job) is Verdict.DONE
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket="bucket")["Contents"]] == [
        "checkpoints/abcd/of-another"
    ]
