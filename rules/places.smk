# Where things lie, and when they were touched, is no reason to do anything again: what they hold is.
import atexit
import shlex
from contextlib import suppress
from dataclasses import replace
from itertools import chain

from snakemake.exceptions import WorkflowError

from slidemill.contents import KnownContents, digest_of
from slidemill.errors import SlidemillError
from slidemill.locations import is_address
from slidemill.splits import read_splits

# What the workflow remembers from one Snakemake to the next, beside what Snakemake does.
MEMORY = Path.cwd() / ".snakemake" / "slidemill"


def script(name):
    """Path of a program under scripts/, for a shell command.

    Snakemake compares no param that takes `input` with the last run's: where the workflow lies is no reason to run again.
    """
    path = path_of_script(name)

    @called_for_each_job
    def not_compared(wildcards, input):
        return path

    return not_compared


# Files of the user's own that jobs read where they lie are no inputs: Snakemake would compare their paths and times, and
# what counts is what they hold. Where jobs have no file system of ours they are inputs, as any other file.
def read_in_place(path):
    """The path, if it is that of such a file; else None."""
    is_elsewhere = not path or is_address(path)
    return (
        None if is_elsewhere or snakemake_internals.storage_prefix(workflow) else path
    )


def unless_in_place(path):
    """The file as an input of a rule."""
    return [] if not path or read_in_place(path) else own_file(path)


def content_in_place(name, path):
    """What it holds, in short, as a param of a rule."""
    if not read_in_place(path):
        return ""
    try:
        return CONTENTS.of(name, Path(path))
    except OSError as error:
        raise WorkflowError(f"{name}: {path}: {error.strerror}. Correct it.") from None


def finished_runs():
    """What evaluation left in the two results folders that are compared."""
    folders = [config["compare"][key] for key in ("a", "b")]
    if None in folders:
        return ["(two results folders: set compare.a and compare.b in the config)"]
    names = ("metrics.json", "slides.tsv")
    return [
        str(Path(folder) / "evaluation" / name) for folder in folders for name in names
    ]


def compared(wildcards):
    """These as inputs, but for those that are there: runs are compared as they are, and not made up to date."""
    return [file for file in finished_runs() if not is_there(file)]


@called_for_each_job
def compared_contents(wildcards):
    """What they hold, in short."""
    there = filter(is_there, finished_runs())
    return " ".join(content_in_place(f"compare {file}", file) for file in there)


def is_there(file):
    """Whether it is read in place, and exists."""
    return bool(read_in_place(file)) and Path(file).exists()


def own_path(slide_id):
    """Where the user keeps the slide, if it is read there."""
    return read_in_place(COHORT[slide_id].path if slide_id in COHORT else None)


def own_paths():
    """Where the user keeps slides that are read there, by slide_id."""
    return {
        slide_id: Path(slide.path)
        for slide_id, slide in COHORT.items()
        if read_in_place(slide.path)
    }


@called_for_each_job
def slide_path(wildcards, input):
    """Where a job finds the slide's file; as a param with `input`, not compared, as in `script`."""
    return shlex.quote(own_path(wildcards.slide_id) or str(input.slide))


@called_for_each_job
def slide_content(wildcards):
    """What a slide of the user's own holds, in short; compared."""
    return content_in_place(wildcards.slide_id, COHORT[wildcards.slide_id].path)


def is_made_slide(path):
    """Whether a file is a slide that the workflow has drawn or downloaded."""
    return path.startswith(f"{SHARED}/slides/") and path.endswith(".svs")


def content_of_made_slide(path):
    """What such a slide holds; None if it is not there."""
    try:
        return CONTENTS.of(Path(path).stem, Path(path))
    except OSError:
        return None


def is_in_doubt(slide_id):
    """Whether a slide was set aside or has damaged tiles, so that any change of its file may be a repair."""
    store = Path(SHARED) / "tiles" / f"{slide_id}.zarr.zip"
    if not store.exists():
        return False
    from slidemill.tiling.store import read_summary  # only for slides that were touched

    try:
        summary = read_summary(store)
    except SlidemillError:
        return True
    return summary.status != "usable" or "damaged" in summary.flags


def remember_contents(folder):
    """At the end, for the next Snakemake: what slides held, to the last byte of those that were set aside.

    By then Snakemake has gone back from this folder to where it was started.
    """
    with suppress(OSError, SlidemillError):
        tables = [read_splits(folder / run / "splits.tsv") for run in list(RUNS)[:1]]
        for row in chain.from_iterable(tables):
            if row.status != "usable":
                path = own_path(row.slide_id) or file_of_slide(row.slide_id)
                CONTENTS.read_whole(row.slide_id, folder / path)
    CONTENTS.save_changes()


def cohort_digest(wildcards):
    """What the sheet says, but for where slides lie and on which line."""
    return digest_of(
        replace(slide, path=None, annotation=None, line=0) for slide in COHORT.values()
    )


def without_places(config):
    """The config without what only says where files lie."""
    sections = {
        name: dict(value) if isinstance(value, dict) else value
        for name, value in config.items()
        if name not in ("slides", "model", "scratch")
    }
    for section, key in (
        ("acquire", "token_file"),
        ("training", "weights"),
        ("sampling", "hard_negatives"),
        ("labels", "patches"),
        ("viewing", "host"),
        ("viewing", "port"),
        ("viewing", "notes_by"),
    ):
        sections[section].pop(key)
    return sections


CONTENTS = KnownContents(MEMORY / f"{'-'.join(Path(SHARED).parts)}.json", is_in_doubt)
# Slides that the workflow has put there, too, are compared by what they hold.
snakemake_internals.compare_by_content(is_made_slide, content_of_made_slide)

if snakemake_internals.sends_jobs(workflow):
    try:
        CONTENTS.read(own_paths())
    except OSError as error:
        raise in_one_line(error) from None
    atexit.register(remember_contents, Path.cwd())
