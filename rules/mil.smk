# A model of bags, trained on the features of tiles, or on their pixels, by all ranks. The rule has the name of that of tiles, so that profiles
# and `--set-resources train:...` speak of both; there is never more than one of them.


rule:
    name:
        "train"
    input:
        splits=f"{RUN}/splits.tsv",
        taken=model_inputs(COHORT),
        stores=expand(f"{METHOD_TILES}/{{slide_id}}.zarr.zip", slide_id=COHORT),
    output:
        model=f"{RUN}/model/model.keras",
        history=f"{RUN}/model/history.tsv",
        facts=f"{RUN}/model/mil.json",
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
        # Nor this a param: other machines have it elsewhere.
        scratch=options(None, "scratch"),
        sagemaker_instance_count=config["ranks"]["nodes"],
        # Every host reads features, or tiles, as it needs them, and copies none before.
        sagemaker_channels=(
            f"features={TAKEN_FEATURES}/" if TAKEN_FEATURES else f"tiles={TILES}/"
        ),
    params:
        script=script("train_mil.py"),
        tiles=lambda wildcards, input: folder_of(input.stores),
        features=lambda wildcards, input: (
            f"--features {folder_of(input.taken)}" if TAKEN_FEATURES else ""
        ),
        classes=class_options(),
        exclude=exclude_options(),
        mil=mil_options(),
        log_folder=of_run(f"{LOGS}/train"),
        tracking_folder="results/mlflow",  # as in train
        seed=options(None, "seed"),
    shell:
        LAUNCH + "python {params.script} --expect-ranks {resources.tasks}"
        " --splits {input.splits:q} --tiles {params.tiles} {params.features} {params.classes} {params.exclude}"
        " {params.mil} {params.seed} {resources.scratch} --threads {resources.cpus_per_task}"
        " --checkpoint {resources.checkpoint:q} --log-folder {params.log_folder:q}"
        " --tracking-folder {params.tracking_folder:q} --model {output.model:q}"
        " --history {output.history:q} --facts {output.facts:q} &> {log:q}"
