# Every tile of every scored slide. A job takes many slides, so that TensorFlow and the model are loaded once for all of
# them: a rule for each batch, because every slide has its own file. A profile speaks of them all as `predict_slides`.
import shlex

for number, (run, batch) in enumerate(prediction_batches()):

    rule:
        name:
            f"predict_slides_{number}"
        input:
            tiles=model_inputs(batch),
            stores=expand(f"{METHOD_TILES}/{{slide_id}}.zarr.zip", slide_id=batch),
            model=scoring_model(run),
        output:
            expand("{run}/predictions/{slide_id}.zarr.zip", run=run, slide_id=batch),
        log:
            f"{LOGS}/predict_slides/{number}.log",
        benchmark:
            f"{RESULTS}/benchmarks/predict_slides/{number}.tsv"
        conda:
            "../envs/training.yaml"
        threads: set_threads(workflow, "predict_slides", otherwise=1)
        resources:
            **{"mem_mb": predict_memory, **set_resources(workflow, "predict_slides")},
        params:
            script=script("predict_slides.py"),
            slides=" ".join(f"--slide {shlex.quote(slide_id)}" for slide_id in batch),
            tiles=lambda wildcards, input: folder_of(input.stores),
            features=features_option,
            model=model_option,
            model_content=content_in_place("model", TRAINED_MODEL),
            exclude=exclude_options(),
            provider=options("prediction", "provider"),
            predictions=lambda wildcards, output: folder_of(output),
            kept=f"{run}/checkpoints/predict",
        shell:
            "python {params.script} {params.slides} --tiles {params.tiles} {params.features} {params.exclude} --model {params.model}"
            " {params.provider} --threads {threads} --kept {params.kept:q} --predictions {params.predictions} &> {log:q}"

    snakemake_internals.forget_command(workflow, f"predict_slides_{number}")
