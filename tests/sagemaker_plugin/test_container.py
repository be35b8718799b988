import json
import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_sagemaker import mpirun
from snakemake_executor_plugin_sagemaker.channels import ChannelFile
from snakemake_executor_plugin_sagemaker.container.command import run_command, stop_workers
from snakemake_executor_plugin_sagemaker.container.failure import last_lines, newest_tail
from snakemake_executor_plugin_sagemaker.container.inputs import ChannelFileMissingError, link_inputs
from snakemake_executor_plugin_sagemaker.container.layout import read_hosts
from snakemake_executor_plugin_sagemaker.container.ssh import write_environment

FRAME = 74 * "-"
FAILED_RANK = f"""\
epoch 1
rank 3: the disk is full
[algo-2:00000] *** An error occurred in Socket closed
[algo-1:00042] PMIX ERROR: PMIX_ERR_NOT_FOUND in file pmix_server.c at line 1747
{FRAME}
prterun detected that one or more processes exited with non-zero status,
   Exit code:    7
{FRAME}
"""


def test_the_reason_is_what_the_rank_said():
    assert last_lines(FAILED_RANK) == "epoch 1\nrank 3: the disk is full"


def test_frames_of_others_stay():
    text = f"{FRAME}\nTable\n{FRAME}\nlast"
    assert last_lines(text) == text


@given(text=st.text())
def test_the_reason_fits(text):
    reason = last_lines(text)
    assert len(reason) <= 1024
    assert "\0" not in reason


def test_the_reason_keeps_the_end():
    assert last_lines("\n".join(f"line {i}" for i in range(1000))).endswith("line 998\nline 999")
    assert last_lines("x" * 5000) == "x" * 1024


def test_the_log_that_was_written_last_tells_the_reason(tmp_path):
    first, second, empty = (tmp_path / name for name in ("first", "second", "empty"))
    first.write_text("first")
    second.write_text("second")
    empty.touch()
    os.utime(first, ns=(0, 0))
    assert newest_tail([first, second, empty, tmp_path / "none"]) == "second"
    assert newest_tail([empty]) is None


def test_inputs_are_links_into_their_channel(tmp_path):
    channels, work = tmp_path / "channels", tmp_path / "work"
    (channels / "shards").mkdir(parents=True)
    (channels / "shards/0").write_text("records")
    files = [
        ChannelFile("a/0", "shards", "0", True),
        ChannelFile("a/1", "shards", "1", False),
    ]
    link_inputs(files, work, channels)
    link_inputs(files, work, channels)  # after a spot interruption
    assert (work / "a/0").read_text() == "records"
    assert (work / "a/0").is_symlink()
    assert (work / "a/1").read_text() == ""


def test_an_input_that_a_channel_lacks_is_no_empty_file(tmp_path):
    with pytest.raises(ChannelFileMissingError, match="channel shards"):
        link_inputs([ChannelFile("a/0", "shards", "0", True)], tmp_path, tmp_path)


def test_hosts(tmp_path):
    config = tmp_path / "resourceconfig.json"
    names = [f"algo-{i}" for i in (10, 2, 1)]
    config.write_text(json.dumps({"current_host": "algo-2", "hosts": names, "network_interface_name": "eth1"}))
    hosts = read_hosts(config)
    assert hosts.names == ("algo-1", "algo-2", "algo-10")
    assert (hosts.leader, hosts.others, hosts.interface) == ("algo-1", ("algo-2", "algo-10"), "eth1")


def test_output_and_logs_are_shown(tmp_path, capfd, monkeypatch):
    log = tmp_path / "train.log"
    command = "echo output; echo problem >&2; for i in 1 2 3; do echo step $i; sleep 0.7; done > train.log; exit 5"
    code, last = run_command(command, folder=tmp_path, environment=os.environ, logs=[log])
    assert (code, last) == (5, "output\nproblem\n")
    shown = capfd.readouterr().out
    assert "output" in shown
    assert [f"[train.log] step {i}" in shown for i in (1, 2, 3)] == [True] * 3


def test_a_command_that_is_killed(tmp_path):
    assert run_command("kill -KILL $$", folder=tmp_path, environment=os.environ, logs=[])[0] == 128 + signal.SIGKILL


GRACEFUL = """
import signal, sys, time
def save(*_):
    open("saved", "w").close()
    sys.exit(75)
signal.signal(signal.SIGTERM, save)
open("ready", "w").close()
time.sleep(600)
"""


def test_sigterm_goes_to_the_program_and_not_to_the_shells_around_it(tmp_path, start_program):
    (tmp_path / "program.py").write_text(GRACEFUL)
    command = f"bash -c '{sys.executable} program.py; echo ended with $?; exit 3'; exit $?"
    process = start_program(["bash", "-c", command], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    while not (tmp_path / "ready").exists():
        time.sleep(0.05)
    stop_workers(process.pid)
    assert process.communicate(timeout=120)[0] == "ended with 75\n"
    assert process.returncode == 3
    assert (tmp_path / "saved").exists()


@given(value=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_sessions_get_any_value(tmp_path_factory, value):
    file = tmp_path_factory.getbasetemp() / "environment"
    write_environment(file, {"VALUE": value})
    read = subprocess.run(["sh", "-c", f'. {file}; printf %s "$VALUE"'], capture_output=True, check=True)
    assert read.stdout.decode() == value
    assert file.stat().st_mode & 0o077 == 0


@given(ranks=st.integers(1, 64), hosts=st.integers(1, 16))
def test_every_rank_has_a_slot(ranks, hosts):
    lines = mpirun.hostfile([f"algo-{i}" for i in range(hosts)], ranks).splitlines()
    slots = [int(line.split("slots=")[1]) for line in lines]
    assert len(set(slots)) == 1
    assert ranks <= sum(slots) < ranks + hosts


def test_ranks_are_counted():
    assert mpirun.count_ranks(["--bind-to", "none", "-n", "8", "python", "x.py"]) == 8
    with pytest.raises(SystemExit):
        mpirun.count_ranks(["python", "x.py"])


def test_ranks_elsewhere_get_what_the_job_set_itself():
    container = ["PATH=/bin", "AWS_REGION=x"]
    environment = {"PATH": "/bin", "AWS_REGION": "x", "PYTHONPATH": "src", "PWD": "/opt"}
    assert mpirun.exported(container, environment) == ["PYTHONPATH"]


def test_on_one_host_it_is_mpirun(tmp_path):
    program = tmp_path / "mpirun"
    program.write_text('#!/bin/sh\nprintf "%s " "$@"\n')
    program.chmod(0o755)
    answer = subprocess.run(
        [sys.executable, "-m", "snakemake_executor_plugin_sagemaker.mpirun", "-n", "2", "python", "train.py"],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "-n 2 python train.py "
