# Slide-level results on the test slides; of a cross-validation on those of all folds, each scored by its fold's model.


rule evaluate:
    input:
        splits=expand("{run}/splits.tsv", run=RUNS),
        predictions=SCORES,
        stores=expand(f"{METHOD_TILES}/{{slide_id}}.zarr.zip", slide_id=PICTURED_SLIDES),
        labels=tile_labels(PICTURED_SLIDES),
        classifiers=slide_classifiers(),
    output:
        metrics=report(
            f"{RESULTS}/evaluation/metrics.json",
            caption="../docs/captions/metrics.rst",
            category="Results",
        ),
        slides=report(
            f"{RESULTS}/evaluation/slides.tsv",
            caption="../docs/captions/slides.rst",
            category="Results",
        ),
        top_tiles=f"{RESULTS}/evaluation/top_tiles.tsv",
    log:
        f"{LOGS}/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate.tsv"
    conda:
        "../envs/evaluation.yaml"
    resources:
        mem_mb=cohort_memory,
    params:
        script=script("evaluate.py"),
        splits=lambda wildcards, input: repeated_option("splits", input.splits),
        predictions=lambda wildcards, input: folders_of(
            "predictions", input.predictions
        ),
        tiles=lambda wildcards, input: folder_of(input.stores),
        classes=class_options(),
        labels=labels_option,
        label=label_options(ANNOTATED),
        judge=judge_option(),
        classifiers=lambda wildcards, input: repeated_option(
            "slide-classifier", input.classifiers
        ),
        evaluation=options("evaluation", "aggregation", "top_k"),
        unit=options("split", "group_by"),
        seed=options(None, "seed", "ordered_classes"),
    shell:
        "python {params.script} {params.splits} {params.predictions} --tiles {params.tiles}"
        " {params.classifiers} {params.classes} {params.labels} {params.label} {params.judge} {params.seed} {params.unit}"
        " {params.evaluation}"
        " --metrics {output.metrics:q} --slides {output.slides:q} --top-tiles {output.top_tiles:q} &> {log:q}"
