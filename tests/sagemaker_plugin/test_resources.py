import pytest

from snakemake_executor_plugin_sagemaker.errors import JobError
from snakemake_executor_plugin_sagemaker.resources import read_resources, values_of

from .conftest import PREFIX, Job, make_settings


def read(settings=None, **values):
    named = {name if name in ("runtime", "disk_mb") else f"sagemaker_{name}": value for name, value in values.items()}
    return read_resources("rule train", named, settings or make_settings(), identity="abc", storage_prefix=PREFIX)


def test_a_plain_job_is_a_processing_job_by_the_settings():
    resources = read(make_settings(instance_type="ml.c5.xlarge", volume_gb=50, runtime=60, tags=["a=b"]))
    assert resources.training is None
    assert (resources.instance_type, resources.instance_count, resources.volume_gb) == ("ml.c5.xlarge", 1, 50)
    assert (resources.runtime, resources.tags) == (60, {"a": "b"})


def test_a_job_overrides_settings():
    settings = make_settings(tags=["a=b", "c=d"], subnets=["s-1"], security_groups=["sg-1"])
    resources = read(
        settings,
        instance_type="ml.p3.2xlarge",
        volume_gb=9,
        runtime=5,
        image="other",
        tags="c=e,f=g",
        subnets="s-2, s-3",
    )
    assert (resources.instance_type, resources.volume_gb, resources.runtime) == ("ml.p3.2xlarge", 9, 5)
    assert (resources.image, resources.tags) == ("other", {"a": "b", "c": "e", "f": "g"})
    assert (resources.subnets, resources.security_groups) == (("s-2", "s-3"), ("sg-1",))


def test_the_volume_holds_what_the_job_writes():
    assert read(disk_mb=80_001).volume_gb == 81
    assert read(disk_mb=1000).volume_gb == 30
    assert read(disk_mb="<TBD>").volume_gb == 30


def test_spot():
    training = read(job="training", spot=1, runtime=100).training
    assert training.max_wait == 200
    assert str(training.checkpoints) == "s3://bucket/run/.sagemaker/checkpoints/abc"
    assert read(job="training", spot=1, runtime=100, max_wait=100).training.max_wait == 100
    assert read(job="training", spot=0).training.checkpoints is None
    assert str(read(job="training", checkpoints="s3://b/c").training.checkpoints) == "s3://b/c"
    assert read(job="training", keep_alive=60).training.keep_alive == 60


def test_channels_have_the_mode_of_the_job():
    training = read(job="training", channels="a=x/ b=y/,mode=Pipe", input_mode="File").training
    assert [(channel.uri, channel.mode) for channel in training.channels] == [
        ("s3://bucket/run/x/", "File"),
        ("s3://bucket/run/y/", "Pipe"),
    ]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"job": "batch"}, "sagemaker_job: 'batch': expected one of processing, training."),
        ({"instance_typ": "x"}, "sagemaker_instance_typ: no such resource: did you mean sagemaker_instance_type?"),
        ({"instance_count": 0}, "sagemaker_instance_count: '0': expected a whole number, at least 1."),
        ({"instance_count": "two"}, "sagemaker_instance_count: 'two'"),
        ({"instance_type": 4}, "sagemaker_instance_type: 4: expected a text."),
        ({"spot": 1}, "sagemaker_spot: only for training jobs"),
        ({"channels": "a=x/"}, "sagemaker_channels: only for training jobs"),
        ({"job": "training", "max_wait": 5}, "sagemaker_max_wait: only with sagemaker_spot=1."),
        ({"job": "training", "spot": 1, "runtime": 9, "max_wait": 8}, "8 minutes are less than the runtime of 9."),
        ({"job": "training", "spot": 1, "keep_alive": 5}, "spot instances cannot be kept alive."),
        ({"job": "training", "keep_alive": 361}, "360 at most"),
        ({"job": "training", "input_mode": "Stream"}, "sagemaker_input_mode: 'Stream'"),
        ({"job": "training", "channels": "a"}, "sagemaker_channels: 'a': expected NAME=URI"),
        ({"job": "training", "checkpoints": "/tmp"}, "sagemaker_checkpoints: '/tmp' is no S3 location"),
        ({"runtime": "1h"}, "runtime: '1h': expected minutes"),
        ({"subnets": "s-1"}, "sagemaker_subnets: subnets and security groups go together"),
        ({"tags": "a"}, "sagemaker_tags: 'a': expected KEY=VALUE."),
    ],
)
def test_mistakes_name_rule_and_resource(values, problem):
    with pytest.raises(JobError) as caught:
        read(**values)
    assert "rule train: " in str(caught.value)
    assert problem in str(caught.value)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(JobError) as caught:
        read(make_settings(image=None), job="training", keep_alive=361, spot="yes")
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "sagemaker_image",
        "sagemaker_keep_alive",
        "sagemaker_spot",
    ]


def test_a_group_needs_no_more_instances_than_its_largest_job():
    parts = [Job(resources={"sagemaker_instance_count": count, "sagemaker_image": "i"}) for count in (1, 2, 1)]
    group = Job(resources={"sagemaker_instance_count": 4, "runtime": 7}, parts=parts)
    assert values_of(group) == {"sagemaker_instance_count": 2, "sagemaker_image": "i", "runtime": 7}


def test_jobs_of_a_group_have_to_agree():
    parts = [Job(resources={"sagemaker_instance_type": name}) for name in ("ml.m5.large", "ml.c5.large")]
    with pytest.raises(JobError, match=r"sagemaker_instance_type: its jobs ask for ml\.c5\.large, ml\.m5\.large"):
        values_of(Job(parts=parts))
