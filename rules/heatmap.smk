# The scores of a slide over the slide: a picture, a file for QuPath, and small pictures for the report.


rule heatmap:
    input:
        slide=slide_file,
        store=f"{METHOD_TILES}/{{slide_id}}.zarr.zip",
        predictions=test_scores,
        outlines=outlines_file,
    output:
        png=report(
            f"{RESULTS}/heatmaps/{{slide_id}}.png",
            caption="../docs/captions/heatmap.rst",
            category="Heatmaps",
            labels={"slide": "{slide_id}"},
        ),
        geojson=f"{RESULTS}/heatmaps/{{slide_id}}.geojson",
        preview=f"{RESULTS}/previews/{{slide_id}}.jpg",
        tiles=f"{RESULTS}/typical_tiles/{{slide_id}}.jpg",
    log:
        f"{LOGS}/heatmap/{{slide_id}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/heatmap/{{slide_id}}.tsv"
    group:
        packed("pictures")
    conda:
        "../envs/evaluation.yaml"
    resources:
        mem_mb=slide_memory,
        runtime=slide_minutes,
    params:
        script=script("heatmap.py"),
        file=slide_path,
        mpp=options("heatmap", "mpp"),
        outlines=outlines_option,
    shell:
        "python {params.script} --slide {params.file} --store {input.store:q} --predictions {input.predictions:q}"
        " {params.outlines} {params.mpp} --png {output.png:q} --geojson {output.geojson:q}"
        " --preview {output.preview:q} --tiles {output.tiles:q} &> {log:q}"


rule overlay:
    input:
        slide=slide_file,
        store=f"{METHOD_TILES}/{{slide_id}}.zarr.zip",
        predictions=test_scores,
    output:
        f"{RESULTS}/overlays/{{slide_id}}.ome.tiff",
    log:
        f"{LOGS}/overlay/{{slide_id}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/overlay/{{slide_id}}.tsv"
    group:
        packed("pictures")
    conda:
        "../envs/evaluation.yaml"
    resources:
        mem_mb=slide_memory,
        runtime=slide_minutes,
    params:
        script=script("overlay.py"),
        file=slide_path,
        mpp=lambda wildcards: config["heatmap"]["overlay_mpp"] or 2.0,
    shell:
        "python {params.script} --slide {params.file} --store {input.store:q} --predictions {input.predictions:q}"
        " --mpp {params.mpp} --output {output:q} &> {log:q}"
