# What the rules ask of models for other programs, and for ONNX Runtime.
import shlex

# An export is checked on tiles of so many slides at most, those that the model is validated and tested on.
CHECKED_SLIDES = 64


def is_network():
    """Whether the model that was trained before is already one of ONNX."""
    return bool(TRAINED_MODEL) and TRAINED_MODEL.endswith(".onnx")


@called_for_each_job
def checked_slides(wildcards):
    """The slides on whose tiles the export of a run's model is checked, evenly from all that the model scores."""
    slides = scored_slides(run_of(wildcards))
    step = max(1, -(-len(slides) // CHECKED_SLIDES))
    return slides[::step]


@called_for_each_job
def checked_inputs(wildcards):
    """What the model reads of them."""
    return model_inputs(checked_slides(wildcards))


@called_for_each_job
def checked_stores(wildcards):
    """The indexes of their tiles."""
    return expand(
        f"{METHOD_TILES}/{{slide_id}}.zarr.zip", slide_id=checked_slides(wildcards)
    )


@called_for_each_job
def checked_options(wildcards):
    """They as command line options."""
    return repeated_option("slide", checked_slides(wildcards))


@called_for_each_job
def model_to_export(wildcards):
    """The model of a run, or the one that was trained before, unless jobs read that where it lies."""
    if is_network():
        return "(a model.keras: that of the config is a network of ONNX already)"  # as in slide_file
    if TRAINED_MODEL:
        return unless_in_place(TRAINED_MODEL)
    return f"{run_of(wildcards)}/model/model.keras"


def model_option(wildcards, input):
    """The model that a job reads."""
    return shlex.quote(str(input.model or TRAINED_MODEL))


def scoring_model(run):
    """The file by which the slides of a run are scored, as an input."""
    if config["prediction"]["engine"] == "onnx" and not is_network():
        return f"{run}/model/model.onnx"
    return unless_in_place(TRAINED_MODEL) if TRAINED_MODEL else model_of(run)


def exported_models(wildcards):
    """model.onnx of each run."""
    return [f"{run}/model/model.onnx" for run in RUNS]


def saved_models(wildcards):
    """The SavedModel of each run; as in slide_file, the name of a missing input tells what to do."""
    if METHOD != "tiles":
        return f"(a model of tiles: one of method {METHOD} takes features, and TensorFlow Serving gets JPEG files; run 'snakemake export_onnx')"
    return [f"{run}/model/saved_model" for run in RUNS]
