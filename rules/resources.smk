# Memory (MB) and time (minutes) for those who hand out machines; one machine does not ask. Both grow with the slide and
# with each attempt, because a job that was killed for too little of one needs more.
import functools
import re

from snakemake.exceptions import WorkflowError
from snakemake_internals import raw_resource, set_resources, set_threads


@functools.cache
def slide_gigabytes(slide_id):
    """Size of a slide's file as far as it is known before it is there."""
    slide = COHORT[slide_id]
    if slide.size is not None:
        return slide.size / 1e9
    if slide.path is not None and Path(slide.path).exists():
        return Path(slide.path).stat().st_size / 1e9
    return 0.1


@called_for_each_job
def slide_memory(wildcards, attempt):
    """Memory of a job that reads a slide."""
    return round((1000 + 200 * slide_gigabytes(wildcards.slide_id)) * attempt)


@called_for_each_job
def slide_minutes(wildcards, attempt):
    """Time of a job that reads a slide, or downloads it at 2 MB/s."""
    return round((5 + 10 * slide_gigabytes(wildcards.slide_id)) * attempt)


def cohort_memory(wildcards, attempt):
    """Memory of a job that reads something of every slide."""
    return (2000 + len(COHORT)) * attempt


def shard_memory(wildcards, attempt):
    """Memory on each node for ranks with two buffers each."""
    per_rank = 1000 + 2 * config["shards"]["buffer_mb"]
    return per_rank * config["ranks"]["per_node"] * attempt


def train_memory(wildcards, attempt):
    """Memory on each node."""
    return 4000 * config["ranks"]["per_node"] * attempt


def threads_to_cut():
    """CPU threads of a job that cuts a slide: two where the machine has cores for all slides at once; else each core has
    a slide of its own, which no thread waits for."""
    return 2 if 2 * len(COHORT) <= os.cpu_count() else 1


def features_memory(wildcards, attempt):
    """Memory of a job that loads an encoder and holds a few batches."""
    return 6000 * attempt


def probe_memory(wildcards, input, attempt):
    """Memory of a job that holds all features, which are hardly smaller in their files."""
    return round((3000 + 1.3 * input.size_mb) * attempt)


def predict_memory(wildcards, attempt):
    """Memory of a job that loads the model."""
    return 4000 * attempt


def threads_per_rank(wildcards, threads):
    """CPU threads of each rank: an equal share of the job's, unless a profile says how many CPUs a task has."""
    return max(1, threads // RANKS)


def ranks_evenly():
    """Resources of an MPI job: equally many ranks on each node."""
    ranks = config["ranks"]
    launcher = {"mpi": MPIRUN} if RANKS > 1 else {}
    return {
        **launcher,
        "tasks": RANKS,
        "nodes": ranks["nodes"],
        "cpus_per_task": threads_per_rank,
        "slurm_extra": f"--ntasks-per-node={ranks['per_node']}",
    }


def check_gpus_per_node():
    """Refuse a profile that asks for another number of GPUs on a node than there are ranks."""
    per_node = config["ranks"]["per_node"]
    gres = raw_resource(workflow, "train", "gres")
    gpus = re.fullmatch(r"gpu(?::[\w.]+)?:(\d+)", str(gres or ""))
    if gpus and int(gpus[1]) != per_node:
        raise WorkflowError(
            f"The profile asks for {gpus[1]} GPU(s) on each node, and the config for {per_node} rank(s), each of which "
            "takes one. Give 'gres' of the rule 'train' and 'ranks.per_node' the same number."
        )


def start_one_rank_alone():
    """Leave the launcher out where there is one rank: schedulers refuse an MPI job with one task."""
    for name in MPI_RULES:
        snakemake_internals.drop_set_resource(workflow, name, "mpi")


MPI_RULES = ("shard_tiles", "train")
LAUNCH = "{resources.mpi} -n {resources.tasks} " if RANKS > 1 else ""
# Retries are counted where the jobs are sent from, and not inside a job once more.
TRAIN_RETRIES = 3 if snakemake_internals.sends_jobs(workflow) else 0

check_gpus_per_node()
if RANKS == 1:
    start_one_rank_alone()
