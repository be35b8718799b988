# Features as other tools read them, on demand: `snakemake export_features --config as=trident`.


rule export_features:
    input:
        exported_folder,
    localrule: True


rule write_exported_features:
    input:
        sheet=f"{RESULTS}/slides.tsv",
        features=feature_files(COHORT),
        stores=expand(f"{FEATURE_TILES}/{{slide_id}}.zarr.zip", slide_id=COHORT),
    output:
        directory("results/exports/{tool}"),
    log:
        "logs/export_features/{tool}.log",
    benchmark:
        "results/benchmarks/export_features/{tool}.tsv"
    wildcard_constraints:
        tool="trident|stamp|clam",
    localrule: True  # a folder of many files, which storages do not hold as one
    conda:
        "../envs/features.yaml"
    params:
        script=script("export_features.py"),
        features=lambda wildcards, input: folders_of("features", input.features),
        tiles=lambda wildcards, input: folder_of(input.stores),
        exclude=exclude_options(),
    shell:
        "python {params.script} --slides {input.sheet:q} {params.features} --tiles {params.tiles}"
        " --as {wildcards.tool} {params.exclude} --output {output:q} &> {log:q}"
