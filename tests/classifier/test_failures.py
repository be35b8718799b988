"""A rank that dies or hangs ends the job, in bounded time and with an error, and leaves no process behind."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ..waiting import PATIENCE_SECONDS, eventually, wait_for_end

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).parents[2] / "scripts"
TRAIN = SCRIPTS / "train.py"
IMPATIENT = Path(__file__).with_name("impatient_program.py")
MPIRUN = Path(sys.executable).parent / "mpirun"
STALL_SECONDS = 600  # also for what is compiled on a busy machine; IMPATIENT waits for less, once it is told so


@pytest.fixture(params=[([MPIRUN], TRAIN)], ids=["mpirun"])
def training(shard_plan, tmp_path, request):
    """A training on 2 ranks that would go on for long, the process ids of its ranks once it has begun, and a folder
    with its log."""
    launcher, program = request.param
    options = "--architecture small_cnn --input-size 32 --epochs 100000 --batch-size 16 --learning-rate 0.001 --seed 1"
    files = ["--plan", shard_plan, "--model", tmp_path / "model", "--history", tmp_path / "history"]
    files += ["--checkpoint", tmp_path / "checkpoint", "--log-folder", tmp_path / "logs"]
    command = [*launcher, "--oversubscribe", "--bind-to", "none", "-n", "2"]
    command += [sys.executable, program, *files]
    command += ["--expect-ranks", "2", "--stall-seconds", str(STALL_SECONDS)]
    as_root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    own = as_root | {"PATH": f"{MPIRUN.parent}:{os.environ['PATH']}", "IMPATIENT_ONCE_THERE": str(tmp_path / "hurry")}
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, *options.split()],
            env=os.environ | own,
            stderr=log,
            stdout=log,
            start_new_session=True,
        )

    def has_begun():
        assert process.poll() is None, (tmp_path / "log").read_text()
        return (tmp_path / "checkpoint").exists()

    try:
        eventually(has_begun, "an epoch is done")
        yield process, ranks_of(process.pid), tmp_path
    finally:
        process.kill()
        process.wait()
        for pid in ranks_of(process.pid):
            with contextlib.suppress(ProcessLookupError):  # ended by itself before its turn came
                os.kill(pid, signal.SIGKILL)


through_our_launcher = pytest.mark.parametrize(
    "training", [([sys.executable, SCRIPTS / "mpirun.py"], TRAIN)], ids=["scripts/mpirun.py"], indirect=True
)
that_soon_loses_patience = pytest.mark.parametrize(
    "training", [([MPIRUN], IMPATIENT)], ids=["impatient_program.py"], indirect=True
)


def ranks_of(launcher):
    """Process ids of the ranks that a launcher, which leads a session, has started, in order of rank."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            session = int((folder / "stat").read_text().rpartition(")")[2].split()[3])
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # ended meanwhile
            continue
        rank = [entry.split(b"=")[1] for entry in environment if entry.startswith(b"OMPI_COMM_WORLD_RANK=")]
        if session == launcher and rank:
            found[int(rank[0])] = int(folder.name)
    return [found[rank] for rank in sorted(found)]


def test_a_rank_that_is_killed_ends_the_job(training):
    process, ranks, _ = training
    os.kill(ranks[1], signal.SIGKILL)
    assert process.wait(timeout=PATIENCE_SECONDS) != 0
    wait_for_end(*ranks)


@that_soon_loses_patience
@pytest.mark.parametrize("hanging", [0, 1])
def test_a_rank_that_hangs_ends_the_job(training, hanging):
    """Also rank 0, which keeps Horovod's own watch."""
    process, ranks, folder = training
    os.kill(ranks[hanging], signal.SIGSTOP)
    (folder / "hurry").touch()
    assert process.wait(timeout=PATIENCE_SECONDS) != 0
    wait_for_end(*ranks)
    text = (folder / "log").read_text()
    assert "nothing moved for" in text or "a rank ended or hangs" in text
    assert "Traceback" not in text


def test_sigterm_to_mpirun_ends_all_ranks(training):
    process, ranks, _ = training
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(timeout=PATIENCE_SECONDS) != 0
    wait_for_end(*ranks)


@through_our_launcher
def test_sigterm_to_the_job_lets_the_ranks_save(training):
    process, ranks, folder = training
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(timeout=PATIENCE_SECONDS) == 75
    wait_for_end(*ranks)
    assert "stopped by a signal; saved after step" in (folder / "log").read_text()


@through_our_launcher
def test_a_launcher_that_is_killed_leaves_no_rank_behind(training):
    process, ranks, _ = training
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(timeout=PATIENCE_SECONDS) != 0
    wait_for_end(*ranks)
