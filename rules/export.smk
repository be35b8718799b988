# A trained model for other programs, on demand: `snakemake export_onnx` and `snakemake export_savedmodel`. model.onnx is
# also what predict_slides takes, where prediction.engine is onnx.


rule export_onnx:
    input:
        exported_models,
    localrule: True


rule export_savedmodel:
    input:
        saved_models,
    localrule: True


rule write_onnx:
    input:
        model=model_to_export,
        tiles=checked_inputs,
        stores=checked_stores,
        sheet=f"{RESULTS}/slides.tsv",
    output:
        network=f"{RUN}/model/model.onnx",
        check=f"{RUN}/model/onnx.json",
    log:
        of_run(f"{LOGS}/write_onnx.log"),
    benchmark:
        of_run(f"{RESULTS}/benchmarks/write_onnx.tsv")
    conda:
        "../envs/training.yaml"
    threads: 2
    resources:
        mem_mb=predict_memory,
    params:
        script=script("export_onnx.py"),
        slides=checked_options,
        tiles=lambda wildcards, input: folder_of(input.stores),
        features=features_option,
        model=model_option,
        model_content=content_in_place("model", TRAINED_MODEL),
        exclude=exclude_options(),
        onnx=options("prediction", "precision", "provider"),
    shell:
        "python {params.script} --model {params.model} --sheet {input.sheet:q} {params.slides} --tiles {params.tiles}"
        " {params.features} {params.exclude} {params.onnx} --threads {threads} --output {output.network:q}"
        " --check {output.check:q} &> {log:q}"


rule write_savedmodel:
    input:
        model=model_to_export,
        tiles=checked_inputs,
        stores=checked_stores,
        sheet=f"{RESULTS}/slides.tsv",
    output:
        directory(f"{RUN}/model/saved_model"),
    log:
        of_run(f"{LOGS}/write_savedmodel.log"),
    benchmark:
        of_run(f"{RESULTS}/benchmarks/write_savedmodel.tsv")
    conda:
        "../envs/training.yaml"
    threads: 2
    resources:
        mem_mb=predict_memory,
    params:
        script=script("export_savedmodel.py"),
        slides=checked_options,
        tiles=lambda wildcards, input: folder_of(input.stores),
        features=features_option,
        model=model_option,
        model_content=content_in_place("model", TRAINED_MODEL),
        exclude=exclude_options(),
    shell:
        "python {params.script} --model {params.model} --sheet {input.sheet:q} {params.slides} --tiles {params.tiles}"
        " {params.features} {params.exclude} --threads {threads} --output {output:q} &> {log:q}"
