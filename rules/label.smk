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


if LABELLED_BY_REGION:

    rule count_labels:
        input:
            splits=f"{next(iter(RUNS))}/splits.tsv",  # of any fold: all tell of every slide
            stores=expand("results/tiles/{slide_id}.zarr.zip", slide_id=COHORT),
            labels=tile_labels(COHORT),
        output:
            TILE_LABELS,
        log:
            f"{LOGS}/count_labels.log",
        benchmark:
            f"{RESULTS}/benchmarks/count_labels.tsv"
        conda:
            "../envs/slides.yaml"
        resources:
            mem_mb=cohort_memory,
        params:
            script=script("count_labels.py"),
            tiles=lambda wildcards, input: folder_of(input.stores),
            classes=class_options(),
            exclude=exclude_options(),
            labels=labels_option,
            label=label_options(LABELLED_BY_REGION),
        shell:
            "python {params.script} --splits {input.splits:q} --tiles {params.tiles} {params.classes} {params.exclude}"
            " {params.labels} {params.label} --output {output:q} &> {log:q}"
