# Patches at listed places, for `labels.from: patches`: what is trained on in the place of all tiles of the train and
# validation slides. Slides are scored on all of their tiles as ever.
import shlex
import sys

from slidemill.annotations.patch_lists import read_patch_lists
from slidemill.errors import SlidemillError
from slidemill.splits.patches import check_patches


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


try:
    LISTED_PATCHES = read_patches()
except (SlidemillError, OSError) as error:
    raise in_one_line(error) from None

PATCHES = f"{RESULTS}/patches"
IS_PATCHED = bool(LISTED_PATCHES)
# Slides whose patches are learned from in some run.
PATCHED_SLIDES = [
    slide_id
    for slide_id in LISTED_PATCHES
    if any(splits[slide_id] != "test" for splits in RUNS.values())
]
# Where the tiles lie that are learned from, and what is known of their slides.
LEARNED_TILES = PATCHES if IS_PATCHED else METHOD_TILES
LEARNED_SLIDES = PATCHED_SLIDES if IS_PATCHED else COHORT
LEARNED_SPLITS = f"{RUN}/patches.tsv" if IS_PATCHED else f"{RUN}/splits.tsv"


def learned_labels():
    """The labels of the tiles that are learned from, where they are not those of their slides."""
    if IS_PATCHED:
        return expand(
            f"{PATCHES}/labels/{{slide_id}}.zarr.zip", slide_id=PATCHED_SLIDES
        )
    return trained_labels(COHORT)


@called_for_each_job
def patch_options(wildcards, input):
    """Where patches are listed, as command line options; as a param with `input`, not compared, as in `script`."""
    lists = patch_files()
    if isinstance(lists, Path):
        return f"--patches {shlex.quote(str(lists))}"
    return " ".join(
        f"--patch-list {shlex.quote(name)} {shlex.quote(str(file))}"
        for name, files in lists.items()
        for file in files
    )


@called_for_each_job
def patch_content(wildcards):
    """The patches of a slide, in short; compared."""
    patches = LISTED_PATCHES[wildcards.slide_id]
    return digest_of([patches.centres.tolist(), patches.labels.tolist()])
