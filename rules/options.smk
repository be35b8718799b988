# Config and sheet as command line options of the programs.
import json
import re
import shlex

from slidemill.mil.training_parameters import (
    FROM_TRAINING,
    PIXELS_FROM_TRAINING,
    mil_section,
)

# What of the config's tiling counts beside the size and the resolution of tiles.
HOW_TO_TILE = (
    "max_background",
    "jpeg_quality",
    "jpeg_subsampling",
    "ink",
    "max_damaged",
    "reader",
)


def options(section, *keys):
    """Values of the config as command line options."""
    return as_options(config[section] if section else config, *keys)


def as_options(values, *keys):
    """Values as command line options: tile_size: 512 gives --tile-size 512, and null gives none."""
    return " ".join(
        f"--{key.replace('_', '-')} {shlex.quote(str(values[key]))}"
        for key in keys
        if values[key] is not None
    )


def server_options(*keys):
    """How the GDC is reached, as command line options."""
    token = ["token_file"] if config["acquire"]["token_file"] else []
    return options("acquire", "server", "tries", "timeout", *keys, *token)


def select_options():
    """What to ask the GDC for, as command line options."""
    select = config["select"]
    sections = repeated_option("section", select["sections"])
    manifest = (
        f" --from-manifest {shlex.quote(select['manifest'])}"
        if select["manifest"]
        else ""
    )
    projects, filters = (
        shlex.quote(json.dumps(select[key])) for key in ("projects", "filters")
    )
    return f"--projects {projects} --filters {filters} {sections}{manifest}"


def split_options(wildcards):
    """How the cohort is split, as command line options."""
    if IS_CROSS_VALIDATION:
        return f"{options('split', 'group_by', 'folds')} --fold {wildcards.fold}"
    return options("split", "train", "validation", "test", "group_by")


def tiling_options(sizes):
    """How tiles are cut, as command line options; at other sizes than the config's, where some are given."""
    tiling = config["tiling"] | sizes
    return " ".join(
        f"--{key.replace('_', '-')} {shlex.quote(str(tiling[key]))}"
        for key in ("mpp", "tile_size", *HOW_TO_TILE)
    )


def serving_use():
    """What of the config counts where a model is served, as JSON."""
    tiling = {key: config["tiling"][key] for key in HOW_TO_TILE}
    tiling["jpeg_subsampling"] = str(tiling["jpeg_subsampling"])
    evaluation = {key: config["evaluation"][key] for key in ("aggregation", "top_k")}
    return json.dumps(
        evaluation
        | {"exclude": config["quality"]["exclude"], "tiling": tiling}
        | {"encoders": config["features"]["encoders"]}
    )


def repeated_option(name, values):
    """A list as a command line option that is given once for each value."""
    return " ".join(f"--{name} {shlex.quote(value)}" for value in values)


def class_options():
    """The classes in order, as command line options."""
    return repeated_option("class", config["classes"])


def exclude_options():
    """The quality flags whose tiles are not used, as command line options."""
    return repeated_option("exclude", config["quality"]["exclude"])


@called_for_each_job
def file_options(wildcards):
    """A slide's file at the GDC, as command line options of download_slide."""
    slide = COHORT[wildcards.slide_id]
    return (
        f"--file-id {shlex.quote(slide.file_id)} --filename {shlex.quote(slide.filename)}"
        f" --md5 {shlex.quote(slide.md5)} --size {slide.size}"
    )


def training_options():
    """The training section of the config as command line options, without the weights."""
    return options("training", *filter("weights".__ne__, config["training"]))


def mil_options():
    """How a model of bags is trained, as command line options: the section `mil`, and what it leaves to `training`."""
    mil = mil_section(config)
    own = [key for key in mil if key not in ("tiles", "colour_jitter", "hidden")]
    hidden = repeated_option("hidden", map(str, mil["hidden"]))
    ordered = "--ordered" if config["ordered_classes"] else ""
    shared, pixels = FROM_TRAINING, ""
    if mil["input"] == "pixels":
        shared, pixels = (
            FROM_TRAINING + PIXELS_FROM_TRAINING,
            f"--tiles-of-slide {mil['tiles']} {as_options(mil, 'colour_jitter')}",
        )
    return f"{as_options(mil, *own)} {pixels} {hidden} {ordered} {options('training', *shared, 'tracking')}"


# A param whose function takes `input` is not compared with the last run's: values of the config have no place in one.
def weights_option(wildcards, input):
    """The weights to start from as a command line option, where this job finds them."""
    weights = read_in_place(config["training"]["weights"]) or input.weights
    return f"--weights {shlex.quote(str(weights))}" if weights else ""


def sampling_options():
    """Which train tiles are used, as command line options, without the list of hard negatives."""
    most = config["sampling"]["tiles_per_slide"].items()
    limits = " ".join(f"--tiles-per-slide {shlex.quote(k)} {n}" for k, n in most)
    return f"{limits} {options('sampling', 'hard_share')}" if is_sampled() else ""


def is_sampled():
    """Whether train tiles are drawn by class and slide, or hard ones first."""
    sampling = config["sampling"]
    return bool(sampling["tiles_per_slide"]) or sampling["hard_negatives"] is not None


def hard_negatives_option(wildcards, input):
    """The list of hard negatives as a command line option, where this job finds it."""
    path = read_in_place(config["sampling"]["hard_negatives"]) or input.hard_negatives
    return f"--hard-negatives {shlex.quote(str(path))}" if path else ""


@called_for_each_job
def sheet_options(wildcards):
    """What the sheet says of a slide, as command line options of tile_slide."""
    slide = COHORT[wildcards.slide_id]
    mpp = f" --sheet-mpp {slide.mpp}" if slide.mpp else ""
    return f"--slide-id {shlex.quote(slide.slide_id)} --patient-id {shlex.quote(slide.patient_id)}{mpp}"


def folders_of(name, files):
    """The folders of a rule's files as a command line option that is given once for each run."""
    folders = dict.fromkeys(str(Path(file).parent) for file in files)
    return repeated_option(name, folders)


def benchmark_places():
    """The benchmark file, or the folder of such files, of each rule here. Those of other experiments are left out."""
    files = snakemake_internals.benchmark_files(workflow)
    places = (re.search(r"results/(?:.*/)?benchmarks/[^/]+", file) for file in files)
    return sorted({place[0] for place in places})


DOWNLOAD_SLIDE = f"{path_of_script('download_slide.py')} {server_options('client', 'connections', 'on_failure')}"
