"""Programs that end with the one that started them, through shells in between."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slidemill import lifeline

STARTER = """
import subprocess, sys
from slidemill.lifeline import tie_programs
tie_programs()
subprocess.run(["bash", "-c", 'set -e; "$@" || true; true', "-", sys.executable, sys.argv[1]])
"""
WAITER = """
import os, time
from slidemill.command import run
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


def lives(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def ended(pid):
    for _ in range(2400):
        if not lives(pid):
            return True
        time.sleep(0.05)
    return False


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_program_ends_with_the_workflow_that_was_killed(files):
    command = [sys.executable, files / "starter.py", str(files / "waiter.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        pid = int(starter.stdout.readline())
        time.sleep(1.5)
        assert lives(pid)
        kill(starter)
    assert ended(pid)


@pytest.mark.parametrize("tied", ["", "another-machine pid:[1] 1 2", "nonsense"])
def test_who_is_not_of_this_machine_is_not_looked_for(files, tied):
    environment = os.environ | {lifeline.VARIABLE: tied}
    command = [sys.executable, str(files / "waiter.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as waiter:
        waiter.stdout.readline()
        time.sleep(1.5)
        assert waiter.poll() is None
        kill(waiter)


def test_a_number_that_another_process_has_by_now_is_not_the_workflow(files):
    numbering = lifeline._numbering()
    environment = os.environ | {lifeline.VARIABLE: f"{numbering} {os.getpid()} 1"}  # started at another time
    waiter = subprocess.run([sys.executable, str(files / "waiter.py")], env=environment, check=False, timeout=300)
    assert waiter.returncode == 128 + signal.SIGTERM
