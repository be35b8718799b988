"""The stand-in behaves as SageMaker's documentation says: tests that use it prove no more than this."""

import json
import sys
import tarfile
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from .standin import StandIn
from .standin.handle import BUCKET

ROLE = "arn:aws:iam::123456789012:role/slidemill"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/slidemill:1"
UNTIL_ENOUGH = "until [ -e /opt/ml/enough ]; do sleep 0.1; done"  # said by `let_end`


def new_name(prefix):
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def processing(program, *, instances=1, **more):
    """A request; the program is a line of shell."""
    cluster = {"InstanceCount": instances, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
    return {
        "ProcessingJobName": new_name("processing"),
        "RoleArn": ROLE,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerEntrypoint": ["sh", "-c", program]},
        "ProcessingResources": {"ClusterConfig": cluster},
        **more,
    }


def training(program, *, instances=1, channels=None, **more):
    """A request; the program is a line of shell."""
    return {
        "TrainingJobName": new_name("training"),
        "RoleArn": ROLE,
        "AlgorithmSpecification": {
            "TrainingImage": IMAGE,
            "TrainingInputMode": "FastFile",
            "ContainerEntrypoint": ["sh", "-c", program],
        },
        "ResourceConfig": {"InstanceCount": instances, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30},
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/models"},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        **({"InputDataConfig": channels} if channels else {}),
        **more,
    }


def channel(name, uri, mode, distribution="FullyReplicated"):
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": distribution}
    return {"ChannelName": name, "InputMode": mode, "DataSource": {"S3DataSource": source}}


def run(service, kind, request):
    """Create a job and wait for its end."""
    getattr(service.sagemaker, f"create_{kind.lower()}_job")(**request)
    return service.wait(kind, request[f"{kind}JobName"])


def put(service, **objects):
    """Store objects below a prefix of their own."""
    prefix = f"s3://{BUCKET}/{uuid.uuid4().hex}/"
    for name, content in objects.items():
        service.storage.client.put_object(Bucket=BUCKET, Key=f"{prefix.split('/')[3]}/{name}", Body=content.encode())
    return prefix


def read(service, uri):
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    return b"".join(service.storage.read(bucket, key)).decode()


def test_hosts_share_nothing_and_know_each_other(sagemaker):
    output = put(sagemaker)
    outputs = [{"OutputName": "o", "S3Output": {"LocalPath": "/opt/ml/processing/o", "S3UploadMode": "EndOfJob"}}]
    outputs[0]["S3Output"]["S3Uri"] = output
    program = (
        "cd /opt/ml/processing/o; echo mine > /root/mine; ls /tmp > tmp-$(hostname); sleep 0.5;"
        " getent hosts algo-1 algo-2 > names-$(hostname);"
        " grep current_host /opt/ml/config/resourceconfig.json > told-$(hostname)"
    )
    request = processing(program, instances=2, ProcessingOutputConfig={"Outputs": outputs})
    assert run(sagemaker, "Processing", request)["ProcessingJobStatus"] == "Completed"
    for host in ("algo-1", "algo-2"):
        assert read(sagemaker, f"{output}told-{host}").strip() == f'"current_host": "{host}",'
        assert read(sagemaker, f"{output}names-{host}").split()[1::2] == ["algo-1", "algo-2"]
        assert "pytest" not in read(sagemaker, f"{output}tmp-{host}")


def test_hosts_have_an_environment_to_which_a_link_leads(sagemaker, tmp_path):
    link = tmp_path / "environment"
    link.symlink_to(sys.prefix)
    with StandIn(tmp_path / "standin", python=str(link / "bin/python")) as service:
        request = processing("python -c 'import numpy'")
        assert run(service, "Processing", request)["ProcessingJobStatus"] == "Completed"


def test_channels_as_files_as_a_view_and_as_fifos(sagemaker):
    data = put(sagemaker, a="first ", b="second ")
    program = (
        "cd /opt/ml/input/data; cat files/*; cat view/*; touch view/c || echo read-only;"
        " cat pipe_0; while [ ! -p pipe_1 ]; do sleep 0.1; done; cat pipe_1; test ! -e pipe"
    )
    modes = {"files": "File", "view": "FastFile", "pipe": "Pipe"}
    request = training(program, channels=[channel(name, data, mode) for name, mode in modes.items()])
    assert run(sagemaker, "Training", request)["TrainingJobStatus"] == "Completed"
    lines = sagemaker.log_lines("Training", request["TrainingJobName"])
    text = "first second "
    assert lines[0].startswith(2 * text)
    assert lines[1:] == ["read-only", 2 * text]


@pytest.mark.slow
def test_sharded_objects_go_to_one_host_each_more_than_a_thousand_of_them(sagemaker):
    names = [f"{number:04d}" for number in range(1_003)]
    data = put(sagemaker, **dict.fromkeys(names, "x"))
    channels = [channel("own", data, "FastFile", "ShardedByS3Key")]
    request = training("ls /opt/ml/input/data/own", instances=2, channels=channels)
    assert run(sagemaker, "Training", request)["TrainingJobStatus"] == "Completed"
    assert sorted(sagemaker.log_lines("Training", request["TrainingJobName"])) == names


def test_what_a_failing_host_says_is_the_reason_and_the_others_are_ended(sagemaker):
    program = (
        "test $(hostname) = algo-1 && { trap 'exit 0' TERM; echo waiting; sleep infinity & wait; };"
        f" {UNTIL_ENOUGH}; echo too few slides > /opt/ml/output/failure; exit 7"
    )
    request = training(program, instances=2)
    name = request["TrainingJobName"]
    sagemaker.sagemaker.create_training_job(**request)
    sagemaker.wait("Training", name, until=lambda facts: sagemaker.log_lines("Training", name) == ["waiting"])
    sagemaker.let_end(name, "algo-2")
    facts = sagemaker.wait("Training", name)
    assert facts["TrainingJobStatus"] == facts["SecondaryStatus"] == "Failed"
    assert facts["FailureReason"] == "AlgorithmError: too few slides\n, exit code: 7"
    facts = run(sagemaker, "Processing", processing("echo no disk > /opt/ml/output/message; exit 3"))
    assert (facts["ProcessingJobStatus"], facts["ExitMessage"]) == ("Failed", "no disk\n")


def test_the_model_of_all_hosts_is_stored(sagemaker, tmp_path):
    request = training("hostname > /opt/ml/model/$(hostname)", instances=2)
    facts = run(sagemaker, "Training", request)
    bucket, key = facts["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").split("/", 1)
    sagemaker.storage.download(bucket, key, tmp_path / "model.tar.gz")
    with tarfile.open(tmp_path / "model.tar.gz") as archive:
        assert sorted(archive.getnames()) == ["algo-1", "algo-2"]


def test_a_spot_interruption_starts_the_training_again_with_its_checkpoints(sagemaker):
    kept = put(sagemaker)
    program = (
        "trap 'echo last >> /opt/ml/checkpoints/log; exit 75' TERM; echo attempt >> /opt/ml/checkpoints/log;"
        " test $(wc -l < /opt/ml/checkpoints/log) = 1 || exit 0; sleep infinity & wait"
    )
    request = training(
        program,
        EnableManagedSpotTraining=True,
        CheckpointConfig={"S3Uri": kept},
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 600},
    )
    sagemaker.sagemaker.create_training_job(**request)
    name = request["TrainingJobName"]
    sagemaker.wait("Training", name, until=lambda facts: sagemaker.storage.keys(kept) != [])
    sagemaker.interrupt(name)
    facts = sagemaker.wait("Training", name)
    assert facts["TrainingJobStatus"] == "Completed"
    assert [step["Status"] for step in facts["SecondaryStatusTransitions"]].count("Training") == 2
    assert read(sagemaker, f"{kept}log").split() == ["attempt", "last", "attempt"]


@pytest.mark.parametrize("kind", ["Training", "Processing"])
def test_a_job_that_is_stopped_gets_sigterm(sagemaker, kind):
    program = "trap 'echo saving; exit 0' TERM; echo started; sleep infinity & wait"
    request = {"Training": training, "Processing": processing}[kind](program)
    name = request[f"{kind}JobName"]
    getattr(sagemaker.sagemaker, f"create_{kind.lower()}_job")(**request)
    sagemaker.wait(kind, name, until=lambda facts: sagemaker.log_lines(kind, name) == ["started"])
    getattr(sagemaker.sagemaker, f"stop_{kind.lower()}_job")(**{f"{kind}JobName": name})
    assert sagemaker.wait(kind, name)[f"{kind}JobStatus"] == "Stopped"
    assert sagemaker.log_lines(kind, name) == ["started", "saving"]


def test_a_broken_host_fails_the_job_and_a_program_without_a_handler_ignores_sigterm(sagemaker):
    request = training("hostname; sleep infinity", instances=2)
    sagemaker.sagemaker.create_training_job(**request)
    name = request["TrainingJobName"]
    sagemaker.wait("Training", name, until=lambda facts: len(sagemaker.log_lines("Training", name)) == 2)
    sagemaker.kill(name, "algo-2")
    time.sleep(2)  # algo-1 gets SIGTERM meanwhile, if it has not yet, and is process 1, as in Docker
    assert sagemaker.describe("Training", name)["TrainingJobStatus"] == "InProgress"
    sagemaker.kill(name, "algo-1")
    facts = sagemaker.wait("Training", name)
    assert (facts["TrainingJobStatus"], facts["FailureReason"]) == ("Failed", "AlgorithmError: , exit code: 137")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ResourceConfig": {"InstanceType": "ml.nonsense", "InstanceCount": 1, "VolumeSizeInGB": 1}}, "enum value"),
        ({"TrainingJobName": "no spaces, please"}, "regular expression pattern"),
        ({"HyperParameters": {"k": "v" * 2501}}, "length less than or equal to 2500"),
        ({"EnableManagedSpotTraining": True}, "Invalid MaxWaitTimeInSeconds"),
    ],
)
def test_a_wrong_request_is_refused(sagemaker, change, message):
    with pytest.raises(ClientError, match=message):
        sagemaker.sagemaker.create_training_job(**{**training("true"), **change})


def test_a_name_is_taken_once(sagemaker):
    request = processing("true")
    run(sagemaker, "Processing", request)
    with pytest.raises(ClientError, match="ResourceInUse"):
        sagemaker.sagemaker.create_processing_job(**request)


def test_missing_data_fails_the_job(sagemaker):
    request = training("true", channels=[channel("c", f"s3://{BUCKET}/nothing-here/", "FastFile")])
    assert "No S3 objects found" in run(sagemaker, "Training", request)["FailureReason"]


def test_calls_fail_as_often_as_asked(sagemaker):
    sagemaker.fail_next("DescribeProcessingJob", times=1, code="ThrottlingException")
    call = {"ProcessingJobName": "nobody"}
    with pytest.raises(ClientError) as error:  # boto3 tries again by itself: the second answer
        sagemaker.sagemaker.describe_processing_job(**call)
    assert error.value.response["Error"]["Code"] == "ValidationException"
    assert error.value.response["ResponseMetadata"]["RetryAttempts"] == 1


def test_calls_are_told(sagemaker):
    request = processing("true")
    run(sagemaker, "Processing", request)
    assert ["CreateProcessingJob", request] in json.loads(json.dumps(sagemaker.calls()))
