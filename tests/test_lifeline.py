"""Programs that end with the one that started them, through shells in between."""

import os
import signal
import subprocess
import sys
import time

import pytest

from slidemill import lifeline

from .waiting import is_running, wait_for_end

LOOKS_SECONDS = 0.5  # enough for many looks; where it looked less often, nothing would fail

STARTER = """
import subprocess, sys
from slidemill.lifeline import tie_programs
tie_programs()
subprocess.run(["bash", "-c", 'set -e; "$@" || true; true', "-", sys.executable, sys.argv[1]])
"""
WAITER = """
import os, time
from slidemill import lifeline
from slidemill.command import run
lifeline._LOOK_SECONDS = 0.02
def main():
    print(os.getpid(), flush=True)
    time.sleep(600)
run(main)
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "starter.py").write_text(STARTER)
    (tmp_path / "waiter.py").write_text(WAITER)
    return tmp_path


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_program_ends_with_the_workflow_that_was_killed(files):
    command = [sys.executable, files / "starter.py", str(files / "waiter.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        pid = int(starter.stdout.readline())
        time.sleep(LOOKS_SECONDS)
        assert is_running(pid)
        kill(starter)
    wait_for_end(pid)


@pytest.mark.parametrize("tied", ["", "another-machine pid:[1] 1 2", "nonsense"])
def test_who_is_not_of_this_machine_is_not_looked_for(files, tied):
    environment = os.environ | {lifeline.VARIABLE: tied}
    command = [sys.executable, str(files / "waiter.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as waiter:
        waiter.stdout.readline()
        time.sleep(LOOKS_SECONDS)
        assert waiter.poll() is None
        kill(waiter)


def test_a_number_that_another_process_has_by_now_is_not_the_workflow(files):
    numbering = lifeline._numbering()
    environment = os.environ | {lifeline.VARIABLE: f"{numbering} {os.getpid()} 1"}  # started at another time
    waiter = subprocess.run([sys.executable, str(files / "waiter.py")], env=environment, check=False, timeout=300)
    assert waiter.returncode == 128 + signal.SIGTERM
