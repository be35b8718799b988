# Train, validation and test, by patient.


rule assign_splits:
    input:
        sheet=rules.keep_sheet.output,
        stores=expand("results/tiles/{slide_id}.zarr.zip", slide_id=COHORT),
    output:
        "results/splits.tsv",
    log:
        "logs/assign_splits.log",
    benchmark:
        "results/benchmarks/assign_splits.tsv"
    conda:
        "../envs/slides.yaml"
    resources:
        mem_mb=cohort_memory,
    params:
        script=script("assign_splits.py"),
        tiles=lambda wildcards, input: folder_of(input.stores),
        classes=class_options(),
        split=split_options(),
        seed=options(None, "seed"),
        limit=options("tiling", "max_failed_fraction"),
    shell:
        "python {params.script} --slides {input.sheet:q} --tiles {params.tiles} {params.classes} {params.split}"
        " {params.seed} {params.limit} --output {output:q} &> {log:q}"
