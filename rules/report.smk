# One self-contained page on the whole run.
import json


rule write_config:
    output:
        f"{RESULTS}/config.json",
    log:
        f"{LOGS}/write_config.log",
    benchmark:
        f"{RESULTS}/benchmarks/write_config.tsv"
    priority: 100  # whoever looks at a run that goes on learns from it what the run is
    localrule: True
    conda:
        "../envs/evaluation.yaml"
    params:
        config=lambda wildcards, output: json.dumps(config),
        compared=json.dumps(without_places(config)),
    shell:
        "printf '%s\\n' {params.config:q} > {output:q} 2> {log:q}"


rule report:
    input:
        # Paths, as in assign_splits.
        splits=expand("{run}/splits.tsv", run=RUNS),
        stores=expand(f"{METHOD_TILES}/{{slide_id}}.zarr.zip", slide_id=COHORT),
        plan=expand(f"{{run}}/{LEARNED_FROM}", run=RUNS),
        history=expand("{run}/model/history.tsv", run=RUNS),
        metrics=f"{RESULTS}/evaluation/metrics.json",
        slides=f"{RESULTS}/evaluation/slides.tsv",
        top_tiles=f"{RESULTS}/evaluation/top_tiles.tsv",
        froc=froc_outputs()[:1],
        tile_labels=TILE_LABELS if LABELLED_BY_REGION else [],
        previews=expand(
            f"{RESULTS}/previews/{{slide_id}}.jpg", slide_id=PICTURED_SLIDES
        ),
        typical_tiles=expand(
            f"{RESULTS}/typical_tiles/{{slide_id}}.jpg", slide_id=PICTURED_SLIDES
        ),
        config=f"{RESULTS}/config.json",
    output:
        report(
            f"{RESULTS}/report.html",
            caption="../docs/captions/report.rst",
            category="Report",
        ),
    log:
        f"{LOGS}/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        "../envs/evaluation.yaml"
    resources:
        mem_mb=cohort_memory,
    params:
        script=script("report.py"),
        splits=lambda wildcards, input: repeated_option("splits", input.splits),
        plan=lambda wildcards, input: repeated_option("plan", input.plan),
        history=lambda wildcards, input: repeated_option("history", input.history),
        tiles=lambda wildcards, input: folder_of(input.stores),
        previews=lambda wildcards, input: folder_of(input.previews),
        typical_tiles=lambda wildcards, input: folder_of(input.typical_tiles),
        froc=froc_option,
        tile_labels=tile_labels_option,
        benchmarks=lambda wildcards: repeated_option("benchmarks", benchmark_places()),
    shell:
        "python {params.script} {params.splits} --tiles {params.tiles} {params.plan}"
        " {params.history} --metrics {input.metrics:q} --slides {input.slides:q}"
        " --top-tiles {input.top_tiles:q} {params.froc} {params.tile_labels}"
        " --previews {params.previews} --typical-tiles {params.typical_tiles}"
        " {params.benchmarks} --config {input.config:q} --output {output:q} &> {log:q}"
