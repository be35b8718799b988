# The process that runs Snakemake, and what its jobs find in their environment.
import atexit
import gc
import os
import sys
from pathlib import Path

import snakemake_internals  # beside this file, where Snakemake lets it be found
from snakemake.exceptions import WorkflowError

from slidemill.launch import home_folder, name_user
from slidemill.lifeline import tie_programs
from slidemill.machine import machine_trouble

# A DAG of many slides is millions of objects that stay: looking for garbage among them less often saves a seventh, and
# leaving them alone when Python ends saves another.
gc.set_threshold(200_000, 20, 100)
atexit.register(gc.freeze)


snakemake_internals.evaluate_resources_quickly()

BASE = Path(workflow.basedir)

# Conda environments hold what slidemill needs but not slidemill itself.
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        filter(None, [str(BASE / "src"), os.getenv("PYTHONPATH")])
    )
)
# Jobs use the programs of the environment that runs Snakemake, also where it was not activated.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
)
# Open MPI does not start without.
os.environ.setdefault("HOME", home_folder())
name_user()
# Jobs end with the Snakemake that runs them, also when it is killed.
tie_programs()
# SLURM's PMIx offers munge to ranks as well; Open MPI's has none, and would tell so at length.
os.environ.setdefault("PMIX_MCA_psec", "native")
# For access to the memory of other ranks, which nothing here asks for: without its devices it sleeps for a second.
os.environ.setdefault("OMPI_MCA_btl", "^ofi")
if os.geteuid() == 0:
    # Open MPI refuses to run as root; containers and cloud images have no other user.
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")


def in_one_line(error):
    """The error that Snakemake prints without a traceback, before anything runs, for what is wrong with the config or the sheet."""
    trouble = machine_trouble(error) if isinstance(error, OSError) else None
    return WorkflowError(str(trouble or error))
