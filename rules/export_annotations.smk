# Annotations of any format for QuPath, on demand: `snakemake export_annotations`.


rule export_annotations:
    input:
        exported_annotations,
    localrule: True


rule export_annotation:
    input:
        store=f"{SHARED}/tiles/{{slide_id}}.zarr.zip",
        annotation=annotation_file,
    output:
        f"{SHARED}/exports/annotations/{{slide_id}}.geojson",
    log:
        f"{SHARED_LOGS}/export_annotation/{{slide_id}}.log",
    benchmark:
        f"{SHARED}/benchmarks/export_annotation/{{slide_id}}.tsv"
    group:
        packed("slides")
    conda:
        "../envs/slides.yaml"
    resources:
        mem_mb=slide_memory,
        runtime=slide_minutes,
    params:
        script=script("export_annotations.py"),
        annotation=annotation_option,
        annotation_content=annotation_content,
    shell:
        "python {params.script} --store {input.store:q} {params.annotation} --output {output:q} &> {log:q}"
