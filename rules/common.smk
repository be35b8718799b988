# The config and the slide sheet, checked before the DAG is built, and what the rules ask of them.
import atexit
import functools
import gc
import json
import os
import re
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path

import snakemake_internals  # beside this file, where Snakemake lets it be found
from snakemake.exceptions import WorkflowError
from snakemake_internals import called_for_each_job

from slidemill.annotations.patch_lists import read_patch_lists
from slidemill.cohort import read_sheet
from slidemill.cohort.gdc.selection import Selection
from slidemill.cohort.sources import check_sources
from slidemill.cohort.validation import (
    check_cells,
    check_labels,
    check_patient_labels,
)
from slidemill.config import prepare_config
from slidemill.errors import ConfigError, SlidemillError
from slidemill.features.exchange.sources import (
    check_foreign_files,
    encoder_of_another_tool,
    foreign_path,
)
from slidemill.features.spec import (
    check_encoder,
    check_together,
    find_encoder,
    own_tiles,
)
from slidemill.inference.model_file import describe
from slidemill.launch import home_folder, name_user
from slidemill.lifeline import tie_programs
from slidemill.locations import is_address, path_problem
from slidemill.machine import machine_trouble
from slidemill.mil.training_parameters import (
    FROM_TRAINING,
    PIXELS_FROM_TRAINING,
    mil_section,
)
from slidemill.splits import Fold, SplitDesign, SplitFractions, split_slides
from slidemill.splits.patches import check_patches

# A DAG of many slides is millions of objects that stay: looking for garbage among them less often saves a seventh, and
# leaving them alone when Python ends saves another.
gc.set_threshold(200_000, 20, 100)
atexit.register(gc.freeze)


snakemake_internals.evaluate_resources_quickly()

BASE = Path(workflow.basedir)

# Conda environments hold what slidemill needs but not slidemill itself.
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        filter(None, [str(BASE / "src"), os.getenv("PYTHONPATH")])
    )
)
# Jobs use the programs of the environment that runs Snakemake, also where it was not activated.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()])
)
# Open MPI does not start without.
os.environ.setdefault("HOME", home_folder())
name_user()
# Jobs end with the Snakemake that runs them, also when it is killed.
tie_programs()
# SLURM's PMIx offers munge to ranks as well; Open MPI's has none, and would tell so at length.
os.environ.setdefault("PMIX_MCA_psec", "native")
if os.geteuid() == 0:
    # Open MPI refuses to run as root; containers and cloud images have no other user.
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT", "1")
    os.environ.setdefault("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1")


def read_cohort(sheet):
    """The slides of the sheet by slide_id, checked."""
    check_cells(sheet, BASE / "schemas" / "slides.schema.yaml")
    slides = read_sheet(sheet)
    check_sources(sheet, slides)
    return {slide.slide_id: slide for slide in slides}


def find_sheet(name):
    """The sheet in the working folder or, for the sheets that come with the workflow, beside the Snakefile."""
    return (
        Path(name) if Path(name).exists() or not (BASE / name).exists() else BASE / name
    )


def check_select(config, sheet):
    """Refuse a selection that can give no cohort, before the GDC is asked."""
    Selection(
        config["classes"], config["select"]["projects"], config["select"]["sections"]
    )
    manifest = config["select"]["manifest"]
    if manifest and Path(manifest) in (sheet, *beside_sheet(sheet)):
        raise ConfigError(
            f"config: select.manifest: {manifest} would be overwritten. Give the manifest another name."
        )


def beside_sheet(sheet):
    """What select_slides writes besides the sheet: the manifest of its slides, and what is not in it and why."""
    return sheet.with_suffix(".manifest.txt"), sheet.with_suffix(".left_out.tsv")


def refuse_results_as_sheet(sheet):
    """A sheet that the workflow writes itself cannot be what it reads."""
    for name in ("slides.tsv", PINNED_SHEET.rpartition("/")[2]):
        path = Path(RESULTS) / name
        if sheet.resolve() == path.resolve():
            raise ConfigError(
                f"config: slides: {sheet} is written by the workflow. Copy it to a place outside {RESULTS}/, and name the copy."
            )


def use_model(path):
    """Cut tiles as the model was trained on them, and take its method; where it takes features, its encoder as well."""
    description = describe(model_here(path))
    config["method"] = description.method
    config["mil"]["input"] = "features" if description.encoder else "pixels"
    if description.encoder:
        config["features"]["encoder"] = description.encoder.name
    config["tiling"]["mpp"] = description.tile_mpp
    config["tiling"]["tile_size"] = description.tile_size_px


def storage_address(path):
    """Where a result is kept: below the address of the default storage, if there is one."""
    prefix = snakemake_internals.storage_prefix(workflow)
    return f"{prefix.rstrip('/')}/{path}" if prefix else path


def model_here(path):
    """A model where it can be read before jobs start: with a storage, a copy of what lies there."""
    address = path if is_address(path) else storage_address(path)
    if not address.startswith("s3://"):
        return Path(path)
    # Here, because boto3 takes a moment to import.
    from slidemill_sagemaker.fetch import fetch_object

    return fetch_object(address, Path(".snakemake", "slidemill", "models"))


def own_folder():
    """Below results/ and logs/: the folder of what is scored, or of an experiment; none for the only one."""
    if config["model"]:
        return ["scoring", re.sub(r"[^\w.-]+", "_", SHEET.stem).lstrip(".") or "slides"]
    return ["experiments", config["experiment"]] if config["experiment"] else []


def split_designs():
    """How the cohort is split in each run of the training, by the folder of the run: one run, or one for each fold."""
    split = config["split"]
    if split["folds"]:
        sizes = {
            f"{RESULTS}/fold-{fold}": Fold(fold, split["folds"])
            for fold in range(split["folds"])
        }
    else:
        fractions = (split["train"], split["validation"], split["test"])
        sizes = {RESULTS: SplitFractions(*fractions)}
    return {run: SplitDesign(size, split["group_by"]) for run, size in sizes.items()}


def split_cohort(design):
    """Split of each slide, known before anything runs."""
    return split_slides(
        COHORT.values(),
        classes=config["classes"],
        design=design,
        seed=config["seed"],
    )


def takes_features():
    """Whether the model learns from the features of tiles, and not from their pixels."""
    return METHOD == "probe" or METHOD == "mil" and config["mil"]["input"] == "features"


def encoders_of_config():
    """The encoders that the config names, checked unless a model that was trained before takes none of them."""
    names = config["features"]["encoder"]
    names = [names] if isinstance(names, str) else names
    if config["features"]["from"]:
        check_foreign_files(Path(config["features"]["from"]), COHORT)
        return [encoder_of_another_tool(name) for name in names]
    entries = config["features"]["encoders"]
    encoders = [find_encoder(name, entries) for name in names]
    tile_size, mpp = tiles_of(encoders)
    for encoder in encoders if takes_features() or not TRAINED_MODEL else []:
        check_encoder(encoder, tile_size=tile_size, mpp=mpp)
        if encoder.terms and snakemake_internals.sends_jobs(workflow):
            print(f"Terms of use of {encoder.terms}", file=sys.stderr)
    check_together(encoders, config["features"]["precision"])
    return encoders


def tiles_of(encoders):
    """Side (pixels) and resolution (microns per pixel) of the tiles that encoders get: their own, where the config asks
    for such. With a model that was trained before all tiles are cut as it wants them.
    """
    if config["features"]["tiles"] == "encoder" and not TRAINED_MODEL:
        return own_tiles(encoders)
    return config["tiling"]["tile_size"], config["tiling"]["mpp"]


def python_of_encoders():
    """The Python that runs the encoders: that of PyTorch is in an environment of its own."""
    own = BASE / "envs" / "encoders" / ".venv" / "bin" / "python"
    if all(encoder.kind != "torch" for encoder in ENCODERS) or find_spec("torch"):
        return "python"
    if not own.exists() and snakemake_internals.sends_jobs(workflow):
        raise ConfigError(
            f"config: the encoder {ENCODERS[0].name} needs PyTorch, which has an environment of its own: run "
            f"'make env ENCODERS=torch' in {BASE}."
        )
    return shlex.quote(str(own))


def scored_slides(run):
    """Thresholds are chosen on the validation slides and applied to the test slides."""
    return [slide_id for slide_id, split in RUNS[run].items() if split != "train"]


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


def patch_files():
    """The table of patches that the config names, or the lists for each class."""
    lists = config["labels"]["patches"]
    if isinstance(lists, str):
        return Path(lists)
    return {
        name: list(map(Path, [own] if isinstance(own, str) else own))
        for name, own in lists.items()
    }


def read_patches():
    """The patches of each slide that are learned from; none where all tiles are."""
    if config["labels"]["from"] != "patches" or TRAINED_MODEL or SHEET_TO_SELECT:
        return {}
    classes, files = config["classes"], patch_files()
    listed = read_patch_lists(files, COHORT, classes)
    counts = {
        slide_id: dict(zip(classes, patches.class_counts(len(classes)).tolist()))
        for slide_id, patches in listed.slides.items()
    }
    for splits in RUNS.values():
        check_patches(counts, splits, classes)
    for file in [files] if isinstance(files, Path) else sum(files.values(), []):
        snakemake_internals.send_with_sources(workflow, file)
    if snakemake_internals.sends_jobs(workflow):
        for remark in listed.remarks:
            print(f"labels.patches: {remark}.", file=sys.stderr)
    return listed.slides


def prediction_batches():
    """The scored slides of each run in batches, one for each job; and the train slides, for who asks for them."""
    size = config["prediction"]["slides_per_job"]
    asked = [(RESULTS, TRAIN_SLIDES)] if LISTS_HARD_NEGATIVES else []
    for run, slides in [*((run, scored_slides(run)) for run in RUNS), *asked]:
        for start in range(0, len(slides), size):
            yield run, slides[start : start + size]


try:
    if (problem := path_problem(str(BASE))) is not None:
        raise ConfigError(f"{BASE}, the folder of the workflow, {problem}.")
    prepare_config(
        config,
        given=snakemake_internals.config_of_command_line(workflow),
        arguments=sys.argv,
        files=snakemake_internals.config_files(workflow),
        schema_file=BASE / "schemas" / "config.schema.yaml",
    )
    SHEET = find_sheet(config["slides"])
    # Where all lies that follows from the method, and what is the same for all experiments: slides, tiles and features.
    # New slides that are only scored may have names of slides that a model has learned from: they share nothing.
    RESULTS, LOGS = (str(Path(top, *own_folder())) for top in ("results", "logs"))
    SHARED, SHARED_LOGS = (RESULTS, LOGS) if config["model"] else ("results", "logs")
    PINNED_SHEET = f"{RESULTS}/slides.pinned.tsv"
    refuse_results_as_sheet(SHEET)
    # Jobs on machines without this file system get the sheet with the sources, as they get configs.
    snakemake_internals.send_with_sources(workflow, SHEET)
    # `snakemake select_slides` is still to write it; nothing else can be done before.
    SHEET_TO_SELECT = config["select"] is not None and not SHEET.exists()
    COHORT = {} if SHEET_TO_SELECT else read_cohort(SHEET)
    TRAINED_MODEL = config["model"]
    RUNS = {}
    if SHEET_TO_SELECT:
        check_select(config, SHEET)
    elif TRAINED_MODEL:
        use_model(TRAINED_MODEL)
        RUNS = {RESULTS: dict.fromkeys(COHORT, "test")}
    else:
        check_labels(
            SHEET,
            list(COHORT.values()),
            config["classes"],
            against_barcodes=config["labels_against_barcodes"],
        )
        if config["method"] == "mil" and config["mil"]["bag"] == "patient":
            check_patient_labels(SHEET, COHORT.values())
        RUNS = {run: split_cohort(design) for run, design in split_designs().items()}
    # Beside the model by which new slides are scored; what was trained here has its own.
    CLASSIFIER_OF_MODEL = (
        str(Path(TRAINED_MODEL).with_name("slide_classifier.json"))
        if TRAINED_MODEL and config["evaluation"]["aggregation"] == "heatmap_features"
        else None
    )
    check_slide_classifier()
    LISTED_PATCHES = read_patches()
    METHOD = config["method"]
    ENCODERS = encoders_of_config()
    ENCODER_PYTHON = python_of_encoders()
except SlidemillError as error:
    raise WorkflowError(str(error)) from None
except OSError as error:
    raise WorkflowError(str(machine_trouble(error) or error)) from None

DRAWN_SLIDES = any(slide.synthetic for slide in COHORT.values())
IS_CROSS_VALIDATION = bool(config["split"]["folds"]) and not TRAINED_MODEL
# Where the rules that run once for each fold put their files; what is the same for all folds lies above.
RUN = f"{RESULTS}/fold-{{fold}}" if IS_CROSS_VALIDATION else RESULTS
# Each test slide and the run whose model is tested on it. No slide is a test slide of two folds.
TESTED_IN = {
    slide_id: run
    for run, splits in RUNS.items()
    for slide_id, split in splits.items()
    if split == "test"
}
PICTURED_SLIDES = list(TESTED_IN)
SCORES = [
    f"{run}/predictions/{slide_id}.zarr.zip"
    for run in RUNS
    for slide_id in scored_slides(run)
]
TRAIN_SLIDES = [
    slide_id for slide_id, split in RUNS.get(RESULTS, {}).items() if split == "train"
]
RANKS = config["ranks"]["nodes"] * config["ranks"]["per_node"]
SHARDS = RANKS * config["shards"]["per_rank"]


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
