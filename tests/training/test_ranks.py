import subprocess
import sys

import pytest


@pytest.mark.slow
def test_nothing_starts_mpi_before_it_is_told_how_to_wait():
    program = "import sys, slidemill.training.session; sys.exit('mpi4py.MPI' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
