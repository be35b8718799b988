"""Endpoints of a project on the stand-in: made once, brought up to date, and gone when they are deleted."""

import json
import re
import sys
import tarfile
import time
import zipfile
from dataclasses import replace

import pytest

from slidemill.serving.endpoint import EndpointError
from slidemill.training.description import ENTRY, ModelDescription, ModelFileError
from slidemill_sagemaker import asynchronous
from slidemill_sagemaker.archive import find_model_files, write_archive
from slidemill_sagemaker.client import SageMakerEndpoint, sagemaker_endpoint
from slidemill_sagemaker.costs import find_costs, stop_costs
from slidemill_sagemaker.endpoint import EndpointPlan, delete_endpoint, deploy_endpoint
from slidemill_sagemaker.errors import DeploymentError
from slidemill_sagemaker.models import StoredModel
from slidemill_sagemaker.project import Project
from slidemill_sagemaker.requests import Fleet
from slidemill_sagemaker.service import Service
from snakemake_executor_plugin_sagemaker.s3 import S3Uri

from .echo import IMAGE, PROGRAM
from .standin.handle import BUCKET

pytestmark = pytest.mark.slow

ROLE = "arn:aws:iam::123456789012:role/slidemill"
PROJECT = Project(ROLE, IMAGE, None, S3Uri(BUCKET, "cohort/.sagemaker"), tags=(("who", "me"),), poll_seconds=0.1)
NAME = PROJECT.endpoint_name(None)
PLAN = EndpointPlan(NAME, "real-time", Fleet("ml.c5.xlarge", 1), None, 300, {"WORD": "hello"})


def write_model(folder, weights, told=None):
    """A file as the workflow trains it, as far as this is asked for."""
    folder.mkdir(exist_ok=True)
    path = folder / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("weights", weights)
        description = ModelDescription("small_cnn", ("a", "b"), 256, 0.5, 64, "resize", "0" * 64, {})
        archive.writestr(ENTRY, json.dumps(description.as_values() | (told or {})))
    return StoredModel(path, None)


@pytest.fixture(scope="module")
def service(sagemaker):
    sagemaker.set_image(IMAGE, sys.executable, "-c", PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in sagemaker.environment.items():
            patch.setenv(name, value)
        yield Service(PROJECT)


@pytest.fixture
def deployed(service, tmp_path):
    """The endpoint in service with a model; gone after the test."""
    model = write_model(tmp_path, "first")
    deploy_endpoint(service, PROJECT, PLAN, model)
    yield model
    delete_endpoint(service, PROJECT, NAME)


def made(sagemaker):
    """The calls that make or change something so far."""
    return [operation for operation, _ in sagemaker.calls() if re.match("Create|Update|Delete", operation)]


def test_the_archive_has_the_same_bytes_whoever_packs_it_and_when(tmp_path):
    model = write_model(tmp_path, "first")
    (tmp_path / "model.onnx").write_bytes(b"graph")
    first, second = tmp_path / "1.tar.gz", tmp_path / "2.tar.gz"
    write_archive(find_model_files(model.path, tmp_path, model.options), first)
    model.path.touch()
    model.path.chmod(0o600)
    write_archive(find_model_files(model.path, tmp_path, model.options), second)
    assert first.read_bytes() == second.read_bytes()
    with tarfile.open(first) as archive:
        assert archive.getnames() == ["serving.json", "model.keras", "model.onnx"]
        assert archive.extractfile("model.keras").read() == model.path.read_bytes()
        assert {(entry.mtime, entry.uid, entry.uname, entry.mode) for entry in archive} == {(0, 0, "", 0o644)}


def test_names_follow_from_the_folder_and_fit():
    assert NAME == "slidemill-cohort"
    long = replace(PROJECT, staging=S3Uri(BUCKET, f"a/{'x_y!' * 30}/.sagemaker"))
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", long.endpoint_name(None))


def test_the_same_command_twice_is_one_endpoint(sagemaker, service, deployed):
    assert isinstance(sagemaker_endpoint(NAME), SageMakerEndpoint)
    before = made(sagemaker)
    deploy_endpoint(service, PROJECT, PLAN, deployed)
    assert made(sagemaker) == before
    assert {"Key": "who", "Value": "me"} in service.tags(
        service.call("DescribeEndpoint", EndpointName=NAME)["EndpointArn"]
    )


def test_another_model_takes_over_and_what_was_before_is_removed(sagemaker, service, deployed):
    before = service.call("DescribeEndpoint", EndpointName=NAME)["EndpointConfigName"]
    deploy_endpoint(service, PROJECT, PLAN, write_model(deployed.path.parent, "second"))
    after = service.call("DescribeEndpoint", EndpointName=NAME)["EndpointConfigName"]
    assert after != before
    assert [entry["EndpointConfigName"] for entry in service.pages("ListEndpointConfigs", "EndpointConfigs")] == [after]
    assert len(list(service.pages("ListModels", "Models"))) == 1


def test_a_model_of_another_version_costs_nothing(sagemaker, service, tmp_path):
    model = write_model(tmp_path, "first", {"format": 2})
    before = made(sagemaker)
    with pytest.raises(ModelFileError, match="its description is of format 2, not 1, as another version"):
        deploy_endpoint(service, PROJECT, PLAN, model)
    assert made(sagemaker) == before


def test_what_is_too_long_for_a_request_is_asked_by_an_asynchronous_endpoint(service, tmp_path, monkeypatch):
    """The client finds out of which kind an endpoint is, and leaves nothing in S3."""
    monkeypatch.setattr(asynchronous, "_PAUSE_SECONDS", 0.05)
    plan = replace(PLAN, kind="asynchronous")
    deploy_endpoint(service, PROJECT, plan, write_model(tmp_path, "first"))
    endpoint = sagemaker_endpoint(NAME)
    assert endpoint.post(bytes(6_291_457), "application/x-tfrecord") == {
        "bytes": 6_291_457,
        "type": "application/x-tfrecord",
        "batch": None,
        "word": "hello",
    }
    with pytest.raises(EndpointError, match=rf'^{NAME}: answers: .*"bytes": 5'):
        endpoint.post(b"wrong", "image/jpeg")
    with pytest.raises(EndpointError, match="is no service of slidemill"):
        endpoint.facts()
    left = service.s3.list_objects_v2(Bucket=BUCKET, Prefix=PROJECT.staging.child("asynchronous").key)
    assert [one["Key"] for one in left.get("Contents", [])] == []
    delete_endpoint(service, PROJECT, NAME)
    with pytest.raises(EndpointError, match="Could not find"):
        sagemaker_endpoint(NAME)


def test_an_update_that_fails_leaves_the_model_before(sagemaker, service, deployed):
    broken = replace(PLAN, environment={"WORD": "broken"})
    with pytest.raises(DeploymentError, match=r"goes on with the model before.*Its container said last: there is no"):
        deploy_endpoint(service, PROJECT, broken, deployed)
    assert sagemaker.runtime.invoke_endpoint(EndpointName=NAME, Body=b"")["Body"].read()
    assert len(list(service.pages("ListModels", "Models"))) == 1


def test_what_does_not_start_is_taken_away_and_its_last_words_are_quoted(service, tmp_path):
    broken = replace(PLAN, environment={"WORD": "broken"})
    with pytest.raises(DeploymentError, match=r"ping health check.*Its container said last: there is no model in it"):
        deploy_endpoint(service, PROJECT, broken, write_model(tmp_path, "first"))
    assert_nothing_is_left(service)


def test_a_failed_endpoint_is_replaced(sagemaker, service, tmp_path):
    # As one that failed while nobody watched.
    model = write_model(tmp_path, "first")
    deploy_endpoint(service, PROJECT, PLAN, model)
    delete_endpoint(service, PROJECT, NAME)
    container = {"Image": IMAGE, "Environment": {"WORD": "broken"}}
    service.call("CreateModel", ModelName="broken", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "AllTraffic", "ModelName": "broken", "InitialInstanceCount": 1}
    variants = [{**variant, "InstanceType": "ml.m5.xlarge"}]
    service.call("CreateEndpointConfig", EndpointConfigName="broken", ProductionVariants=variants)
    tags = PROJECT.all_tags()
    service.call("CreateEndpoint", EndpointName=NAME, EndpointConfigName="broken", Tags=tags)
    assert sagemaker.endpoint(NAME)["EndpointStatus"] == "Failed"
    deploy_endpoint(service, PROJECT, PLAN, model)
    assert sagemaker.endpoint(NAME)["EndpointStatus"] == "InService"
    delete_endpoint(service, PROJECT, NAME)
    for kind in ("EndpointConfig", "Model"):
        service.call(f"Delete{kind}", **{f"{kind}Name": "broken"})


def test_an_endpoint_of_another_kind_takes_its_place(sagemaker, service, deployed):
    deploy_endpoint(service, PROJECT, replace(PLAN, kind="asynchronous"), deployed)
    sagemaker.storage.client.put_object(Bucket=BUCKET, Key="asked", Body=b"12345")
    asked = sagemaker.runtime.invoke_endpoint_async(EndpointName=NAME, InputLocation=f"s3://{BUCKET}/asked")
    sagemaker.wait_for_object(asked["OutputLocation"])
    bucket, _, key = asked["OutputLocation"].removeprefix("s3://").partition("/")
    assert key.startswith(f"cohort/.sagemaker/asynchronous/{NAME}/answers/")
    assert json.loads(b"".join(sagemaker.storage.read(bucket, key)))["bytes"] == 5


def test_instances_follow_the_load_where_it_is_asked_for(service, deployed):
    scaling = {"of": "application-autoscaling", "ServiceNamespace": "sagemaker"}
    deploy_endpoint(service, PROJECT, replace(PLAN, most=3), deployed)
    [target] = service.call("DescribeScalableTargets", **scaling)["ScalableTargets"]
    assert (target["ResourceId"], target["MinCapacity"], target["MaxCapacity"]) == (
        f"endpoint/{NAME}/variant/AllTraffic", 1, 3,
    )  # fmt: skip
    [policy] = service.call("DescribeScalingPolicies", **scaling)["ScalingPolicies"]
    assert policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"] == 300
    deploy_endpoint(service, PROJECT, PLAN, deployed)
    assert service.call("DescribeScalableTargets", **scaling)["ScalableTargets"] == []


def test_what_would_be_refused_is_said_before_anything_is_made(sagemaker, service, tmp_path):
    before = made(sagemaker)
    wrong = replace(PLAN, fleet=Fleet("ml.c5.xlrage", 1))
    with pytest.raises(DeploymentError, match=r"Did you mean 'ml.c5.xlarge'\?.*sagemaker_instance_type of the rule"):
        deploy_endpoint(service, PROJECT, wrong, write_model(tmp_path, "first"))
    with pytest.raises(DeploymentError, match=r"endpoint\.max_instances is 1"):
        few = replace(PLAN, fleet=Fleet("ml.c5.xlarge", 2), most=1)
        deploy_endpoint(service, PROJECT, few, write_model(tmp_path, "first"))
    assert made(sagemaker) == before


def test_endpoints_of_others_are_left_alone(sagemaker, service, deployed):
    other = replace(PROJECT, staging=S3Uri(BUCKET, "other/.sagemaker"))
    for act in (
        lambda: deploy_endpoint(service, other, PLAN, deployed),
        lambda: delete_endpoint(service, other, NAME),
    ):
        with pytest.raises(DeploymentError, match="not of this project"):
            act()
    assert list(find_costs(service, other)) == []
    assert stop_costs(service, other) == []
    assert sagemaker.endpoint(NAME)["EndpointStatus"] == "InService"


def test_all_that_costs_is_listed_and_stopped(sagemaker, service, deployed):
    cluster = {"InstanceCount": 2, "InstanceType": "ml.m5.xlarge", "VolumeSizeInGB": 30}
    for name, tags in (("ours", PROJECT.all_tags()), ("theirs", [])):
        sagemaker.sagemaker.create_processing_job(
            ProcessingJobName=name,
            RoleArn=ROLE,
            AppSpecification={
                "ImageUri": IMAGE,
                "ContainerEntrypoint": ["sh", "-c", "trap 'exit 0' TERM; echo waiting; sleep infinity & wait"],
            },
            ProcessingResources={"ClusterConfig": cluster},
            Tags=tags,
        )
    for name in ("ours", "theirs"):  # on both hosts; earlier they would not hear of their end
        while sagemaker.log_lines("Processing", name) != ["waiting"] * 2:
            time.sleep(0.1)
    costs = {(cost.kind, cost.name, cost.instances) for cost in find_costs(service, PROJECT)}
    assert costs == {("endpoint", NAME, "1 x ml.c5.xlarge"), ("processing job", "ours", "2 x ml.m5.xlarge")}
    assert {cost.name for cost in stop_costs(service, PROJECT)} == {NAME, "ours"}
    assert list(find_costs(service, PROJECT)) == []
    assert sagemaker.describe("Processing", "theirs")["ProcessingJobStatus"] == "InProgress"
    assert_nothing_is_left(service)
    sagemaker.sagemaker.stop_processing_job(ProcessingJobName="theirs")


def assert_nothing_is_left(service):
    for kind in ("Endpoint", "EndpointConfig", "Model"):
        assert list(service.pages(f"List{kind}s", f"{kind}s")) == []
