"""Whole workflows, by Snakemake's command line, against the local stand-in which runs every job for real."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from .conftest import IMAGE, ROLE

pytestmark = pytest.mark.slow
WORKFLOW = Path(__file__).with_name("workflow")
LONG = ("--config", "seconds=100000")  # for a job that is not to end by itself
ENDED = ("Completed", "Failed", "Stopped")


class Run:
    """A working folder with the workflow, and a place of its own in S3."""

    def __init__(self, folder, standin):
        self.folder, self.standin, self._started = folder, standin, []
        self.prefix = f"s3://slidemill-test/{uuid.uuid4().hex}"
        self.name = f"t{uuid.uuid4().hex[:8]}"  # begins the names of its jobs
        shutil.copytree(WORKFLOW, folder, dirs_exist_ok=True)
        for command in ("init -q", "add -A"):  # Snakemake deploys what git tracks
            subprocess.run(["git", *command.split()], cwd=folder, check=True)

    def start(self, *arguments):
        command = [
            sys.executable, "-m", "snakemake", "--executor", "sagemaker", "--jobs", "4", "--nocolor",
            "--default-storage-provider", "s3", "--default-storage-prefix", self.prefix, "--shared-fs-usage", "none",
            "--sagemaker-role", ROLE, "--sagemaker-image", IMAGE, "--sagemaker-job-name-prefix", self.name,
            "--seconds-between-status-checks", "1", *arguments,
        ]  # fmt: skip
        process = subprocess.Popen(
            command, cwd=self.folder, env=os.environ | self.standin.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            # Tests that run in the background of a shell inherit that Ctrl-C is ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        self._started.append(process)
        return process

    def stop(self):
        """End what a test that failed has left running, and close what it has left open."""
        for process in self._started:
            with process:
                process.kill()

    def run(self, *arguments):
        process = self.start(*arguments)
        output = process.communicate()[0]
        return process.returncode, output

    def read(self, name):
        bucket, _, key = self.prefix.removeprefix("s3://").partition("/")
        return self.standin.storage.client.get_object(Bucket=bucket, Key=f"{key}/{name}")["Body"].read().decode()

    def stored(self):
        return [key.partition("/")[2] for key in self.standin.storage.keys(self.prefix + "/")]

    def jobs(self, kind="Training"):
        return {name: status for name, status in self.standin.jobs(kind).items() if name.startswith(self.name)}

    def wait_for_line(self, text):
        """The name of the only training job, once it has printed this."""
        while True:
            for name in self.jobs():
                if any(text in line for line in self._lines(name)):
                    return name
            time.sleep(0.2)

    def read_until(self, process, text):
        """What the process prints, up to the line with this text."""
        output = ""
        for line in process.stdout:
            output += line
            if text in line:
                return output
        raise AssertionError(f"'{text}' is not in what it printed: {output}")

    def _lines(self, name):
        try:
            return self.standin.log_lines("Training", name)
        except self.standin.logs.exceptions.ResourceNotFoundException:
            return []


@pytest.fixture
def run(tmp_path, standin):
    run = Run(tmp_path, standin)
    yield run
    run.stop()


def test_groups_channels_and_ranks_on_two_hosts(run):
    code, output = run.run("collected.txt", "ranks.json")
    assert code == 0, output
    assert run.read("collected.txt") == "a\nb\nalgo-1\n"
    assert list(run.jobs("Processing").values()) == ["Completed"]  # three jobs of one group
    ranks = json.loads(run.read("ranks.json"))
    assert [(rank["rank"], rank["host"], rank["local"]) for rank in ranks] == [
        (0, "algo-1", "0"), (1, "algo-1", "1"), (2, "algo-2", "0"), (3, "algo-2", "1"),
    ]  # fmt: skip
    for rank in ranks:
        assert rank["inputs"] == ["a\nb\nalgo-1\n", "a\n", "b\n"]
        assert [Path(name).name for name in rank["linked"]] == ["a.txt", "b.txt"]
        assert rank["variable"] == "a b"
    assert "Retrieving from storage" in output
    assert f"Retrieving from storage: {run.prefix}/data/a.txt" not in output


def test_a_failing_rank_is_quoted(run):
    code, output = run.run("failing.json")
    assert code == 1
    (name,) = run.jobs()
    reason = run.standin.describe("Training", name)["FailureReason"]
    assert "rank 1: the disk is full" in reason
    assert "prterun" not in reason
    assert f"SageMaker job {name}: Failed: {reason}" in output
    assert "https://us-east-1.console.aws.amazon.com/sagemaker/" in output


def test_a_host_that_breaks_ends_the_job(run):
    process = run.start("steps.txt")
    name = run.wait_for_line("rank 1 starts at 0")
    run.standin.kill(name, "algo-2")
    output = process.communicate()[0]
    assert process.returncode == 1
    assert f"SageMaker job {name}: Failed" in output
    assert list(run.jobs().values()) == ["Failed"]


def test_a_spot_interruption_costs_no_finished_step(run):
    process = run.start("steps.txt", "--config", "retries=2")
    for rank in range(2):  # both listen to SIGTERM
        name = run.wait_for_line(f"rank {rank} starts at 0")
    run.standin.interrupt(name)
    output = process.communicate()[0]
    assert process.returncode == 0, output
    assert list(run.jobs().values()) == ["Completed"]
    first, last = map(int, run.read("steps.txt").split()[1::2])
    assert 0 < first == last - 2
    starts = [line for line in run.standin.log_lines("Training", name) if "rank 0 starts at" in line]
    assert len(starts) == 2  # no retry inside the container that was taken away
    assert not any("checkpoints" in key for key in run.stored())  # nothing is left for a later training to find


def test_a_job_that_is_stopped_from_outside_fails(run):
    process = run.start("slow.txt", *LONG)
    name = run.wait_for_line("begun")
    run.standin.sagemaker.stop_training_job(TrainingJobName=name)
    output = process.communicate()[0]
    assert process.returncode == 1
    assert f"SageMaker job {name}: Stopped" in output


def test_ctrl_c_leaves_nothing_running(run):
    process = run.start("slow.txt", *LONG)
    name = run.wait_for_line("begun")
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode != 0
    assert run.standin.wait("Training", name)["TrainingJobStatus"] == "Stopped"
    assert set(run.jobs().values()) <= set(ENDED)


def test_a_killed_snakemake_finds_its_job_again(run):
    process = run.start("slow.txt", *LONG)
    name = run.wait_for_line("begun")
    process.kill()
    process.communicate()
    assert run.run("--unlock")[0] == 0
    process = run.start("slow.txt", "--rerun-incomplete", *LONG)
    output = run.read_until(process, f"Waiting for training/{name} of an earlier run")
    run.standin.let_end(name)
    output += process.communicate()[0]
    assert process.returncode == 0, output
    assert list(run.jobs()) == [name]


def test_after_a_change_the_job_of_a_killed_snakemake_is_stopped(run):
    process = run.start("slow.txt", *LONG)
    name = run.wait_for_line("begun")
    process.kill()
    process.communicate()
    shutil.rmtree(run.folder / ".snakemake")  # another machine, or a lost one
    code, output = run.run("slow.txt")
    assert code == 0, output
    assert f"Stopping training/{name} of an earlier run" in output
    statuses = run.jobs()
    assert statuses.pop(name) == "Stopped"
    assert list(statuses.values()) == ["Completed"]


def test_throttling_costs_time_only(run):
    run.standin.fail_next("CreateProcessingJob", times=2)
    run.standin.fail_next("DescribeProcessingJob", times=4)
    code, output = run.run("data/a.txt")
    assert code == 0, output
    assert list(run.jobs("Processing").values()) == ["Completed"]


def test_a_quota_that_no_job_of_this_run_can_free_is_told_at_once(run):
    run.standin.fail_next("CreateProcessingJob", times=1, code="ResourceLimitExceeded")
    code, output = run.run("data/a.txt")
    assert code == 1
    assert "group data_data: " in output
    assert run.jobs("Processing") == {}


def test_what_would_be_refused_is_not_sent(run):
    code, output = run.run("nonsense.txt")
    assert code == 1
    assert "rule nonsense: ProcessingResources.ClusterConfig.InstanceType: 'ml.nonsense' is none of" in output
    assert "Traceback" not in output
    assert run.jobs("Processing") == {}


def test_settings_are_told_without_a_traceback(run):
    code, output = run.run("collected.txt", "--sagemaker-tags", "project")
    assert code == 1
    assert "--sagemaker-tags: 'project': expected NAME=VALUE." in output
    assert "Traceback" not in output
