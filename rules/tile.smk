# From a slide to its tissue tiles. A slide that cannot be used gives an empty tile store that says why.


rule tile_slide:
    input:
        slide=slide_file,
    output:
        records=f"{SHARED}/tiles/{{slide_id}}.tfrecord" if KEEPS_RECORDS else [],
        store=f"{SHARED}/tiles/{{slide_id}}.zarr.zip",
    log:
        f"{SHARED_LOGS}/tile_slide/{{slide_id}}.log",
    benchmark:
        f"{SHARED}/benchmarks/tile_slide/{{slide_id}}.tsv"
    group:
        packed("slides")
    conda:
        "../envs/slides.yaml"
    threads: threads_to_cut()
    resources:
        mem_mb=slide_memory,
        runtime=slide_minutes,
        # No param: with or without a copy the tiles are the same, and need not be cut again.
        scratch=options(None, "scratch"),
    params:
        script=script("tile_slide.py"),
        file=slide_path,
        content=slide_content,
        slide=sheet_options,
        tiling=tiling_options({}),
    shell:
        "python {params.script} --slide {params.file} {params.slide} {params.tiling}"
        " --threads {threads} {resources.scratch} --store {output.store:q} {output.records:q} &> {log:q}"


# Tiles that encoders want (`features.tiles: encoder`), on the tissue that was found above.
if HAS_OWN_TILES:

    rule tile_again:
        input:
            slide=slide_file,
            first=f"{TILES}/{{slide_id}}.zarr.zip",
        output:
            f"{FEATURE_TILES}/{{slide_id}}.zarr.zip",
        log:
            f"{SHARED_LOGS}/tile_again/{{slide_id}}.log",
        benchmark:
            f"{SHARED}/benchmarks/tile_again/{{slide_id}}.tsv"
        group:
            packed("slides")
        conda:
            "../envs/slides.yaml"
        threads: threads_to_cut()
        resources:
            mem_mb=slide_memory,
            runtime=slide_minutes,
            scratch=options(None, "scratch"),
        params:
            script=script("tile_again.py"),
            file=slide_path,
            content=slide_content,
            tiles=f"--mpp {OWN_TILES['mpp']} --tile-size {OWN_TILES['tile_size']}",
        shell:
            "python {params.script} --slide {params.file} --first {input.first:q} {params.tiles} --threads {threads}"
            " {resources.scratch} --store {output:q} &> {log:q}"
