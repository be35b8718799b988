# How much of each tile every annotated class covers; what share makes a label is decided when tiles are used.

if ANNOTATED:

    rule label_tiles:
        input:
            store=f"{METHOD_TILES}/{{slide_id}}.zarr.zip",
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
            stores=expand(f"{METHOD_TILES}/{{slide_id}}.zarr.zip", slide_id=COHORT),
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


# For another training to see more of what this one got wrong.
rule hard_negatives:
    input:
        hard_negatives,
    localrule: True


if LISTS_HARD_NEGATIVES:

    rule find_hard_negatives:
        input:
            splits=f"{RESULTS}/splits.tsv",
            predictions=expand(
                f"{RESULTS}/predictions/{{slide_id}}.zarr.zip", slide_id=TRAIN_SLIDES
            ),
            labels=tile_labels(TRAIN_SLIDES),
        output:
            f"{RESULTS}/hard_negatives.tsv",
        log:
            f"{LOGS}/find_hard_negatives.log",
        benchmark:
            f"{RESULTS}/benchmarks/find_hard_negatives.tsv"
        conda:
            "../envs/evaluation.yaml"
        resources:
            mem_mb=cohort_memory,
        params:
            script=script("find_hard_negatives.py"),
            predictions=lambda wildcards, input: folder_of(input.predictions),
            classes=class_options(),
            labels=labels_option,
            label=label_options(LABELLED_BY_REGION),
        shell:
            "python {params.script} --splits {input.splits:q} --predictions {params.predictions} {params.classes}"
            " {params.labels} {params.label} --output {output:q} &> {log:q}"
