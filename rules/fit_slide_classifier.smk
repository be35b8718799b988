# A classifier of slides by their heatmaps (slide_classifier.smk).


rule fit_slide_classifier:
    input:
        splits=f"{RUN}/splits.tsv",
        predictions=validation_scores,
    output:
        f"{RUN}/model/slide_classifier.json",
    log:
        of_run(f"{LOGS}/fit_slide_classifier.log"),
    benchmark:
        of_run(f"{RESULTS}/benchmarks/fit_slide_classifier.tsv")
    conda:
        "../envs/training.yaml"
    resources:
        mem_mb=cohort_memory,
    params:
        script=script("fit_slide_classifier.py"),
        predictions=lambda wildcards, input: folder_of(input.predictions),
        classes=class_options(),
        measured=repeated_option(
            "measured", config["evaluation"]["heatmap_classes"] or []
        ),
    shell:
        "python {params.script} --splits {input.splits:q} --predictions {params.predictions} {params.classes}"
        " {params.measured} --output {output:q} &> {log:q}"
