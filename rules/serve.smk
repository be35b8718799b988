# A trained model over HTTP, until Ctrl-C or SIGTERM: snakemake serve --cores 2 --config model=results/model/model.keras
import os
import shlex

# What tells the service that this Snakemake got SIGTERM, which nobody sends to the service itself.
END_OF_SERVICE = Path(".snakemake/slidemill").absolute() / f"serve-{os.getpid()}.end"
snakemake_internals.end_by_sigterm("serve", END_OF_SERVICE)


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
        provider=options("prediction", "provider"),
        use=serving_use(),
        until=lambda wildcards, input: shlex.quote(str(END_OF_SERVICE)),
    shell:
        "python {params.script} --model {params.model} {params.serving} {params.provider} --use {params.use:q}"
        " --until {params.until} --threads {threads}"
        " 2>&1 | tee {log:q}"
