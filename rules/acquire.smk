# Slides: drawn for the demo. A user's own slides are read where they lie.


rule synthesize_slide:
    input:
        # The text of a recipe stands in the sheet, but a change in one row does not draw all slides again.
        ancient(SHEET),
    output:
        "results/slides/{slide_id}.svs",
    log:
        "logs/synthesize_slide/{slide_id}.log",
    benchmark:
        "results/benchmarks/synthesize_slide/{slide_id}.tsv"
    conda:
        "../envs/slides.yaml"
    params:
        script=script("synthesize_slide.py"),
        recipe=lambda wildcards: COHORT[wildcards.slide_id].synthetic,
        seed=options(None, "seed"),
    shell:
        "python {params.script} --slide-id {wildcards.slide_id:q} --recipe {params.recipe:q} {params.seed}"
        " --output {output:q} &> {log:q}"
