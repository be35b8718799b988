"""What the launcher starts ends with it."""

import os
import signal
import subprocess
import sys
from functools import partial

import pytest

from slidemill.launch import _end_with_parent


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN, lambda *_: None])
@pytest.mark.parametrize(("is_there", "code"), [(True, 0), (False, -signal.SIGTERM)])
def test_what_is_started_for_a_launcher_that_was_killed_meanwhile_ends_at_once(is_there, code, handler):
    signal.signal(signal.SIGTERM, handler)
    launcher = os.getpid() if is_there else 2**30
    program = [sys.executable, "-c", "pass"]
    assert subprocess.run(program, check=False, preexec_fn=partial(_end_with_parent, launcher)).returncode == code
