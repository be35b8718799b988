"""A tiny cohort, and Snakemake run on it as a user would."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import yaml

from ..waiting import eventually, wait_for_end
from .dry_runs import DryRuns

REPOSITORY = Path(__file__).parents[2]
SNAKEMAKE = Path(sys.executable).parent / "snakemake"
DRY_RUNS = DryRuns()

CONFIG: dict[str, object] = {
    "slides": "slides.tsv",
    "tiling": {"tile_size": 256},
    "split": {"train": 0.34, "validation": 0.33, "test": 0.33},
    "training": {"input_size": 64, "epochs": 3, "batch_size": 4},
}
# The same cohort by a probe, up to its evaluation, and what one machine and a cluster have to make alike.
PROBE = ("results/experiments/probe/evaluation/slides.tsv", "--config", "method=probe", "experiment=probe")
OF_PROBE = (
    "features/*/*",
    *(f"experiments/probe/{name}" for name in ("splits.tsv", "model/*", "evaluation/slides.tsv")),
)
# On the same features, a model of bags, which all ranks train.
BAGS = (
    "results/experiments/bags/model/model.keras",
    *("--config", "method=mil", "experiment=bags", "mil={epochs: 2, hidden: [16]}"),
)
OF_BAGS = tuple(f"experiments/bags/{name}" for name in ("splits.tsv", "model/mil.json"))
MODEL_OF_BAGS = "experiments/bags/model/model.keras"
TISSUES = {"LUAD": "glands", "LUSC": "nests", "Normal": "alveoli"}
SIZE = "20x 0.8x0.7mm"

# Three patients of each class with a slide each, and one of them with a second slide without tissue.
TINY_SHEET = [
    [f"{label}-{number}", f"P-{label}-{number}", label, f"{tissue} {SIZE}"]
    for label, tissue in TISSUES.items()
    for number in range(3)
]
# A slide whose name has letters of two scripts; the sheet writes one of them as u and its dots apart.
TINY_SHEET[4][0] = "M\u00fcller_\u80ba-1"
TINY_SHEET.append(["empty", "P-LUAD-0", "LUAD", f"none {SIZE}"])


@dataclass
class Workspace:
    """A folder in which Snakemake runs."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    printed: str = ""

    def write(self, *more_rows: list[str], **changes: object) -> None:
        """Write the tiny sheet, with more rows, and the tiny config, with changes."""
        header = ["slide_id", "patient_id", "label", "synthetic"]
        lines = ["\t".join(row) + "\n" for row in [header, *TINY_SHEET, *more_rows]]
        sheet = unicodedata.normalize("NFD", "".join(lines))
        (self.folder / "slides.tsv").write_text(sheet, encoding="utf-8")
        self.write_config(**changes)

    def write_config(self, **changes: object) -> None:
        """Write the tiny config, with changes."""
        (self.folder / "my_config.yaml").write_text(yaml.safe_dump(CONFIG | changes))

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        options = ["--snakefile", str(REPOSITORY / "Snakefile"), "--directory", str(self.folder)]
        options += ["--configfile", str(self.folder / "my_config.yaml")]
        return [str(SNAKEMAKE), *arguments, *options]

    def snakemake(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end; its output and errors are in `stdout`."""
        command, environment = self._command(arguments), os.environ | self.environment
        if "-n" in arguments:
            run = DRY_RUNS.run(command[1:], environment)
        else:
            run = subprocess.run(
                command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
            )
        assert run.returncode == 0 or not check, run.stdout
        return run

    def go_on_from(self, other: "Workspace", *names: str) -> None:
        """Take over the sheet, what was made of it (`names`, such as results/tiles) and what Snakemake remembers."""
        for name in ("slides.tsv", ".snakemake", *names):
            source, target = other.folder / name, self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)

    def kill_when(self, reached: Callable[[], bool], *arguments: str) -> None:
        """Start Snakemake and kill it with all its children as soon as `reached` says so."""
        with self._started(arguments) as (process, log):
            _wait_for(reached, process, log)
            _kill_session(process)
            assert process.wait() == -signal.SIGKILL

    def kill_alone_when(self, reached: Callable[[], bool], *arguments: str) -> None:
        """Start Snakemake and kill it, and none of its children, as soon as `reached` says so; wait for their end."""
        with self._started(arguments) as (process, log):
            _wait_for(reached, process, log)
            process.kill()
            process.wait()
            eventually(lambda: not _session_members(process.pid), "all jobs have ended without their Snakemake")

    def signal_when(
        self, reached: Callable[[], bool], number: int, program: str, *arguments: str, ended: Callable[[], None]
    ) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end, and send a signal to the one program of this name as soon as `reached` says so;
        call `ended` when it has ended."""
        with self._started(arguments) as (process, log):
            _wait_for(reached, process, log)
            (pid,) = (pid for pid in _session_members(process.pid) if _runs(pid, program))
            os.kill(pid, number)
            wait_for_end(pid)
            ended()
            return subprocess.CompletedProcess(process.args, process.wait(), log.read_text())

    @contextlib.contextmanager
    def _started(self, arguments: tuple[str, ...]) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
        """Snakemake in a session of its own, which ends with the test, and the file with what it prints."""
        log = self.folder / "snakemake.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                self._command(arguments),
                env=os.environ | self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield process, log
        finally:
            _kill_session(process)
            process.wait()

    def contents(self, *patterns: str) -> dict[str, bytes]:
        """The files under results/ that match, by name."""
        results = self.folder / "results"
        return {
            str(path.relative_to(results)): path.read_bytes()
            for pattern in patterns
            for path in sorted(results.glob(pattern))
            if path.is_file()
        }


def _wait_for(reached: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    def is_reached() -> bool:
        assert process.poll() is None, f"Snakemake ended too early: {log.read_text()}"
        return reached()

    eventually(is_reached, "the run has come to the place where it is stopped")


def _kill_session(leader: subprocess.Popen[bytes]) -> None:
    """Kill the leader of a session, if it still runs, and all others in it, and wait for their end."""
    leader.kill()  # first, so that it starts no more of them

    def are_gone() -> bool:
        members = _session_members(leader.pid)
        for pid in members:  # also those that others started before they were killed
            with contextlib.suppress(ProcessLookupError):  # ended by itself before its turn came
                os.kill(pid, signal.SIGKILL)
        return not members

    eventually(are_gone, "all processes that were killed have ended")


def _session_members(session: int) -> list[int]:
    """The processes of a session that run."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            members.append(int(stat.parent.name))
    return members


def _runs(pid: int, program: str) -> bool:
    try:
        words = (Path("/proc") / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:  # ended meanwhile
        return False
    return len(words) > 1 and Path(words[1].decode()).name == program


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A folder with the tiny cohort, where nothing has run yet."""
    workspace = Workspace(tmp_path)
    workspace.write()
    return workspace


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The tiny cohort, run to the report once for all tests, which leave it as it is."""
    return _made_once("finished", lambda workspace: workspace.snakemake("--cores", "2"), tmp_path_factory)


@pytest.fixture(scope="session")
def probed_on_one_machine(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The tiles of `finished` by a probe, up to its evaluation, once for all tests."""

    def run(workspace: Workspace) -> subprocess.CompletedProcess[str]:
        whole = _made_once("finished", lambda other: other.snakemake("--cores", "2"), tmp_path_factory)
        workspace.go_on_from(whole, "results/slides", "results/tiles")
        return workspace.snakemake(*PROBE, "--cores", "2")

    return _made_once("probed", run, tmp_path_factory)


@pytest.fixture(scope="session")
def bagged_on_one_machine(probed_on_one_machine: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A model of bags of the features of `probed_on_one_machine`, on two ranks, once for all tests."""

    def run(workspace: Workspace) -> subprocess.CompletedProcess[str]:
        workspace.go_on_from(probed_on_one_machine, *(f"results/{name}" for name in ("slides", "tiles", "features")))
        return workspace.snakemake(*BAGS, "--cores", "2")

    return _made_once("bagged", run, tmp_path_factory)


def weights_of_bags(model: Path) -> list[np.ndarray]:
    """The weights of a model of bags."""
    import slidemill.mil.model  # noqa: F401 - names the layers that the file is made of
    from slidemill.training.model_file import load_model

    weights: list[np.ndarray] = load_model(model).get_weights()
    return weights


def _made_once(
    name: str, run: Callable[[Workspace], subprocess.CompletedProcess[str]], folders: pytest.TempPathFactory
) -> Workspace:
    """The workspace in which `run` has run, also for the tests that run in other processes of `pytest -n`."""
    shared = folders.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    workspace, printed = Workspace(shared / name), shared / f"{name}.txt"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            workspace.folder.mkdir()
            workspace.write()
            printed.write_text(run(workspace).stdout, encoding="utf-8")
    workspace.printed = printed.read_text(encoding="utf-8")
    return workspace
