# Horovod training. A run that was interrupted goes on from its last checkpoint: a training that gets SIGTERM (a
# preempted job) saves its state and fails with exit code 75, and `retries` starts it again.


if FIFOS:

    # Which shards come through each FIFO: every host gets its share of each list.
    rule list_fifos:
        input:
            rules.shard_tiles.output.plan,
        output:
            FIFO_LISTS,
        log:
            of_run(f"{LOGS}/list_fifos.log"),
        benchmark:
            of_run(f"{RESULTS}/benchmarks/list_fifos.tsv")
        localrule: True
        conda:
            "../envs/training.yaml"
        params:
            script=script("list_fifos.py"),
            fifos=config["ranks"]["per_node"],
            address=shard_address,
            output=lambda wildcards, output: folder_of(output),
        shell:
            "python {params.script} --plan {input:q} --fifos {params.fifos} --address {params.address:q}"
            " --output {params.output} &> {log:q}"


rule train:
    input:
        plan=rules.shard_tiles.output.plan,
        train=rules.shard_tiles.output.train,
        validation=rules.shard_tiles.output.validation,
        weights=unless_in_place(config["training"]["weights"]),
        fifos=FIFO_LISTS,
    output:
        model=f"{RUN}/model/model.keras",
        history=f"{RUN}/model/history.tsv",
    log:
        of_run(f"{LOGS}/train.log"),
    benchmark:
        of_run(f"{RESULTS}/benchmarks/train.tsv")
    retries: TRAIN_RETRIES
    conda:
        "../envs/training.yaml"
    threads: RANKS
    resources:
        **ranks_evenly(),
        mem_mb=train_memory,
        checkpoint=checkpoint_file,
        sagemaker_instance_count=config["ranks"]["nodes"],
        sagemaker_channels=shard_channels,
    params:
        script=script("train.py"),
        training=training_options(),
        weights=weights_option,
        weights_content=content_in_place(
            "training.weights", config["training"]["weights"]
        ),
        fifos=f"--fifo-folder {FIFOS}" if FIFOS else "",
        log_folder=of_run(f"{LOGS}/train"),
        tracking="results/mlflow",  # of all experiments, to compare them
        seed=options(None, "seed"),
    shell:
        LAUNCH + "python {params.script} --expect-ranks {resources.tasks}"
        " --plan {input.plan:q} {params.fifos} {params.training} {params.weights} {params.seed} --threads {resources.cpus_per_task}"
        " --checkpoint {resources.checkpoint:q} --log-folder {params.log_folder:q}"
        " --tracking-folder {params.tracking:q} --model {output.model:q}"
        " --history {output.history:q} &> {log:q}"
