import re

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_sagemaker import requests, validation
from snakemake_executor_plugin_sagemaker.resources import read_resources

from .conftest import PREFIX, make_settings

OPERATIONS = ("CreateTrainingJob", "CreateProcessingJob")
MODEL = botocore.session.get_session().get_service_model("sagemaker")
SPEC = {"SNAKEMAKE_SAGEMAKER_SPEC": "s3://b/spec.json"}


def make_request(name="a-name", settings=None, **values):
    values = {f"sagemaker_{key}" if key != "runtime" else key: value for key, value in values.items()}
    settings = settings or make_settings()
    resources = read_resources("rule train", values, settings, identity="abc", storage_prefix=PREFIX)
    operation = "CreateTrainingJob" if resources.training else "CreateProcessingJob"
    return operation, requests.build_request(name, resources, settings, "train", SPEC)


def shapes(shape, seen):
    """All shapes below one."""
    if shape.name in seen:
        return
    seen.add(shape.name)
    yield shape
    for part in [
        *getattr(shape, "members", {}).values(),
        *(getattr(shape, n, None) for n in ("member", "key", "value")),
    ]:
        if part is not None:
            yield from shapes(part, seen)


EVERYTHING = {
    "job": "training", "instance_type": "ml.g5.12xlarge", "instance_count": 4, "spot": 1, "runtime": 60,
    "channels": "a=x/,mode=Pipe,distribution=ShardedByS3Key,shuffle=7 b=y.manifest,type=ManifestFile,mode=File",
    "subnets": "subnet-1", "security_groups": "sg-1", "tags": "project=slides and more",
}  # fmt: skip


@pytest.mark.parametrize(
    "values",
    [{}, EVERYTHING, {"job": "training", "keep_alive": 30}, {"subnets": "subnet-1", "security_groups": "sg-1"}],
)
def test_what_the_plugin_builds_is_valid(values):
    assert validation.find_problems(*make_request(**values)) == []


def test_every_pattern_of_the_model_can_be_read():
    for operation in OPERATIONS:
        for shape in shapes(MODEL.operation_model(operation).input_shape, set()):
            if "pattern" in shape.metadata:
                assert isinstance(validation._pattern(shape.metadata["pattern"]), re.Pattern)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"instance_type": "ml.m5.xlarg"}, "InstanceType: 'ml.m5.xlarg' is none of the"),
        ({"instance_type": "ml.m5.xlarg"}, "Did you mean 'ml.m5.xlarge'? (Set by sagemaker_instance_type"),
        (
            {"instance_count": 101},
            "InstanceCount: 101: expected at least 1 and at most 100. (Set by sagemaker_instance_",
        ),
        (
            {"image": 256 * "i"},
            "ImageUri: 256 characters: expected at least 0 and at most 255. (Set by sagemaker_image",
        ),
        ({"runtime": 20_000}, "MaxRuntimeInSeconds: 1200000: expected at least 1 and at most 777600. (Set by runtime"),
        ({"tags": "a?=b"}, "Tags[2].Key: 'a?' does not match"),
        ({"subnets": "subnet 1", "security_groups": "sg-1"}, "Subnets[0]: 'subnet 1' does not match"),
    ],
)
def test_mistakes_name_the_field_and_who_set_it(values, problem):
    assert any(problem in found for found in validation.find_problems(*make_request(**values)))


def test_a_role_has_to_be_a_role():
    problems = validation.find_problems(*make_request(settings=make_settings(role="arn:aws:iam::1:user/me-and-you")))
    assert problems
    assert problems[0].endswith("(Set by --sagemaker-role.)")


@given(name=st.text(max_size=80))
def test_names_are_judged_as_the_model_says(name):
    valid = re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name) and len(name) <= 63
    assert bool(validation.find_problems(*make_request(name))) == (not valid)


def test_missing_and_unknown_members():
    operation, request = make_request()
    del request["RoleArn"]
    request["Colour"] = "red"
    assert [problem.split(":")[0] for problem in validation.find_problems(operation, request)] == ["RoleArn", "Colour"]
