# A linear classifier on the features of tiles. One process with threads: what it does is to go through all features some
# hundred times, which as many cores as share their memory do as fast as it can be read.


rule fit_probe:
    input:
        splits=LEARNED_SPLITS,
        features=learned_features(),
        stores=expand(f"{LEARNED_TILES}/{{slide_id}}.zarr.zip", slide_id=LEARNED_SLIDES),
        labels=learned_labels(),
        hard_negatives=unless_in_place(config["sampling"]["hard_negatives"]),
    output:
        model=f"{RUN}/model/model.keras",
        history=f"{RUN}/model/history.tsv",
        facts=f"{RUN}/model/probe.json",
    log:
        of_run(f"{LOGS}/fit_probe.log"),
    benchmark:
        of_run(f"{RESULTS}/benchmarks/fit_probe.tsv")
    conda:
        "../envs/training.yaml"
    threads: 8
    resources:
        mem_mb=probe_memory,
    params:
        script=script("fit_probe.py"),
        tiles=lambda wildcards, input: folder_of(input.stores),
        features=lambda wildcards, input: folder_of(input.features),
        classes=class_options(),
        exclude=exclude_options(),
        labels=labels_option,
        label=label_options(LABELLED_BY_REGION or IS_PATCHED),
        sampling=sampling_options(),
        hard_negatives=hard_negatives_option,
        hard_content=content_in_place(
            "sampling.hard_negatives", config["sampling"]["hard_negatives"]
        ),
        l2=" ".join(f"--l2 {strength}" for strength in config["probe"]["l2"]),
        probe=options("probe", "balance", "max_iterations"),
        seed=options(None, "seed"),
        tracking=options("training", "tracking"),
        tracking_folder="results/mlflow",  # as in train
    shell:
        "python {params.script} --splits {input.splits:q} --tiles {params.tiles} --features {params.features}"
        " {params.classes} {params.exclude} {params.labels} {params.label}"
        " {params.sampling} {params.hard_negatives} {params.l2} {params.probe} {params.seed} {params.tracking}"
        " --tracking-folder {params.tracking_folder:q} --threads {threads} --model {output.model:q}"
        " --history {output.history:q} --facts {output.facts:q} &> {log:q}"
