from botocore.stub import Stubber

from snakemake_executor_plugin_sagemaker.logs import JobLog
from snakemake_executor_plugin_sagemaker.resources import TRAINING
from snakemake_executor_plugin_sagemaker.service import JobId

from .conftest import client

JOB = JobId(TRAINING, "name")
STREAM = "name/algo-1-1700000000"
GROUP = {"logGroupName": "/aws/sagemaker/TrainingJobs"}


def streams(stubber, *names):
    answer = {"logStreams": [{"logStreamName": name} for name in names]}
    stubber.add_response("describe_log_streams", answer, {**GROUP, "logStreamNamePrefix": "name/"})


def events(stubber, *texts, token, after=None):
    expected = {**GROUP, "logStreamName": STREAM, "startFromHead": True, **({"nextToken": after} if after else {})}
    answer = {"events": [{"message": text} for text in texts], "nextForwardToken": token}
    stubber.add_response("get_log_events", answer, expected)


def test_each_line_is_read_once():
    logs = client("logs")
    with Stubber(logs) as stubber:
        streams(stubber, STREAM)
        events(stubber, "one", "two", token="t1")
        events(stubber, token="t1", after="t1")
        streams(stubber, STREAM)
        events(stubber, "three", token="t2", after="t1")
        events(stubber, token="t2", after="t2")
        log = JobLog(logs, JOB)
        assert log.new_lines() == ["algo-1: one", "algo-1: two"]
        assert log.new_lines() == ["algo-1: three"]
        assert list(log.last) == ["algo-1: one", "algo-1: two", "algo-1: three"]


def test_before_the_first_line_there_is_no_group():
    logs = client("logs")
    with Stubber(logs) as stubber:
        stubber.add_client_error("describe_log_streams", "ResourceNotFoundException")
        log = JobLog(logs, JOB)
        assert log.new_lines() == []
        assert log.problem is None


def test_who_may_not_read_the_log_is_told_what_to_allow():
    logs = client("logs")
    with Stubber(logs) as stubber:
        stubber.add_client_error("describe_log_streams", "AccessDeniedException")
        log = JobLog(logs, JOB)
        assert log.new_lines() == []
        assert "Allow logs:DescribeLogStreams" in log.problem
