"""The stand-in's endpoints and batch transforms behave as SageMaker's documentation says."""

import io
import json
import struct
import sys
import tarfile
import time
import uuid

import pytest
from botocore.exceptions import ClientError

from .echo import IMAGE, PROGRAM
from .standin.handle import BUCKET

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::123456789012:role/slidemill"


def new_name():
    return f"echo-{uuid.uuid4().hex[:8]}"


def put(service, key, content):
    service.storage.client.put_object(Bucket=BUCKET, Key=key, Body=content)
    return f"s3://{BUCKET}/{key}"


@pytest.fixture(scope="module")
def archive(sagemaker):
    sagemaker.set_image(IMAGE, sys.executable, "-c", PROGRAM)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("model.keras"))
    return put(sagemaker, "model.tar.gz", content.getvalue())


def make_config(service, archive, **more):
    """A model and a configuration, of the same name."""
    name, client = new_name(), service.sagemaker
    environment = {"WORD": more.pop("word", "hello")}
    container = {"Image": IMAGE, "ModelDataUrl": archive, "Environment": environment}
    client.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.xlarge",
    }
    client.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant], **more)
    return name


@pytest.fixture(scope="module")
def endpoint(sagemaker, archive):
    name = new_name()
    sagemaker.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=make_config(sagemaker, archive))
    assert sagemaker.endpoint(name)["EndpointStatus"] == "InService"
    return name


def test_an_endpoint_answers(sagemaker, endpoint):
    answer = sagemaker.runtime.invoke_endpoint(EndpointName=endpoint, Body=b"\xff\x00\xfe", ContentType="image/jpeg")
    told = {"bytes": 3, "type": "image/jpeg", "batch": None, "word": "hello"}
    assert json.load(answer["Body"]) == told


def test_an_answer_of_failure_is_handed_on(sagemaker, endpoint):
    with pytest.raises(ClientError) as error:
        sagemaker.runtime.invoke_endpoint(EndpointName=endpoint, Body=b"wrong")
    response = error.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["OriginalStatusCode"] == 400
    assert json.loads(response["OriginalMessage"])["bytes"] == 5


def test_a_body_may_have_six_megabytes(sagemaker, endpoint):
    full = sagemaker.runtime.invoke_endpoint(EndpointName=endpoint, Body=bytes(6_291_456))
    assert json.load(full["Body"])["bytes"] == 6_291_456
    with pytest.raises(ClientError, match="HTTP content length exceeded 6291456 bytes") as error:
        sagemaker.runtime.invoke_endpoint(EndpointName=endpoint, Body=bytes(6_291_457))
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_an_answer_that_takes_too_long_is_not_waited_for(sagemaker, endpoint):
    sagemaker.limit(invocation_seconds=0.2)
    with pytest.raises(ClientError, match="timed out"):
        sagemaker.runtime.invoke_endpoint(EndpointName=endpoint, Body=b"hang")
    sagemaker.limit(invocation_seconds=60)


def test_an_update_takes_over_and_one_that_fails_leaves_what_was(sagemaker, archive, endpoint):
    client = sagemaker.sagemaker
    first = client.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"]
    second = make_config(sagemaker, archive, word="other")
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName=second)
    assert sagemaker.endpoint(endpoint)["EndpointConfigName"] == second
    assert json.load(sagemaker.runtime.invoke_endpoint(EndpointName=endpoint, Body=b"")["Body"])["word"] == "other"
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName=make_config(sagemaker, archive, word="broken"))
    facts = sagemaker.endpoint(endpoint)
    assert (facts["EndpointStatus"], facts["EndpointConfigName"]) == ("InService", second)
    assert "ping health check" in facts["FailureReason"]
    client.update_endpoint(EndpointName=endpoint, EndpointConfigName=first)
    assert sagemaker.endpoint(endpoint)["EndpointConfigName"] == first


def test_a_container_that_ends_fails_the_endpoint(sagemaker, archive):
    name = new_name()
    config = make_config(sagemaker, archive, word="broken")
    sagemaker.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert "did not pass the ping health check" in sagemaker.endpoint(name)["FailureReason"]
    [stream] = sagemaker.logs.describe_log_streams(logGroupName=f"/aws/sagemaker/Endpoints/{name}")["logStreams"]
    events = sagemaker.logs.get_log_events(
        logGroupName=f"/aws/sagemaker/Endpoints/{name}", logStreamName=stream["logStreamName"]
    )
    messages = [event["message"] for event in events["events"]]
    assert messages == ["started with broken ['model.keras']", "there is no model in it"]


def test_what_is_deleted_is_gone(sagemaker, archive):
    client, name = sagemaker.sagemaker, new_name()
    config = make_config(sagemaker, archive, word="later")
    client.create_endpoint(EndpointName=name, EndpointConfigName=config)
    with pytest.raises(ClientError, match="in-progress"):
        client.delete_endpoint(EndpointName=name)
    sagemaker.let_serve(name)
    sagemaker.endpoint(name)
    client.delete_endpoint(EndpointName=name)
    client.delete_endpoint_config(EndpointConfigName=config)
    client.delete_model(ModelName=config)
    while client.list_endpoints(NameContains=name)["Endpoints"]:
        time.sleep(0.1)
    with pytest.raises(ClientError, match="Could not find model"):
        client.describe_model(ModelName=config)


def test_an_asynchronous_endpoint_answers_to_s3(sagemaker, archive):
    name, prefix = new_name(), f"s3://{BUCKET}/{uuid.uuid4().hex}"
    places = {"S3OutputPath": f"{prefix}/answers", "S3FailurePath": f"{prefix}/failures"}
    config = make_config(sagemaker, archive, AsyncInferenceConfig={"OutputConfig": places})
    sagemaker.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    sagemaker.endpoint(name)
    with pytest.raises(ClientError, match="asynchronous"):
        sagemaker.runtime.invoke_endpoint(EndpointName=name, Body=b"")
    for content, key in ((b"12345", "OutputLocation"), (b"wrong", "FailureLocation")):
        place = put(sagemaker, f"{uuid.uuid4().hex}", content)
        asked = sagemaker.runtime.invoke_endpoint_async(EndpointName=name, InputLocation=place, ContentType="a/b")
        sagemaker.wait_for_object(asked[key])
        bucket, _, where = asked[key].removeprefix("s3://").partition("/")
        told = json.loads(b"".join(sagemaker.storage.read(bucket, where)))
        assert (told["bytes"], told["type"]) == (5, "a/b")


def records(*sizes, content=b"x"):
    return b"".join(struct.pack("<QI", n, 0) + (content * n)[:n] + b"\0" * 4 for n in sizes)


def transform(service, archive, uri, *, kind="S3Prefix", **more):
    """Run a batch transform to its end, and give what Describe tells."""
    name, client = new_name(), service.sagemaker
    source = {"S3DataSource": {"S3DataType": kind, "S3Uri": uri}}
    request = {
        "TransformJobName": name,
        "ModelName": make_config(service, archive),
        "MaxPayloadInMB": 1,
        "TransformInput": {"DataSource": source, "SplitType": "TFRecord", "ContentType": "application/x-tfrecord"},
        "TransformOutput": {"S3OutputPath": f"s3://{BUCKET}/{name}", "AssembleWith": "Line"},
        "TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
    }
    client.create_transform_job(**request | more)
    return service.wait("Transform", name)


def answers(service, facts, name):
    key = f"{facts['TransformOutput']['S3OutputPath'].split('/', 3)[3]}/{name}.out"
    return [json.loads(line) for line in b"".join(service.storage.read(BUCKET, key)).splitlines()]


def test_records_are_joined_up_to_the_payload(sagemaker, archive):
    folder = uuid.uuid4().hex
    put(sagemaker, f"{folder}/a.tfrecord", records(500_000, 500_000, 500_000))
    put(sagemaker, f"{folder}/b.tfrecord", records(7))
    put(sagemaker, f"{folder}/other.zip", b"not to be read")
    manifest = [{"prefix": f"s3://{BUCKET}/{folder}/"}, "a.tfrecord", "b.tfrecord"]
    uri = put(sagemaker, f"{folder}.manifest", json.dumps(manifest).encode())
    facts = transform(sagemaker, archive, uri, kind="ManifestFile", MaxConcurrentTransforms=4)
    assert facts["TransformJobStatus"] == "Completed", facts
    told = answers(sagemaker, facts, "a.tfrecord")
    assert [one["bytes"] for one in told] == [2 * 500_016, 500_016]
    assert {(one["batch"], one["type"]) for one in told} == {("true", "application/x-tfrecord")}
    assert [one["bytes"] for one in answers(sagemaker, facts, "b.tfrecord")] == [23]


def test_single_records_come_without_their_framing(sagemaker, archive):
    uri = put(sagemaker, f"{uuid.uuid4().hex}/a.tfrecord", records(5, 6))
    facts = transform(sagemaker, archive, uri, BatchStrategy="SingleRecord")
    assert [one["bytes"] for one in answers(sagemaker, facts, "a.tfrecord")] == [5, 6]


@pytest.mark.parametrize(
    ("content", "reason"), [(records(5, content=b"wrong"), "ClientError: 400"), (records(1 << 20), "exceeds")]
)
def test_a_request_that_fails_fails_the_transform(sagemaker, archive, content, reason):
    facts = transform(sagemaker, archive, put(sagemaker, f"{uuid.uuid4().hex}/a.tfrecord", content))
    assert facts["TransformJobStatus"] == "Failed"
    assert reason in facts["FailureReason"]


def test_too_much_at_a_time_is_refused(sagemaker, archive):
    with pytest.raises(ClientError, match="must not exceed 100"):
        transform(sagemaker, archive, "s3://b/c", MaxPayloadInMB=30, MaxConcurrentTransforms=4)
