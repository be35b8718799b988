# What the rules ask of encoders, and of the features that they give.
import json
import shlex
from typing import NamedTuple


class FeaturePlace(NamedTuple):
    """Where tiles lie, where their features go, and where a job keeps those that it has finished."""

    tiles: str
    features: str
    kept: str


OF_TILES = FeaturePlace(
    FEATURE_TILES, f"{SHARED}/features", f"{SHARED}/checkpoints/features"
)
OF_PATCHES = FeaturePlace(
    PATCHES, f"{PATCHES}/features", f"{RESULTS}/checkpoints/patch_features"
)


def feature_files(slides, place=OF_TILES):
    """The features of slides by each encoder."""
    return expand(
        f"{place.features}/{{encoder}}/{{slide_id}}.zarr.zip",
        encoder=[encoder.name for encoder in ENCODERS],
        slide_id=slides,
    )


def feature_batches():
    """All slides in batches, one for each job, with where they lie; none where another tool has encoded them.

    Where patches are learned from, tiles of slides that are never scored are not needed, and have batches of their own.
    """
    if config["features"]["from"]:
        return
    scored = {slide_id for run in RUNS for slide_id in scored_slides(run)}
    slides = sorted(COHORT, key=lambda name: IS_PATCHED and name not in scored)
    size = config["features"]["slides_per_job"]
    for place, own in ((OF_TILES, slides), (OF_PATCHES, PATCHED_SLIDES)):
        for start in range(0, len(own), size):
            yield place, own[start : start + size]


def pixel_files(slides, place):
    """Where the pixels of slides come from."""
    if config["features"]["source"] == "records":
        return expand(f"{place.tiles}/{{slide_id}}.tfrecord", slide_id=slides)
    return [file_of_slide(slide_id) for slide_id in slides if not own_path(slide_id)]


def learned_features():
    """The features that a probe learns from."""
    return (
        feature_files(PATCHED_SLIDES, OF_PATCHES)
        if IS_PATCHED
        else model_inputs(COHORT)
    )


def slide_options(slides, files):
    """Slides and their files, as command line options of extract_features."""
    reads_slides = config["features"]["source"] != "records"
    files = iter(files)
    return " ".join(
        f"--slide {shlex.quote(slide_id)} {shlex.quote(str(reads_slides and own_path(slide_id) or next(files)))}"
        for slide_id in slides
    )


def encoder_options(wildcards, input, output):
    """Encoders and the folders of their features, and the files of their weights where this job finds them."""
    size = len(output) // len(ENCODERS)
    folders = [Path(output[number * size]).parent for number in range(len(ENCODERS))]
    stored = iter(input.encoders)
    files = {
        name: read_in_place(file) or next(stored)
        for name, file in ENCODER_FILES.items()
    }
    entries = {
        name: entry | ({"file": str(files[name])} if name in files else {})
        for name, entry in config["features"]["encoders"].items()
    }
    named = " ".join(
        f"--encoder {shlex.quote(encoder.name)} {shlex.quote(str(folder))}"
        for encoder, folder in zip(ENCODERS, folders)
    )
    return f"{named} --entries {shlex.quote(json.dumps(entries))}"


# What the user gives of each encoder: its weights, or all of it.
ENCODER_FILES = {
    encoder.name: str(encoder.file) for encoder in ENCODERS if encoder.file
}


def encoder_facts():
    """What the user's entries say of encoders: compared with the last run's, as what takes inputs is not."""
    entries = config["features"]["encoders"].items()
    kept = {
        name: {key: value for key, value in entry.items() if key != "file"}
        for name, entry in entries
    }
    return json.dumps(kept, sort_keys=True)
