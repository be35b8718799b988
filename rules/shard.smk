# Equal shards of train and validation tiles, `shards.per_rank` of each for every rank.


rule shard_tiles:
    input:
        splits=LEARNED_SPLITS,
        records=expand(
            f"{LEARNED_TILES}/{{slide_id}}.tfrecord", slide_id=LEARNED_SLIDES
        ),
        stores=expand(f"{LEARNED_TILES}/{{slide_id}}.zarr.zip", slide_id=LEARNED_SLIDES),
        labels=learned_labels(),
        hard_negatives=unless_in_place(config["sampling"]["hard_negatives"]),
    output:
        plan=f"{RUN}/shards/plan.json",
        train=expand(
            "{run}/shards/train-{shard}-of-{count}.tfrecord",
            run=RUN,
            shard=range(SHARDS),
            count=SHARDS,
        ),
        validation=expand(
            "{run}/shards/validation-{shard}-of-{count}.tfrecord",
            run=RUN,
            shard=range(SHARDS),
            count=SHARDS,
        ),
    log:
        of_run(f"{LOGS}/shard_tiles.log"),
    benchmark:
        of_run(f"{RESULTS}/benchmarks/shard_tiles.tsv")
    conda:
        "../envs/training.yaml"
    threads: RANKS
    resources:
        **ranks_evenly(),
        mem_mb=shard_memory,
    params:
        script=script("shard_tiles.py"),
        tiles=lambda wildcards, input: folder_of(input.stores),
        output=lambda wildcards, output: folder_of([output.plan]),
        classes=class_options(),
        exclude=exclude_options(),
        labels=labels_option,
        label=label_options(LABELLED_BY_REGION or IS_PATCHED),
        sampling=sampling_options(),
        hard_negatives=hard_negatives_option,
        hard_content=content_in_place(
            "sampling.hard_negatives", config["sampling"]["hard_negatives"]
        ),
        shard_count=SHARDS,
        shards=options("shards", "balance", "max_tiles_per_slide", "buffer_mb"),
        seed=options(None, "seed"),
    shell:
        LAUNCH + "python {params.script} --expect-ranks {resources.tasks}"
        " --splits {input.splits:q} --tiles {params.tiles} {params.classes} {params.exclude} {params.labels} {params.label}"
        " {params.sampling} {params.hard_negatives}"
        " --shard-count {params.shard_count}"
        " {params.shards} {params.seed} --output {params.output} &> {log:q}"
