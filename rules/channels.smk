# How shards reach ranks that share no file system: by channels of the job, and not by a download before it.
# A channel gives all shards as files that are read as they are needed. Where the profile names a folder for FIFOs
# (`set-resources: {train: {fifos: FOLDER}}`), each rank of a host has a channel of its own for each kind of shard.

TRAIN_RESOURCES = workflow.resource_settings._parsed_overwrite_resources.get(
    "train", {}
)
FIFOS = TRAIN_RESOURCES["fifos"].raw if "fifos" in TRAIN_RESOURCES else None
FIFO_NAMES = expand(
    "{kind}_{number}",
    kind=["train", "validation"],
    number=range(config["ranks"]["per_node"]) if FIFOS else [],
)
FIFO_LISTS = expand("results/shards/channels/{name}.manifest", name=FIFO_NAMES)


def shard_channels():
    """The channels, as the executor plugin for SageMaker takes them; paths are those in the default storage."""
    lists = (
        f"{name}={path},type=ManifestFile,mode=Pipe,distribution=ShardedByS3Key"
        for name, path in zip(FIFO_NAMES, FIFO_LISTS)
    )
    return " ".join(["shards=results/shards/", *lists])
