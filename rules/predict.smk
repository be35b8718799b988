# Every tile of a slide, scored.


rule predict_slide:
    input:
        records="results/tiles/{slide_id}.tfrecord",
        store="results/tiles/{slide_id}.zarr.zip",
        model=MODEL,
    output:
        "results/predictions/{slide_id}.zarr.zip",
    log:
        "logs/predict_slide/{slide_id}.log",
    benchmark:
        "results/benchmarks/predict_slide/{slide_id}.tsv"
    conda:
        "../envs/training.yaml"
    params:
        script=script("predict_slide.py"),
    shell:
        "python {params.script} --records {input.records:q} --store {input.store:q} --model {input.model:q}"
        " --threads {threads} --output {output:q} &> {log:q}"
