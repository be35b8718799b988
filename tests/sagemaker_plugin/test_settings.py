import dataclasses
import re
from pathlib import Path

import pytest
from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

from snakemake_executor_plugin_sagemaker import resources
from snakemake_executor_plugin_sagemaker.errors import SettingError
from snakemake_executor_plugin_sagemaker.settings import ExecutorSettings
from snakemake_executor_plugin_sagemaker.submission import plain_environment

from .conftest import make_settings

README = Path(resources.__file__).with_name("README.md")


def test_snakemake_finds_the_plugin():
    plugin = ExecutorPluginRegistry().get_plugin("sagemaker")
    assert plugin.common_settings.implies_no_shared_fs
    assert not plugin.common_settings.pass_envvar_declarations_to_cmd


def test_readme_tells_every_option_and_resource():
    text = README.read_text()
    told = set(re.findall(r"^\| `([a-z_-]+)`", text, re.MULTILINE))
    options = {f"--sagemaker-{field.name}".replace("_", "-") for field in dataclasses.fields(ExecutorSettings)}
    assert {option.removeprefix("--") for option in options} | {f"sagemaker_{name}" for name in resources.NAMES} == (
        told - {"runtime", "disk_mb", "mpi"}
    )


def test_staging_is_below_the_storage_by_default():
    assert str(make_settings().staging) == "s3://bucket/run/.sagemaker"
    assert str(make_settings(staging="s3://other/place").staging) == "s3://other/place"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"role": None}, "--sagemaker-role: give the ARN"),
        ({"staging": "/tmp/x"}, "--sagemaker-staging: '/tmp/x' is no S3 location"),
        ({"tags": ["project"]}, "--sagemaker-tags: 'project': expected NAME=VALUE"),
        ({"secrets": ["TOKEN=hunter2"]}, "expected NAME=ARN of a secret"),
        ({"job_name_prefix": "a_b"}, "--sagemaker-job-name-prefix: 'a_b'"),
        ({"job_name_prefix": 21 * "a"}, "at most 20"),
        ({"runtime": 0}, "--sagemaker-runtime: 0: expected at least 1"),
        ({"follow_logs": "some"}, "expected one of training, all, none"),
        ({"subnets": ["subnet-1"]}, "go together"),
    ],
)
def test_mistakes_are_told(options, problem):
    with pytest.raises(SettingError, match=re.escape(problem)):
        make_settings(**options)


def test_values_travel_only_if_they_are_said_to_be_plain():
    envvars = {"LANGUAGE": "en", "TOKEN": "hunter2", "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "hunter3",
               "SNAKEMAKE_STORAGE_S3_REGION": "eu-central-1"}  # fmt: skip
    settings = make_settings(plain_envvars=["LANGUAGE"], secrets=["TOKEN=arn:aws:secretsmanager:x"])
    assert plain_environment(envvars, settings) == {"LANGUAGE": "en", "SNAKEMAKE_STORAGE_S3_REGION": "eu-central-1"}
    with pytest.raises(SettingError, match="jobs to have TOKEN") as caught:
        plain_environment(envvars, make_settings(plain_envvars=["LANGUAGE"]))
    assert "hunter" not in str(caught.value)
