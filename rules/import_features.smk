# Features that another tool made (`features.from`): their tiles take the place of those that tile_slide would cut.
import shlex


rule import_features:
    input:
        slide=slide_file,
        features=foreign_features,
    output:
        store="results/tiles/{slide_id}.zarr.zip",
        features=f"results/features/{ENCODERS[0].name}/{{slide_id}}.zarr.zip",
    log:
        "logs/import_features/{slide_id}.log",
    benchmark:
        "results/benchmarks/import_features/{slide_id}.tsv"
    conda:
        "../envs/features.yaml"
    threads: 2
    resources:
        mem_mb=slide_memory,
        runtime=slide_minutes,
    params:
        script=script("import_features.py"),
        slide=sheet_options,
        encoder=shlex.quote(ENCODERS[0].name),
        tiling=options("tiling", "mpp", "tile_size", "max_background", "reader"),
    shell:
        "python {params.script} --slide {input.slide:q} {params.slide} {params.tiling} --from {input.features:q}"
        " --encoder {params.encoder} --threads {threads} --store {output.store:q} --features {output.features:q}"
        " &> {log:q}"
