"""What a cluster does to jobs, and what comes of the run."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ..waiting import eventually
from ..workflow.holding import Held

pytestmark = pytest.mark.slow

EPOCHS = 3
# Only what is missing: the scripts of a copied checkout have other paths, for which Snakemake would do all again.
MODEL = ("results/model/model.keras", "--rerun-triggers", "mtime")

# Placed on PYTHONPATH: every Python of every job reads it first.
FAULT = """
import os, sys, time
arguments = " ".join(sys.orig_argv)
if "tile_slide.py" in arguments and "--slide-id LUAD-1 " in arguments and not os.path.exists({mended!r}):
    print("fault", file=sys.stderr, flush=True)
    {action}
"""


def inject(checkout, tmp_path, action):
    """Let tile_slide do something else on the slide LUAD-1, until the file that is returned is there."""
    folder = tmp_path / "fault"
    folder.mkdir()
    mended = folder / "mended"
    (folder / "sitecustomize.py").write_text(FAULT.format(mended=str(mended), action=action))
    checkout.environment["PYTHONPATH"] = str(folder)
    return mended


@pytest.fixture
def training(on_slurm, checkout):
    """A checkout in which only a training is to do."""
    checkout.copy_of(on_slurm)
    for name in ("results/model", "results/checkpoints", "logs"):
        shutil.rmtree(checkout.folder / name)
    config = yaml.safe_load((checkout.folder / "my_config.yaml").read_text())
    config["training"] |= {"epochs": EPOCHS, "checkpoint_steps": 1}
    (checkout.folder / "my_config.yaml").write_text(yaml.safe_dump(config))
    return checkout


@pytest.fixture
def held(training, tmp_path_factory):
    """What lets the training go on after its first epoch."""
    return Held(training.environment, tmp_path_factory.mktemp("held"))


def rank_log(checkout):
    file = checkout.folder / "logs/train/rank-0.log"
    return file.read_text() if file.exists() else ""


def wait_for_first_epoch(checkout):
    eventually(lambda: f"epoch 1/{EPOCHS}:" in rank_log(checkout), "the first epoch is done")


def running(cluster, rule):
    """The id of the job that runs a rule, alone or in a group."""
    jobs = cluster.ask("squeue", "--noheader", "--states=running", "--format=%i %k").splitlines()
    return next((job.split()[0] for job in jobs if rule in job), None)


def train_job(cluster):
    """The id of the training that runs."""
    return running(cluster, "rule_train")


def finished_after(process):
    output, _ = process.communicate()
    assert process.returncode == 0, output[-20_000:]
    return output


def test_a_node_taken_down_in_mid_training(cluster, training, held):
    process = training.start(*MODEL)
    wait_for_first_epoch(training)
    job = train_job(cluster)
    assert cluster.update("nodename=node2", "state=down", "reason=test")
    eventually(lambda: train_job(cluster) is None, "the training is not running")
    # A node that was down for less than its job needs to end is busy for ever in the eyes of SLURM.
    eventually(lambda: not steps_left(job), "nothing of it is left on the nodes")
    held.release_training()
    cluster.bring_back("node2")
    cluster.start_now(job)
    finished_after(process)
    assert "going on after epoch" in rank_log(training)
    assert f"JobId={job} " in cluster.ask("scontrol", "show", "job", job)
    assert "Restarts=1" in cluster.ask("scontrol", "show", "job", job)
    assert len((training.folder / "results/model/history.tsv").read_text().splitlines()) == 1 + EPOCHS


def test_a_cancelled_training_goes_on_in_another_job(cluster, training, held):
    process = training.start(*MODEL)
    wait_for_first_epoch(training)
    job = train_job(cluster)
    cluster.cancel(job)
    eventually(lambda: not steps_left(job), "nothing of it is left on the nodes")
    held.release_training()
    output = finished_after(process)
    assert "SLURM status is: 'CANCELLED'" in output
    assert "going on after epoch" in rank_log(training)
    assert output.count("slurm_logs/rule_train/") >= 2


def test_a_slide_that_needs_more_time_gets_it(cluster, checkout, tmp_path):
    mended = inject(checkout, tmp_path, "time.sleep(600)")
    process = checkout.start("results/tiles/LUAD-1.tfrecord")
    eventually(lambda: "fault" in read(checkout.folder / "logs/tile_slide/LUAD-1.log"), "the slide is worked on")
    mended.touch()
    (limit,) = time_limits(cluster, "running")
    # As if its time were over: SLURM counts in minutes, and looks for jobs that are late each half minute.
    assert cluster.update(f"jobid={running(cluster, 'tile_slide')}", "endtime=now")
    output = finished_after(process)
    assert "DUE TO TIME LIMIT" in output
    assert time_limits(cluster, "all")[-1] == 2 * limit


def time_limits(cluster, states):
    """Of the jobs in some states that cut tiles, from the first to the last: how many seconds they may run."""
    jobs = cluster.ask("squeue", "--noheader", f"--states={states}", "--sort=i", "--format=%l %k").splitlines()
    return [_seconds(job.split()[0]) for job in jobs if "tile_slide" in job]


def _seconds(limit):
    """Of days-hours:minutes:seconds, of which the first are left out where they are zero."""
    days, _, rest = limit.rpartition("-")
    return int(days or 0) * 86400 + sum(int(part) * 60**place for place, part in enumerate(rest.split(":")[::-1]))


def read(path):
    return path.read_text() if path.exists() else ""


def test_a_slide_that_fails_ends_no_other_and_is_named(cluster, checkout, tmp_path):
    mended = inject(checkout, tmp_path, "os.kill(os.getpid(), 9)")
    output = checkout.slurm("results/splits.tsv", "--retries", "0", check=False)
    made = {path.name.split(".")[0] for path in checkout.folder.glob("results/tiles/*.zarr.zip")}
    assert len(made) == 9
    assert "LUAD-1" not in made
    assert output.count("fault") >= 1
    last = output[output.index("These jobs failed") :]
    assert "  tile_slide LUAD-1: logs/tile_slide/LUAD-1.log\n" in last
    assert last.count("  tile_slide ") == 1

    mended.touch()
    again = checkout.slurm("results/splits.tsv")
    assert len(re.findall(r"^ *rule tile_slide:", again, re.M)) == 1


def test_ctrl_c_cancels_the_jobs(cluster, checkout, tmp_path):
    inject(checkout, tmp_path, "time.sleep(600)")
    process = checkout.start("results/splits.tsv")
    eventually(lambda: "fault" in read(checkout.folder / "logs/tile_slide/LUAD-1.log"), "the slide is worked on")
    os.kill(process.pid, signal.SIGINT)
    process.communicate()
    assert process.returncode != 0
    eventually(lambda: not cluster.ask("squeue", "--noheader"), "no job is left")


def test_a_controller_that_is_away_is_waited_for(cluster, checkout):
    pause = "1.25"
    checkout.environment["SLIDEMILL_SBATCH_PAUSE"] = pause
    cluster.end("slurmctld")
    try:
        with cluster.impatient():
            process = checkout.start("results/slides/LUAD-1.svs", "--retries", "0")
            # sbatch itself has given up.
            eventually(lambda: ["sleep", pause] in commands(), "the next try is waited for")
    finally:
        subprocess.run(["slurmctld"], check=True)
    finished_after(process)
    assert (checkout.folder / "results/slides/LUAD-1.svs").exists()


def commands():
    """The command lines of all processes."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # ended meanwhile
            found.append(file.read_text(errors="replace").rstrip("\0").split("\0"))
    return found


def steps_left(job):
    """What SLURM's daemons still do for a job."""
    return [words for words in commands() if words[0].startswith(f"slurmstepd: [{job}.")]


@pytest.mark.parametrize("script", ["shard_tiles.py", "train.py"])
def test_ranks_that_do_not_find_each_other_are_refused(cluster, on_slurm, tmp_path, script):
    results = on_slurm.folder / "results"
    arguments = {
        "shard_tiles.py": f"--splits {results}/splits.tsv --tiles {results}/tiles --class LUAD --class LUSC"
        f" --class Normal --shard-count 2 --balance none --buffer-mb 64 --seed 1 --output {tmp_path}/shards",
        "train.py": f"--plan {results}/shards/plan.json --architecture small_cnn --input-size 64 --epochs 1"
        f" --batch-size 4 --learning-rate 0.001 --seed 1 --checkpoint {tmp_path}/checkpoint"
        f" --model {tmp_path}/model.keras --history {tmp_path}/history.tsv",
    }
    program = [sys.executable, str(on_slurm.folder / "scripts" / script), "--expect-ranks", "2"]
    run = subprocess.run(
        ["srun", "--nodes=2", "--ntasks=2", "--mpi=none", "--mem=4000", *program, *arguments[script].split()],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    assert "1 rank(s) are connected, 2 were expected" in run.stderr
    assert "srun --mpi=pmix" in run.stderr
    assert not list(tmp_path.iterdir())
