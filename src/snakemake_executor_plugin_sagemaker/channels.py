"""Input channels of a training job: S3 prefixes that SageMaker itself brings to the instances."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from snakemake_executor_plugin_sagemaker.s3 import S3Uri

MODES = ("File", "FastFile", "Pipe")
TYPES = ("S3Prefix", "ManifestFile")
DISTRIBUTIONS = ("FullyReplicated", "ShardedByS3Key")
MAX_CHANNELS = 20
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Channel:
    """Objects in S3 and how they reach the instances.

    Attributes:
        uri: a prefix, or a manifest that lists objects.
        mode: File (downloaded), FastFile (read on demand) or Pipe (a FIFO for each pass).
        distribution: FullyReplicated (each instance gets all) or ShardedByS3Key (objects are dealt to the instances).
        shuffle_seed: objects come in an order drawn from it, anew for each pass of a Pipe channel; None: as S3 lists.
    """

    name: str
    uri: str
    mode: str
    distribution: str = "FullyReplicated"
    data_type: str = "S3Prefix"
    shuffle_seed: int | None = None

    def request(self) -> dict[str, object]:
        """The channel as an element of `InputDataConfig`."""
        source = {"S3DataType": self.data_type, "S3Uri": self.uri, "S3DataDistributionType": self.distribution}
        shuffle = {} if self.shuffle_seed is None else {"ShuffleConfig": {"Seed": self.shuffle_seed}}
        return {
            "ChannelName": self.name,
            "InputMode": self.mode,
            "DataSource": {"S3DataSource": source},
            **shuffle,
        }


@dataclass(frozen=True, slots=True)
class ChannelFile:
    """An input of the job that comes by a channel.

    Attributes:
        local: where Snakemake would put the downloaded file, relative to the working folder.
        inside: path of the object below the channel's folder.
        everywhere: each host has it as a file; else it is in a FIFO, or on one of the hosts.
    """

    local: str
    channel: str
    inside: str
    everywhere: bool


def parse_channels(text: str, default_mode: str, storage_prefix: str) -> tuple[Channel, ...]:
    """Read `NAME=URI[,key=value...] NAME=URI ...`; keys are mode, distribution, type and shuffle.

    Args:
        storage_prefix: to which a URI without `s3://` is relative.
    Raises:
        ValueError: the text is something else; the message is for the user.
    """
    channels = tuple(_parse_channel(part, default_mode, storage_prefix) for part in text.split())
    names = [channel.name for channel in channels]
    if len(set(names)) < len(names):
        raise ValueError(f"a channel is there twice: {', '.join(names)}.")
    if not 1 <= len(channels) <= MAX_CHANNELS:
        raise ValueError(f"{len(channels)} channels: expected 1 to {MAX_CHANNELS}.")
    return channels


def channel_files(inputs: Iterable[tuple[str, str]], channels: tuple[Channel, ...]) -> Iterator[ChannelFile]:
    """Find the inputs that a channel brings.

    Args:
        inputs: local path and S3 URI of each input.
    """
    for local, uri in inputs:
        for channel in channels:
            if channel.data_type == "S3Prefix" and uri.startswith(channel.uri):
                everywhere = channel.mode != "Pipe" and channel.distribution == "FullyReplicated"
                yield ChannelFile(local, channel.name, _below(channel.uri, uri), everywhere)
                break


def _parse_channel(text: str, default_mode: str, storage_prefix: str) -> Channel:
    place, *options = text.split(",")
    name, _, uri = place.partition("=")
    if not _NAME.fullmatch(name) or not uri:
        raise ValueError(f"'{text}': expected NAME=URI, with a name of at most 64 letters, digits and . _ -.")
    if "://" not in uri:
        uri = f"{storage_prefix.rstrip('/')}/{uri}"
    S3Uri.parse(uri)
    values = {"mode": default_mode, "distribution": DISTRIBUTIONS[0], "type": TYPES[0], "shuffle": ""}
    for option in options:
        key, equals, value = option.partition("=")
        if key not in values or not equals:
            raise ValueError(f"channel {name}: '{option}': expected {', '.join(f'{known}=' for known in values)}.")
        values[key] = value
    shuffle = values["shuffle"]
    if not re.fullmatch(r"[0-9]{0,18}", shuffle):
        raise ValueError(f"channel {name}: shuffle={shuffle}: expected a seed, a whole number.")
    return Channel(
        name,
        uri,
        _one_of(MODES, values["mode"], name),
        _one_of(DISTRIBUTIONS, values["distribution"], name),
        _one_of(TYPES, values["type"], name),
        int(shuffle) if shuffle else None,
    )


def _one_of(choices: tuple[str, ...], value: str, name: str) -> str:
    if value not in choices:
        raise ValueError(f"channel {name}: '{value}': expected one of {', '.join(choices)}.")
    return value


def _below(prefix: str, uri: str) -> str:
    # A prefix that does not end at a slash (s3://b/shards/train-) keeps the last part of the name.
    return uri[prefix.rindex("/") + 1 :]
