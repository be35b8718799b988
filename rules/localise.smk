# Where a class scores high, against its annotated lesions.

if config["localisation"]["class"]:

    rule localise:
        input:
            predictions=[
                f"{run}/predictions/{slide_id}.zarr.zip"
                for slide_id, run in TESTED_IN.items()
            ],
            stores=expand(
                f"{METHOD_TILES}/{{slide_id}}.zarr.zip", slide_id=PICTURED_SLIDES
            ),
            outlines=expand(
                f"{RESULTS}/outlines/{{slide_id}}.geojson", slide_id=PICTURED_SLIDES
            ),
        output:
            metrics=f"{RESULTS}/evaluation/froc.json",
            detections=f"{RESULTS}/evaluation/detections.tsv",
        log:
            f"{LOGS}/localise.log",
        benchmark:
            f"{RESULTS}/benchmarks/localise.tsv"
        conda:
            "../envs/evaluation.yaml"
        resources:
            mem_mb=cohort_memory,
        params:
            script=script("localise.py"),
            slides=localised_slides,
            tiles=lambda wildcards, input: folder_of(input.stores),
            name=options("localisation", "class"),
            radius=options("localisation", "radius_um"),
            least=config["localisation"]["least_score"],
            targets=" ".join(
                f"--target {target}"
                for target in config["localisation"]["false_positives"]
            ),
            seed=options(None, "seed"),
        shell:
            "python {params.script} {params.slides} --tiles {params.tiles} {params.name} {params.radius}"
            " --least {params.least} {params.targets} {params.seed} --metrics {output.metrics:q} --detections {output.detections:q}"
            " &> {log:q}"
