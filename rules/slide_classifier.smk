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
