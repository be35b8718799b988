import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_sagemaker.channels import Channel, ChannelFile, channel_files, parse_channels

PREFIX = "s3://bucket/run"
names = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
channels = st.builds(
    Channel,
    name=names,
    uri=st.from_regex(r"s3://[a-z]{3,8}/[a-z/]{0,20}", fullmatch=True),
    mode=st.sampled_from(["File", "FastFile", "Pipe"]),
    distribution=st.sampled_from(["FullyReplicated", "ShardedByS3Key"]),
    data_type=st.sampled_from(["S3Prefix", "ManifestFile"]),
    shuffle_seed=st.none() | st.integers(0, 10**17),
)


def written(channel):
    seed = "" if channel.shuffle_seed is None else f",shuffle={channel.shuffle_seed}"
    options = f"mode={channel.mode},distribution={channel.distribution},type={channel.data_type}{seed}"
    return f"{channel.name}={channel.uri},{options}"


@given(wanted=st.lists(channels, min_size=1, max_size=20, unique_by=lambda channel: channel.name))
def test_channels_are_read_as_they_are_written(wanted):
    assert list(parse_channels(" ".join(map(written, wanted)), "File", PREFIX)) == wanted


def test_short_form():
    (channel,) = parse_channels("shards=results/shards/", "FastFile", PREFIX)
    assert channel == Channel("shards", "s3://bucket/run/results/shards/", "FastFile")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("shards", "expected NAME=URI"),
        ("a b=x/", "expected NAME=URI"),
        ("a=https://elsewhere/x", "no S3 location"),
        ("a=x/,mode=Stream", "'Stream': expected one of File, FastFile, Pipe"),
        ("a=x/,distribution=all", "'all': expected one of"),
        ("a=x/,order=3", "'order=3': expected mode="),
        ("a=x/,shuffle=yes", "shuffle=yes: expected a seed"),
        ("a=x/ a=y/", "twice"),
        (" ".join(f"c{i}=x/" for i in range(21)), "21 channels: expected 1 to 20"),
    ],
)
def test_mistakes_are_told(text, problem):
    with pytest.raises(ValueError, match=problem):
        parse_channels(text, "File", PREFIX)


def test_inputs_under_a_prefix_come_by_channel():
    inputs = [("local/shards/a", "s3://b/shards/a"), ("local/plan", "s3://b/plan"), ("local/deep", "s3://b/shards/x/y")]
    fast = Channel("fast", "s3://b/shards/", "FastFile")
    assert list(channel_files(inputs, (fast,))) == [
        ChannelFile("local/shards/a", "fast", "a", True),
        ChannelFile("local/deep", "fast", "x/y", True),
    ]


@pytest.mark.parametrize(("mode", "distribution"), [("Pipe", "FullyReplicated"), ("File", "ShardedByS3Key")])
def test_not_every_host_has_a_file_of_such_a_channel(mode, distribution):
    channel = Channel("c", "s3://b/shards/train-", mode, distribution)
    assert list(channel_files([("l", "s3://b/shards/train-0")], (channel,))) == [
        ChannelFile("l", "c", "train-0", False)
    ]


def test_a_manifest_links_no_inputs():
    channel = Channel("c", "s3://b/shards/", "Pipe", data_type="ManifestFile")
    assert list(channel_files([("l", "s3://b/shards/train-0")], (channel,))) == []
