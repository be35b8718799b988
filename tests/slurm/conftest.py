"""A cluster, and a checkout in which `snakemake --profile slurm` runs as a user would type it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ..workflow.conftest import (  # noqa: F401 - three are fixtures
    REPOSITORY,
    Workspace,
    bagged_on_one_machine,
    probed_on_one_machine,
    workspace,
)
from ..workflow.conftest import finished as on_one_machine  # noqa: F401 - a fixture
from .cluster import Cluster, missing

SNAKEMAKE = (sys.executable, str(Path(__file__).with_name("asking_often.py")))
CHECKOUT = (
    "Snakefile",
    "config.yaml",
    "cohorts",
    "docs",
    "envs",
    "profiles",
    "rules",
    "schemas",
    "scripts",
    "slurm",
    "src",
)
# Small jobs for a small machine; checks follow each other quickly.
SMALL = (
    *("--cores", "2", "--group-components", "slides=5", "pictures=5"),
    *("--slurm-init-seconds-before-status-checks", "1", "--latency-wait", "20"),
)


@dataclass
class Checkout(Workspace):
    """A copy of the repository with the tiny cohort, two nodes with a rank each."""

    # Both nodes are this machine; its other addresses may come and go.
    environment: dict[str, str] = field(default_factory=lambda: {"OMPI_MCA_btl_tcp_if_include": "lo"})

    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `snakemake --profile slurm`."""
        process = subprocess.Popen(
            [*SNAKEMAKE, "--profile", "slurm", "--configfile", "my_config.yaml", *SMALL, *arguments],
            cwd=self.folder,
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def stop(self) -> None:
        """End what a test that failed has left running, and close what it has left open."""
        running = [process for process in self._started if process.poll() is None]
        for process in running:
            process.kill()
        if running:
            subprocess.run(["scancel", "--user=root"], check=False)
        for process in self._started:
            process.wait()
            assert process.stdout is not None
            process.stdout.close()

    def slurm(self, *arguments: str, check: bool = True) -> str:
        """Run `snakemake --profile slurm` to its end and return what it printed."""
        process = self.start(*arguments)
        output, _ = process.communicate()
        assert process.returncode == 0 or not check, output[-20_000:]
        return output

    def copy_of(self, other: "Checkout") -> None:
        """Go on from the state of another checkout."""
        for name in ("results", "logs", ".snakemake", "slides.tsv", "my_config.yaml"):
            source, target = other.folder / name, self.folder / name
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)


def check_out(folder: Path, **changes: object) -> Checkout:
    for name in CHECKOUT:
        source = REPOSITORY / name
        if source.is_symlink():
            (folder / name).symlink_to(source.readlink())
        elif source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    checkout = Checkout(folder)
    checkout.write(ranks={"nodes": 2, "per_node": 1}, **changes)
    return checkout


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two nodes with four CPUs and two GPUs each, of which neither has to exist."""
    reason = missing()
    if reason:
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout in which nothing has run yet."""
    checkout = check_out(tmp_path)
    yield checkout
    checkout.stop()


@pytest.fixture(scope="session")
def on_slurm(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The tiny cohort, run to the report on the cluster once for all tests, which leave it as it is."""
    checkout = check_out(tmp_path_factory.mktemp("on-slurm"))
    profile = checkout.folder / "profiles/slurm/profile.yaml"
    profile.write_text(profile.read_text().replace("gpus_per_node: 0 ", "gpus_per_node: 1 "))
    (checkout.folder / "output.txt").write_text(checkout.slurm())
    return checkout
