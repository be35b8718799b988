# Patches at listed places, and how many of them each slide has.


rule tile_patches:
    input:
        slide=slide_file,
    output:
        records=f"{PATCHES}/{{slide_id}}.tfrecord" if KEEPS_RECORDS else [],
        store=f"{PATCHES}/{{slide_id}}.zarr.zip",
        labels=f"{PATCHES}/labels/{{slide_id}}.zarr.zip",
    log:
        f"{LOGS}/tile_patches/{{slide_id}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tile_patches/{{slide_id}}.tsv"
    group:
        packed("slides")
    conda:
        "../envs/slides.yaml"
    threads: threads_to_cut()
    resources:
        mem_mb=slide_memory,
        runtime=slide_minutes,
        scratch=options(None, "scratch"),  # no param, as in tile_slide
    params:
        script=script("tile_patches.py"),
        file=slide_path,
        content=slide_content,
        slide=sheet_options,
        tiling=tiling_options(OWN_TILES if TAKEN_FEATURES else {}),
        patches=patch_options,
        patches_content=patch_content,
        classes=class_options(),
    shell:
        "python {params.script} --slide {params.file} {params.slide} {params.tiling} {params.patches} {params.classes}"
        " --threads {threads} {resources.scratch} --store {output.store:q} --labels {output.labels:q}"
        " {output.records:q} &> {log:q}"


rule count_patches:
    input:
        splits=f"{RUN}/splits.tsv",
        stores=expand(f"{PATCHES}/{{slide_id}}.zarr.zip", slide_id=PATCHED_SLIDES),
    output:
        f"{RUN}/patches.tsv",
    log:
        of_run(f"{LOGS}/count_patches.log"),
    benchmark:
        of_run(f"{RESULTS}/benchmarks/count_patches.tsv")
    conda:
        "../envs/slides.yaml"
    params:
        script=script("count_patches.py"),
        patches=lambda wildcards, input: folder_of(input.stores),
        exclude=exclude_options(),
    shell:
        "python {params.script} --splits {input.splits:q} --patches {params.patches} {params.exclude}"
        " --output {output:q} &> {log:q}"
