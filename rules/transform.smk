# Every tile of new slides, scored by a batch transform of SageMaker in the place of the rules of predict.smk.
import shlex


rule transform_tiles:
    input:
        settings=needs_sagemaker,
        sheet=f"{RESULTS}/slides.tsv",  # a path, as in assign_splits
        # Their tile records lie beside, are many times as large, and are read by SageMaker where they are.
        stores=expand(f"{TILES}/{{slide_id}}.zarr.zip", slide_id=COHORT),
        model=model_in_use,
    output:
        expand(f"{RESULTS}/transformed/{{slide_id}}.tfrecord.out", slide_id=COHORT),
    log:
        f"{LOGS}/transform_tiles.log",
    benchmark:
        f"{RESULTS}/benchmarks/transform_tiles.tsv"
    localrule: True  # it waits, and no more
    conda:
        "../envs/sagemaker.yaml"
    resources:
        sagemaker_instance_type="ml.c5.xlarge",
        sagemaker_instance_count=1,
    params:
        script=script("transform_tiles.py"),
        project=project_options,
        model=stored_model_options,
        records=lambda wildcards, input: shlex.quote(storage_address(TILES)),
        answers=lambda wildcards, output: folder_of(output),
    shell:
        "python {params.script} {params.project} {params.model} --slides {input.sheet:q}"
        " --records {params.records} --instance-type {resources.sagemaker_instance_type}"
        " --instances {resources.sagemaker_instance_count} --answers {params.answers} 2>&1 | tee -i {log:q}"


rule collect_scores:
    input:
        sheet=f"{RESULTS}/slides.tsv",
        answers=expand(
            f"{RESULTS}/transformed/{{slide_id}}.tfrecord.out", slide_id=COHORT
        ),
        stores=expand(f"{TILES}/{{slide_id}}.zarr.zip", slide_id=COHORT),
        model=model_in_use,
    output:
        SCORES,
    log:
        f"{LOGS}/collect_scores.log",
    benchmark:
        f"{RESULTS}/benchmarks/collect_scores.tsv"
    localrule: True  # to start an instance would take longer
    conda:
        "../envs/evaluation.yaml"
    params:
        script=script("collect_scores.py"),
        answers=lambda wildcards, input: folder_of(input.answers),
        tiles=lambda wildcards, input: folder_of(input.stores),
        exclude=exclude_options(),
        predictions=lambda wildcards, output: folder_of(output),
    shell:
        "python {params.script} --slides {input.sheet:q} --answers {params.answers} --tiles {params.tiles} {params.exclude}"
        " --model {input.model:q} --predictions {params.predictions} &> {log:q}"


rule batch_transform:
    input:
        transformed,
    localrule: True
