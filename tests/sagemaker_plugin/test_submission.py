import re
from pathlib import Path

import pytest

from snakemake_executor_plugin_sagemaker.channels import ChannelFile
from snakemake_executor_plugin_sagemaker.errors import JobError
from snakemake_executor_plugin_sagemaker.spec import Spec
from snakemake_executor_plugin_sagemaker.submission import SubmissionBuilder, digest_sources

from .conftest import PREFIX, Job, StoredFile, make_settings, stored

ARCHIVE = ("s3://bucket/run/sources.1.tar.xz", "1")


def build(job, command="python -m snakemake train", *, archive=ARCHIVE, sources="s", environment=None, **options):
    builder = SubmissionBuilder(
        make_settings(**options),
        "eu-central-1",
        storage_prefix=PREFIX,
        local_storage=Path(".snakemake/storage"),
        remote_storage=Path("$TMPDIR/storage"),
        archive=archive,
        sources=sources,
    )
    return builder.build(job, command, environment or {})


def test_a_command_of_any_length_travels_through_s3():
    command = "python -m snakemake " + "--target-jobs train " * 10_000
    submission = build(Job(), command)
    assert submission.spec.command == command
    assert submission.request["Environment"]["SNAKEMAKE_SAGEMAKER_SPEC"] == str(submission.spec_uri)
    assert len(str(submission.spec_uri)) <= 256
    assert Spec.from_json(submission.spec.to_json()) == submission.spec


def test_paths_are_those_of_the_job():
    job = Job(
        inputs=[stored("shards/0"), stored("plan.json")],
        logs=[stored("logs/train.log")],
        resources={"sagemaker_job": "training", "sagemaker_channels": "shards=shards/"},
    )
    spec = build(job).spec
    assert spec.logs == ("$TMPDIR/storage/s3/bucket/run/logs/train.log",)
    assert spec.channel_files == (ChannelFile("$TMPDIR/storage/s3/bucket/run/shards/0", "shards", "0", True),)


def test_what_snakemake_does_not_download_is_left_alone():
    remote = StoredFile("s3://bucket/run/shards/0")
    remote.should_not_be_retrieved_from_storage = True
    job = Job(inputs=[remote], resources={"sagemaker_job": "training", "sagemaker_channels": "shards=shards/"})
    assert build(job).spec.channel_files == ()


def test_the_same_work_has_the_same_specification():
    first = build(Job(), f"deploy {ARCHIVE[0]} 1 && snakemake --rerun-triggers code input")
    again = build(
        Job(),
        "deploy s3://bucket/run/sources.2.tar.xz 2 && snakemake --rerun-triggers input code",
        archive=("s3://bucket/run/sources.2.tar.xz", "2"),
    )
    assert first.spec_uri == again.spec_uri
    assert first.job != again.job


@pytest.mark.parametrize(
    "other",
    [
        {"sources": "other"},
        {"instance_type": "ml.c5.xlarge"},
        {"command": "python -m snakemake other"},
        {"environment": {"A": "b"}},
        {"secrets": ["A=arn:aws:x"]},
    ],
)
def test_other_work_has_another_specification(other):
    assert build(Job()).spec_uri != build(Job(), **other).spec_uri


def test_only_places_that_the_plugin_chose_are_cleaned_up():
    spot = {"sagemaker_job": "training", "sagemaker_spot": 1}
    assert build(Job(resources=spot)).own_checkpoints is not None
    assert build(Job(resources={**spot, "sagemaker_checkpoints": "s3://b/mine"})).own_checkpoints is None
    assert build(Job()).own_checkpoints is None


def test_what_the_service_would_refuse_is_refused():
    job = Job("train", {"fold": 1}, {"sagemaker_instance_type": "ml.nonsense"})
    with pytest.raises(
        JobError, match=re.escape("rule train (fold=1): ProcessingResources.ClusterConfig.InstanceType")
    ):
        build(job)


def test_secrets_stand_in_no_request():
    submission = build(Job(), secrets=["TOKEN=arn:aws:secretsmanager:eu-central-1:123456789012:secret:token"])
    assert set(submission.request["Environment"]) == {"SNAKEMAKE_SAGEMAKER_SPEC", "SNAKEMAKE_SAGEMAKER_JOB"}
    assert submission.spec.secrets["TOKEN"].startswith("arn:")


def test_digest_of_sources_is_that_of_names_and_contents(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("a").write_text("1")
    Path("b").write_text("2")
    digest = digest_sources(iter(["b", "a", "gone"]))
    assert digest == digest_sources(iter(["a", "b"]))
    Path("b").write_text("3")
    assert digest != digest_sources(iter(["a", "b"]))
