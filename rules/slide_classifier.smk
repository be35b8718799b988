# A small classifier of slides on features of their heatmaps, for `evaluation.aggregation: heatmap_features`. It learns
# from the validation slides, whose tiles the network has not seen.


def slide_classifiers():
    """The classifier of each run, where the config asks for one."""
    is_used = config["evaluation"]["aggregation"] == "heatmap_features"
    return [f"{run}/model/slide_classifier.json" for run in RUNS] if is_used else []


def validation_scores(wildcards):
    """The predictions of the validation slides of a run."""
    run = run_of(wildcards)
    return [
        f"{run}/predictions/{slide_id}.zarr.zip"
        for slide_id, split in RUNS[run].items()
        if split == "validation"
    ]


def classifier_of_model(wildcards, input):
    """That of a model which was trained before, as a command line option, where this job finds it."""
    file = read_in_place(CLASSIFIER_OF_MODEL) or input.classifier
    return f"--slide-classifier {shlex.quote(str(file))}" if file else ""


if slide_classifiers() and TRAINED_MODEL is None:

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
