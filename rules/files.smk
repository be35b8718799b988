# Files and programs that the rules ask for.
import os
import shlex
from pathlib import Path

from snakemake_internals import called_for_each_job

from slidemill.locations import is_address


wildcard_constraints:
    slide_id=r"[^/]+",
    fold=r"\d+",


def path_of_script(name):
    """Path of a program under scripts/, for a shell command."""
    return shlex.quote(str(BASE / "scripts" / name))


# mpirun itself kills its ranks a quarter of a second after SIGTERM.
MPIRUN = f"python {path_of_script('mpirun.py')} --map-by :oversubscribe --bind-to none"


def sheet_that_is_missing(wildcards):
    """As in slide_file: the name of a missing input tells what to do."""
    return f"({SHEET}, the slide sheet, which is not there yet: run 'snakemake select_slides' with the same config)"


def splits_to_pin(wildcards):
    """The sheet into which splits are written; as in slide_file, the name of a missing input tells what to do."""
    if IS_CROSS_VALIDATION:
        return "(one split: a cross-validation has another for each fold; set split.folds to null to pin one)"
    return f"{RESULTS}/slides.tsv"


def of_run(path):
    """The log or benchmark file of a rule that runs once for each fold."""
    name, kind = os.path.splitext(path)
    return f"{name}/fold-{{fold}}{kind}" if IS_CROSS_VALIDATION else path


def temp_unless(section, key, path):
    """An output that Snakemake removes as soon as nothing needs it any more, unless the config wants it kept."""
    return path if config[section][key] else temp(path)


@called_for_each_job
def slide_file(wildcards):
    """The slide's file, unless it is the user's own on a disk."""
    slide_id = wildcards.slide_id
    return [] if own_path(slide_id) else file_of_slide(slide_id)


def file_of_slide(slide_id):
    """The slide's file by its name: where the user keeps it, else where the workflow puts it."""
    if slide_id not in COHORT:
        # An error raised here would come with a traceback; a missing input of this name says the same without.
        return f"(no slide '{slide_id}' in {SHEET}: correct the name of the target)"
    return own_file(COHORT[slide_id].path) or f"{SHARED}/slides/{slide_id}.svs"


def own_file(path):
    """A file of the user's own, where it lies: on a disk, or in a storage (s3://bucket/key)."""
    return storage(path) if path and is_address(path) else path


def folder_of(files):
    """Folder of a rule's files. Lists of 20,000 files go to programs as a folder, not as 20,000 arguments."""
    return shlex.quote(str(Path(files[0]).parent))


def model_of(run):
    """The model by which the slides of a run are scored."""
    return TRAINED_MODEL or f"{run}/model/model.keras"


@called_for_each_job
def test_scores(wildcards):
    """The predictions of a slide by the model that is tested on it."""
    run = TESTED_IN.get(wildcards.slide_id, RESULTS)
    return f"{run}/predictions/{wildcards.slide_id}.zarr.zip"


def run_of(wildcards):
    """The folder of the run that a job is of."""
    return RUN.format(**wildcards)


def checkpoint_file(wildcards):
    """Where a training keeps its state; a profile may name a place that outlives the job."""
    return f"{run_of(wildcards)}/checkpoints/train"


def final_outputs(wildcards):
    """What a plain `snakemake` makes."""
    if SHEET_TO_SELECT:
        return sheet_that_is_missing(wildcards)
    return (
        score_outputs(wildcards)
        if TRAINED_MODEL
        else [f"{RESULTS}/report.html", *froc_outputs(), *overlays()]
    )


def overlays():
    """The pyramids that the config asks for."""
    slides = PICTURED_SLIDES if config["heatmap"]["overlay_mpp"] else []
    return expand(f"{RESULTS}/overlays/{{slide_id}}.ome.tiff", slide_id=slides)


def missing_model(wildcards):
    """As in slide_file: the name of a missing input tells what to do."""
    return "(a trained model: add --config model=PATH/model.keras)"


def score_outputs(wildcards):
    """The outputs of scoring, which needs a model."""
    if TRAINED_MODEL is None:
        return "(a trained model: add --config slides=SHEET.tsv model=PATH/model.keras)"  # as in slide_file
    heatmaps = expand(
        f"{RESULTS}/heatmaps/{{slide_id}}.{{kind}}",
        slide_id=PICTURED_SLIDES,
        kind=["png", "geojson"],
    )
    return [f"{RESULTS}/scores.tsv", *heatmaps, *overlays()]
