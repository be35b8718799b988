# Horovod training. A run that was interrupted goes on from its last checkpoint: a training that gets SIGTERM (a
# preempted job) saves its state and fails with exit code 75, and `retries` starts it again.


rule train:
    input:
        plan=rules.shard_tiles.output.plan,
        train=rules.shard_tiles.output.train,
        validation=rules.shard_tiles.output.validation,
        weights=config["training"]["weights"] or [],
    output:
        model=f"{RUN}/model/model.keras",
        history=f"{RUN}/model/history.tsv",
    log:
        of_run("logs/train.log"),
    benchmark:
        of_run("results/benchmarks/train.tsv")
    retries: 3
    conda:
        "../envs/training.yaml"
    threads: RANKS
    resources:
        mpi=MPIRUN,
        tasks=RANKS,
    params:
        script=script("train.py"),
        checkpoint=f"{RUN}/checkpoints/train",
        training=options("training", *config["training"]),
        log_folder=of_run("logs/train"),
        tracking="results/mlflow",
        seed=options(None, "seed"),
        threads=threads_per_rank,
    shell:
        "{resources.mpi} -n {resources.tasks} python {params.script} --expect-ranks {resources.tasks}"
        " --plan {input.plan:q} {params.training} {params.seed} --threads {params.threads}"
        " --checkpoint {params.checkpoint:q} --log-folder {params.log_folder:q}"
        " --tracking-folder {params.tracking:q} --model {output.model:q}"
        " --history {output.history:q} &> {log:q}"
