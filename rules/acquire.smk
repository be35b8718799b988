# The sheet, and slides: drawn for the demo, or downloaded. A user's own slides are read where they lie.
import shlex


# Jobs take the sheet from among the results, wherever these are. Where it lies, and where it says that slides lie, is no
# reason to do anything again: what else it says is.
rule keep_sheet:
    output:
        f"{RESULTS}/slides.tsv",
    log:
        f"{LOGS}/keep_sheet.log",
    benchmark:
        f"{RESULTS}/benchmarks/keep_sheet.tsv"
    localrule: True
    conda:
        "../envs/slides.yaml"
    params:
        sheet=lambda wildcards, output: shlex.quote(str(SHEET)),
        cohort=cohort_digest,
    shell:
        "cp {params.sheet} {output:q} 2> {log:q}"


if DRAWN_SLIDES:

    rule synthesize_slide:
        output:
            f"{SHARED}/slides/{{slide_id}}.svs",
        log:
            f"{SHARED_LOGS}/synthesize_slide/{{slide_id}}.log",
        benchmark:
            f"{SHARED}/benchmarks/synthesize_slide/{{slide_id}}.tsv"
        group:
            packed("slides")
        conda:
            "../envs/slides.yaml"
        resources:
            mem_mb=slide_memory,
            runtime=slide_minutes,
        params:
            script=script("synthesize_slide.py"),
            recipe=lambda wildcards: COHORT[wildcards.slide_id].synthetic,
            seed=options(None, "seed"),
        shell:
            "python {params.script} --slide-id {wildcards.slide_id:q} --recipe {params.recipe:q} {params.seed}"
            " --output {output:q} &> {log:q}"

    rule draw_annotation:
        output:
            "results/slides/{slide_id}.xml",
        log:
            "logs/draw_annotation/{slide_id}.log",
        benchmark:
            "results/benchmarks/draw_annotation/{slide_id}.tsv"
        group:
            packed("slides")
        conda:
            "../envs/slides.yaml"
        params:
            script=script("draw_annotation.py"),
            recipe=lambda wildcards: COHORT[wildcards.slide_id].synthetic,
            seed=options(None, "seed"),
        shell:
            "python {params.script} --slide-id {wildcards.slide_id:q} --recipe {params.recipe:q} {params.seed}"
            " --output {output:q} &> {log:q}"

else:

    rule download_slide:
        output:
            temp_unless("acquire", "keep_slides", f"{SHARED}/slides/{{slide_id}}.svs"),
        log:
            f"{SHARED_LOGS}/download_slide/{{slide_id}}.log",
        benchmark:
            f"{SHARED}/benchmarks/download_slide/{{slide_id}}.tsv"
        group:
            packed("slides")
        conda:
            "../envs/download.yaml"
        resources:
            gdc_connections=config["acquire"]["connections"],
            mem_mb=slide_memory,
            runtime=slide_minutes,
        params:
            file=file_options,
            # What came of a slide so far; a run that was interrupted goes on from it.
            folder=f"{SHARED}/downloads/{{slide_id}}",
        shell:
            # DOWNLOAD_SLIDE is no param: another number of connections must not download all slides again.
            "python {DOWNLOAD_SLIDE} {params.file} --folder {params.folder:q} --output {output:q} &> {log:q}"
