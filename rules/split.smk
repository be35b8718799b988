# Train, validation and test, by patient.


rule assign_splits:
    input:
        # Paths, and not rules.NAME.output: Snakemake would compare each with all inputs, which is slow for many slides.
        sheet=f"{RESULTS}/slides.tsv",
        stores=expand(f"{METHOD_TILES}/{{slide_id}}.zarr.zip", slide_id=COHORT),
    output:
        f"{RUN}/splits.tsv",
    log:
        of_run(f"{LOGS}/assign_splits.log"),
    benchmark:
        of_run(f"{RESULTS}/benchmarks/assign_splits.tsv")
    conda:
        "../envs/slides.yaml"
    resources:
        mem_mb=cohort_memory,
    params:
        script=script("assign_splits.py"),
        tiles=lambda wildcards, input: folder_of(input.stores),
        classes=class_options(),
        split=split_options,
        seed=options(None, "seed"),
        exclude=exclude_options(),
        limit=options("tiling", "max_failed_fraction"),
    shell:
        "python {params.script} --slides {input.sheet:q} --tiles {params.tiles} {params.classes} {params.split}"
        " {params.exclude} {params.seed} {params.limit} --output {output:q} &> {log:q}"


rule pin_splits:
    input:
        splits_to_pin,
    output:
        PINNED_SHEET,
    log:
        f"{LOGS}/pin_splits.log",
    benchmark:
        f"{RESULTS}/benchmarks/pin_splits.tsv"
    localrule: True
    conda:
        "../envs/slides.yaml"
    params:
        script=script("pin_splits.py"),
        classes=class_options(),
        split=options("split", "train", "validation", "test", "group_by"),
        seed=options(None, "seed"),
    shell:
        "python {params.script} --slides {input:q} {params.classes} {params.split} {params.seed} --output {output:q}"
        " 2>&1 | tee {log:q}"
