# Slide-level results on the test slides.


rule evaluate:
    input:
        splits="results/splits.tsv",
        predictions=expand(
            "results/predictions/{slide_id}.zarr.zip", slide_id=SCORED_SLIDES
        ),
    output:
        metrics="results/evaluation/metrics.json",
        slides="results/evaluation/slides.tsv",
    log:
        "logs/evaluate.log",
    benchmark:
        "results/benchmarks/evaluate.tsv"
    conda:
        "../envs/evaluation.yaml"
    params:
        script=script("evaluate.py"),
        predictions=lambda wildcards, input: folder_of(input.predictions),
        classes=class_options(),
        seed=options(None, "seed"),
    shell:
        "python {params.script} --splits {input.splits:q} --predictions {params.predictions} {params.classes}"
        " {params.seed} --metrics {output.metrics:q} --slides {output.slides:q} &> {log:q}"
