# How shards reach ranks that share no file system: by channels of the job, and not by a download before it.
# A channel gives all shards as files that are read as they are needed. Where the profile names a folder for FIFOs
# (`set-resources: {train: {fifos: FOLDER}}`), each rank of a host has a channel of its own for each kind of shard.

FIFOS = raw_resource(workflow, "train", "fifos")
FIFO_NAMES = expand(
    "{kind}_{number}",
    kind=["train", "validation"],
    number=range(config["ranks"]["per_node"]) if FIFOS else [],
)
FIFO_LISTS = [f"{RUN}/shards/channels/{name}.manifest" for name in FIFO_NAMES]


def shard_channels(wildcards):
    """The channels, as the executor plugin for SageMaker takes them; paths are those in the default storage."""
    lists = (
        f"{name}={path},type=ManifestFile,mode=Pipe,distribution=ShardedByS3Key"
        for name, path in zip(FIFO_NAMES, FIFO_LISTS)
    )
    return " ".join([f"shards={RUN}/shards/", *lists]).format(**wildcards)


def shard_address(wildcards):
    """Where the shards lie in the default storage."""
    return storage_address(f"{run_of(wildcards)}/shards/")
