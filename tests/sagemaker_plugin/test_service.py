import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from snakemake_executor_plugin_sagemaker.resources import PROCESSING, TRAINING
from snakemake_executor_plugin_sagemaker.service import JobId, QuotaError, Service, State, is_passing

from .conftest import described

JOB = JobId(TRAINING, "name")
REQUEST = {
    "TrainingJobName": "name", "RoleArn": "arn:aws:iam::123456789012:role/jobs", "OutputDataConfig": {"S3OutputPath": "s3://b"},
    "AlgorithmSpecification": {"TrainingInputMode": "File"}, "StoppingCondition": {},
    "ResourceConfig": {"VolumeSizeInGB": 1}, "Environment": {"SNAKEMAKE_SAGEMAKER_SPEC": "s3://bucket/spec.json"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("InProgress", State.RUNNING),
        ("Stopping", State.RUNNING),
        ("Completed", State.DONE),
        ("Failed", State.FAILED),
        ("Stopped", State.FAILED),
        ("SomethingNew", State.FAILED),
    ],
)
def test_states(sagemaker, status, state):
    client, stubber = sagemaker
    stubber.add_response("describe_training_job", described(status), {"TrainingJobName": "name"})
    assert Service(client).describe(JOB).state is state


def test_reasons_are_told(sagemaker):
    client, stubber = sagemaker
    answer = described("Stopped", SecondaryStatus="MaxRuntimeExceeded", FailureReason="took too long")
    stubber.add_response("describe_training_job", answer)
    assert Service(client).describe(JOB).detail == "Stopped (MaxRuntimeExceeded): took too long"


def test_unknown_jobs(sagemaker):
    client, stubber = sagemaker
    stubber.add_client_error("describe_training_job", "ValidationException", "Requested resource not found.")
    stubber.add_client_error("stop_training_job", "ValidationException", "The request was rejected: not found")
    service = Service(client)
    assert service.describe(JOB) is None
    service.stop(JOB)


def test_a_lost_answer_to_create_is_no_failure(sagemaker):
    client, stubber = sagemaker
    stubber.add_client_error("create_training_job", "ResourceInUse", "exists")
    stubber.add_response("describe_training_job", described())
    Service(client).create(JOB, REQUEST)


def test_the_name_of_another_job_is_refused(sagemaker):
    client, stubber = sagemaker
    stubber.add_client_error("create_training_job", "ResourceInUse", "exists")
    stubber.add_response("describe_training_job", described(spec="s3://bucket/other.json"))
    with pytest.raises(ClientError, match="ResourceInUse"):
        Service(client).create(JOB, REQUEST)


def test_quota(sagemaker):
    client, stubber = sagemaker
    stubber.add_client_error("create_training_job", "ResourceLimitExceeded", "limit for ml.g5 is 2")
    with pytest.raises(QuotaError, match=r"limit for ml\.g5 is 2"):
        Service(client).create(JOB, REQUEST)


def test_running_jobs_of_both_kinds(sagemaker):
    client, stubber = sagemaker
    filters = {"NameContains": "snakemake", "StatusEquals": "InProgress"}
    common = {"CreationTime": 0}
    entry = {"ProcessingJobName": "a", "ProcessingJobArn": "arn:p", "ProcessingJobStatus": "InProgress", **common}
    stubber.add_response("list_processing_jobs", {"ProcessingJobSummaries": [entry]}, filters)
    entry = {"TrainingJobName": "b", "TrainingJobArn": "arn:t", "TrainingJobStatus": "InProgress", **common}
    stubber.add_response("list_training_jobs", {"TrainingJobSummaries": [entry]}, filters)
    assert list(Service(client).running("snakemake")) == [JobId(PROCESSING, "a"), JobId(TRAINING, "b")]


def test_what_may_succeed_later():
    def error(code):
        return ClientError({"Error": {"Code": code}}, "DescribeTrainingJob")

    assert is_passing(error("ThrottlingException"))
    assert is_passing(error("InternalFailure"))
    assert is_passing(EndpointConnectionError(endpoint_url="x"))
    assert not is_passing(error("AccessDeniedException"))
    assert not is_passing(error("ValidationException"))


def test_links_and_logs():
    assert JobId.parse("training/name") == JOB
    assert JOB.log_group == "/aws/sagemaker/TrainingJobs"
    assert JOB.console_link("eu-central-1").endswith(".aws.amazon.com/sagemaker/home?region=eu-central-1#/jobs/name")
    assert "#/processing-jobs/x" in JobId(PROCESSING, "x").console_link("cn-north-1")
    assert "console.amazonaws.cn" in JOB.console_link("cn-north-1")
    for text in ("123_4", "training/", "slurm/7"):
        with pytest.raises(ValueError, match="names no job"):
            JobId.parse(text)
