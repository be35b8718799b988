# The config and the slide sheet, checked before the DAG is built, and what follows from them.
import re
import sys
from pathlib import Path

import snakemake_internals

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
from slidemill.inference.model_file import describe
from slidemill.locations import is_address, path_problem
from slidemill.splits import Fold, SplitDesign, SplitFractions, split_slides


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


def scored_slides(run):
    """Thresholds are chosen on the validation slides and applied to the test slides."""
    return [slide_id for slide_id, split in RUNS[run].items() if split != "train"]


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
except (SlidemillError, OSError) as error:
    raise in_one_line(error) from None

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
