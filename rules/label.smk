# How much of each tile every annotated class covers; what share makes a label is decided when tiles are used.

if ANNOTATED:

    rule label_tiles:
        input:
            store="results/tiles/{slide_id}.zarr.zip",
            annotation=annotation_file,
        output:
            labels=f"{RESULTS}/labels/{{slide_id}}.zarr.zip",
            outlines=f"{RESULTS}/outlines/{{slide_id}}.geojson",
        log:
            f"{LOGS}/label_tiles/{{slide_id}}.log",
        benchmark:
            f"{RESULTS}/benchmarks/label_tiles/{{slide_id}}.tsv"
        group:
            packed("slides")
        conda:
            "../envs/slides.yaml"
        resources:
            mem_mb=slide_memory,
            runtime=slide_minutes,
        params:
            script=script("label_tiles.py"),
            annotation=annotation_option,
            annotation_content=annotation_content,
            regions=region_options(),
            part=part_option,
        shell:
            "python {params.script} --store {input.store:q} {params.annotation} {params.regions} {params.part}"
            " --labels {output.labels:q} --outlines {output.outlines:q} &> {log:q}"
