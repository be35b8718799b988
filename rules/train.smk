# Horovod training: one rank a shard. A run that was interrupted goes on from its last epoch.


rule train:
    input:
        plan=rules.shard_tiles.output.plan,
        train=rules.shard_tiles.output.train,
        validation=rules.shard_tiles.output.validation,
    output:
        model="results/model/model.keras",
        history="results/model/history.tsv",
    log:
        "logs/train.log",
    benchmark:
        "results/benchmarks/train.tsv"
    conda:
        "../envs/training.yaml"
    threads: RANKS
    resources:
        mpi=MPIRUN,
        tasks=RANKS,
    params:
        script=script("train.py"),
        checkpoint="results/checkpoints/train",
        training=options(
            "training",
            "architecture",
            "input_size",
            "epochs",
            "batch_size",
            "learning_rate",
        ),
        seed=options(None, "seed"),
        threads=threads_per_rank,
    shell:
        "{resources.mpi} -n {resources.tasks} python {params.script} --expect-ranks {resources.tasks}"
        " --plan {input.plan:q} {params.training} {params.seed} --threads {params.threads}"
        " --checkpoint {params.checkpoint:q} --model {output.model:q} --history {output.history:q} &> {log:q}"
