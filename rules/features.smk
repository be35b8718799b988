# Features of every tile of every slide by pretrained encoders. As in predict.smk there is a rule for each batch of slides;
# a profile speaks of them all as `extract_features`.


rule features:
    input:
        feature_files(COHORT),
    localrule: True


for number, (place, batch) in enumerate(feature_batches()):

    rule:
        name:
            f"extract_features_{number}"
        input:
            pixels=pixel_files(batch, place),
            stores=expand(f"{place.tiles}/{{slide_id}}.zarr.zip", slide_id=batch),
            encoders=[
                file for file in ENCODER_FILES.values() if not read_in_place(file)
            ],
        output:
            feature_files(batch, place),
        log:
            f"{SHARED_LOGS}/extract_features/{number}.log",
        benchmark:
            f"{SHARED}/benchmarks/extract_features/{number}.tsv"
        conda:
            "../envs/features.yaml"
        threads: set_threads(workflow, "extract_features", otherwise=2)
        resources:
            **{
                "mem_mb": features_memory,
                "runtime": 240,
                # No param: how many tiles are encoded at once does not decide on features.
                "batch": options("features", "batch_size"),
                "scratch": options(None, "scratch"),
                # Nor this: other machines have it elsewhere.
                "python": ENCODER_PYTHON,
                **set_resources(workflow, "extract_features"),
            },
        params:
            script=script("extract_features.py"),
            slides=lambda wildcards, input, batch=batch: slide_options(
                batch, input.pixels
            ),
            tiles=lambda wildcards, input: folder_of(input.stores),
            encoders=encoder_options,
            entries=encoder_facts(),
            encoders_content=[
                content_in_place(f"features.encoders.{name}.file", file)
                for name, file in ENCODER_FILES.items()
            ],
            kept=place.kept,
            features=options("features", "source", "device", "precision"),
        shell:
            "{resources.python} {params.script} {params.slides} --tiles {params.tiles} {params.encoders} {params.features}"
            " --threads {threads} {resources.batch} {resources.scratch} --kept {params.kept:q}"
            " &> {log:q}"

    snakemake_internals.forget_command(workflow, f"extract_features_{number}")
