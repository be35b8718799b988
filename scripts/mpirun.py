"""mpirun, with the same arguments, that lets its ranks save when it gets SIGTERM."""

import sys

from slidemill.launch import run_mpirun

if __name__ == "__main__":
    sys.exit(run_mpirun(sys.argv[1:]))
