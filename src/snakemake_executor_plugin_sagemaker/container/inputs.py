"""Inputs that come by a channel, put where Snakemake looks for what it would download."""

import os
from collections.abc import Iterable
from pathlib import Path

from snakemake_executor_plugin_sagemaker.channels import ChannelFile


class ChannelFileMissingError(Exception):
    """A channel does not have a file that it has to have."""

    def __init__(self, file: Path, channel: str) -> None:
        super().__init__(
            f"channel {channel}: {file} is not there. Does the prefix of the channel end where the folder of the files "
            "ends, with a slash?"
        )


def link_inputs(files: Iterable[ChannelFile], work: Path, channels: Path) -> None:
    """Link each file of a channel to where Snakemake would download it. A link is newer than what it stands for.

    What is in a FIFO or on another host is an empty file: Snakemake has its input, and the program reads the channel.

    Raises:
        ChannelFileMissingError: a file that every host has is not there.
    """
    for file in files:
        local, source = work / os.path.expandvars(file.local), channels / file.channel / file.inside
        if file.everywhere and not source.exists():
            raise ChannelFileMissingError(source, file.channel)
        local.parent.mkdir(parents=True, exist_ok=True)
        local.unlink(missing_ok=True)
        if source.exists():
            local.symlink_to(source)
        else:
            local.touch()
