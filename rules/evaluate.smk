# Slide-level results on the test slides.


rule evaluate:
    input:
        splits="results/splits.tsv",
        predictions=expand(
            "results/predictions/{slide_id}.zarr.zip", slide_id=SCORED_SLIDES
        ),
        stores=expand("results/tiles/{slide_id}.zarr.zip", slide_id=PICTURED_SLIDES),
    output:
        metrics=report(
            "results/evaluation/metrics.json",
            caption="../docs/captions/metrics.rst",
            category="Results",
        ),
        slides=report(
            "results/evaluation/slides.tsv",
            caption="../docs/captions/slides.rst",
            category="Results",
        ),
        top_tiles="results/evaluation/top_tiles.tsv",
    log:
        "logs/evaluate.log",
    benchmark:
        "results/benchmarks/evaluate.tsv"
    conda:
        "../envs/evaluation.yaml"
    resources:
        mem_mb=cohort_memory,
    params:
        script=script("evaluate.py"),
        predictions=lambda wildcards, input: folder_of(input.predictions),
        tiles=lambda wildcards, input: folder_of(input.stores),
        classes=class_options(),
        evaluation=options("evaluation", "aggregation", "top_k"),
        seed=options(None, "seed"),
    shell:
        "python {params.script} --splits {input.splits:q} --predictions {params.predictions} --tiles {params.tiles}"
        " {params.classes} {params.seed} {params.evaluation} --metrics {output.metrics:q} --slides {output.slides:q}"
        " --top-tiles {output.top_tiles:q} &> {log:q}"
