# A trained model over HTTP, until Ctrl-C: snakemake serve --cores 2 --config model=results/model/model.keras


rule serve:
    input:
        unless_in_place(TRAINED_MODEL) if TRAINED_MODEL else missing_model,
    log:
        f"{LOGS}/serve.log",
    localrule: True
    conda:
        "../envs/serving.yaml"
    threads: 64  # or as many as there are cores
    params:
        script=script("serve.py"),
        model=lambda wildcards, input: shlex.quote(str(TRAINED_MODEL or input)),
        model_content=content_in_place("model", TRAINED_MODEL),
        serving=options("serving", "host", "port", "slides"),
        use=serving_use(),
    shell:
        "python {params.script} --model {params.model} {params.serving} --use {params.use:q} --threads {threads}"
        " 2>&1 | tee {log:q}"
