# A small classifier of slides on features of their heatmaps, for `evaluation.aggregation: heatmap_features`. It learns
# from the validation slides, whose tiles the network has not seen.
import shlex
from pathlib import Path

from slidemill.errors import ConfigError, SlidemillError


def check_slide_classifier():
    """Refuse a classifier of heatmaps that has too few slides to learn from, or that is not where its model lies."""
    if config["evaluation"]["aggregation"] != "heatmap_features":
        return
    # Here, because they import SciPy, which takes a moment.
    from slidemill.evaluation.fit_slides import check_enough_slides

    if CLASSIFIER_OF_MODEL and not Path(CLASSIFIER_OF_MODEL).exists():
        raise ConfigError(
            f"config: evaluation.aggregation is heatmap_features, and {CLASSIFIER_OF_MODEL} is not there. Choose another "
            "aggregation, or a model that was trained with this one."
        )
    for run in [] if CLASSIFIER_OF_MODEL else RUNS:
        slides = [
            COHORT[slide] for slide, split in RUNS[run].items() if split == "validation"
        ]
        patients = [(slide.patient_id, slide.label) for slide in slides]
        check_enough_slides(patients, config["classes"])


# Beside the model by which new slides are scored; what was trained here has its own.
CLASSIFIER_OF_MODEL = (
    str(Path(TRAINED_MODEL).with_name("slide_classifier.json"))
    if TRAINED_MODEL and config["evaluation"]["aggregation"] == "heatmap_features"
    else None
)
try:
    check_slide_classifier()
except (SlidemillError, OSError) as error:
    raise in_one_line(error) from None


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
