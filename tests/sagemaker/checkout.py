"""The workflow on the stand-in, by the command that a user types, on a tiny cohort."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..workflow.conftest import CONFIG, REPOSITORY, SNAKEMAKE, Workspace
from .standin import StandIn
from .standin.handle import BUCKET

CHANGES = {"ranks": {"nodes": 2, "per_node": 1}}


@dataclass
class Checkout:
    """A clone of the repository, with the tiny cohort in it, whose profile is filled in."""

    folder: Path
    service: StandIn

    @property
    def prefix(self) -> str:
        """Where files are kept."""
        return f"s3://{BUCKET}/{self.folder.parent.name}"

    def configure(self, **changes: object) -> None:
        """Write the config, which is the tiny one with changes."""
        config = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
        for key, value in {**CONFIG, **CHANGES, **changes}.items():
            config[key] = {**config[key], **value} if isinstance(value, dict) else value
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def edit_profile(self, pattern: str, replacement: str) -> None:
        """Change a line of the profile."""
        profile = self.folder / "profiles/sagemaker/profile.yaml"
        text, count = re.subn(pattern, replacement, profile.read_text(), flags=re.MULTILINE)
        assert count == 1
        profile.write_text(text)

    @contextmanager
    def held_trainings(self) -> Iterator[None]:
        """Let trainings stand still after their first epoch (held_training.py)."""
        script = self.folder / "scripts/train.py"
        held, before = script.with_name("held_training.py"), script.read_text()
        shutil.copy(Path(__file__).with_name(held.name), held)
        script.write_text(re.sub(r"^if __name__.*\n", rf"\g<0>    import {held.stem}\n", before, flags=re.MULTILINE))
        subprocess.run(["git", "add", "scripts"], cwd=self.folder, check=True)  # Snakemake deploys what git tracks
        try:
            yield
        finally:
            script.write_text(before)
            held.unlink()
            subprocess.run(["git", "add", "--all", "scripts"], cwd=self.folder, check=True)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `snakemake --profile sagemaker`."""
        environment = os.environ | self.service.environment
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        return subprocess.Popen(
            [SNAKEMAKE, "--profile", "sagemaker", *arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # also where tests run in the background
        )

    def snakemake(self, *arguments: str) -> str:
        """Run `snakemake --profile sagemaker` to its end, which has to be a good one, and give what it printed."""
        process = self.start(*arguments)
        output, _ = process.communicate()
        assert process.returncode == 0, output
        return output

    def read(self, name: str) -> bytes:
        """A result."""
        bucket, key = self.prefix.removeprefix("s3://").split("/", 1)
        return b"".join(self.service.storage.read(bucket, f"{key}/results/{name}"))

    def history(self) -> list[dict[str, str]]:
        """The epochs of the training."""
        return list(csv.DictReader(self.read("model/history.tsv").decode().splitlines(), delimiter="\t"))


@dataclass
class Finished:
    """The workflow, run to its end once for all tests.

    Attributes:
        printed: by Snakemake.
        jobs: status of each job by its name.
        calls: all that had been asked of SageMaker by then.
        model: what it has trained; later tests train others in its place.
    """

    printed: str
    jobs: dict[str, str]
    calls: list[tuple[str, dict[str, Any]]]
    model: bytes


def make_checkout(folder: Path, service: StandIn) -> Checkout:
    """A clone where nothing has run yet."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, check=True).stdout
    for name in tracked.decode().split("\0")[:-1]:
        if not name.startswith(("tests/", "benchmarks/", "docs/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name, follow_symlinks=False)
    for arguments in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    Workspace(folder).write()  # a sheet that git does not know
    (folder / "my_config.yaml").unlink()
    checkout = Checkout(folder, service)
    checkout.configure()
    checkout.edit_profile(r"^default-storage-prefix:.*", f"default-storage-prefix: {checkout.prefix}")
    checkout.edit_profile(r"group-components:.*", "group-components: [slides=5, pictures=10]")
    checkout.edit_profile(r"^executor:", "seconds-between-status-checks: 1\nexecutor:")
    checkout.edit_profile(r"^  extract_features: 16", "  extract_features: 2")
    return checkout
