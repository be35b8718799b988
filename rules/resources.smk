# Memory (MB) and time (minutes) for those who hand out machines; one machine does not ask. Both grow with the slide and
# with each attempt, because a job that was killed for too little of one needs more.

# What `--set-resources` and profiles say, by rule. Snakemake gives rules theirs from this very object, by a private name.
PROFILE_RESOURCES = workflow.resource_settings._parsed_overwrite_resources


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


def set_resources(name):
    """What `--set-resources NAME:RESOURCE=VALUE` and profiles say, for rules that stand for one of this name."""
    return {
        key: resource._evaluator or resource.value
        for key, resource in PROFILE_RESOURCES.get(name, {}).items()
    }


def profile_resource(rule_name, name):
    """One of them as it is written there; None where none is said."""
    resource = PROFILE_RESOURCES.get(rule_name, {}).get(name)
    return None if resource is None else resource.raw


def check_gpus_per_node():
    """Refuse a profile that asks for another number of GPUs on a node than there are ranks."""
    per_node = config["ranks"]["per_node"]
    gres = profile_resource("train", "gres")
    gpus = re.fullmatch(r"gpu(?::[\w.]+)?:(\d+)", str(gres or ""))
    if gpus and int(gpus[1]) != per_node:
        raise WorkflowError(
            f"The profile asks for {gpus[1]} GPU(s) on each node, and the config for {per_node} rank(s), each of which "
            "takes one. Give 'gres' of the rule 'train' and 'ranks.per_node' the same number."
        )


def start_one_rank_alone():
    """Leave the launcher out where there is one rank: schedulers refuse an MPI job with one task."""
    for name in MPI_RULES & set(PROFILE_RESOURCES):
        resources = PROFILE_RESOURCES[name]
        others = {key: value for key, value in resources.items() if key != "mpi"}
        PROFILE_RESOURCES[name] = type(resources)(others)


MPI_RULES = {"shard_tiles", "train"}
LAUNCH = "{resources.mpi} -n {resources.tasks} " if RANKS > 1 else ""
# Retries are counted where the jobs are sent from, and not inside a job once more.
TRAIN_RETRIES = 3 if workflow.is_main_process else 0

check_gpus_per_node()
if RANKS == 1:
    start_one_rank_alone()
