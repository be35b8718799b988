"""Where the slides of a sheet come from: each from one place that is there, and no two from the same."""

import errno
import os
import stat
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from pathlib import Path

from slidemill.cohort.gdc.files import GdcFile
from slidemill.cohort.sheet import Slide
from slidemill.cohort.table import SheetError
from slidemill.errors import SlidemillError
from slidemill.locations import is_address, location_problem, one_spelling
from slidemill.machine import machine_trouble
from slidemill.slides.synthetic.recipe import Recipe
from slidemill.units import Mpp

_OF_A_FILE = ("filename", "md5", "size")  # what a slide that is downloaded needs besides its file_id


def check_sources(sheet: Path, slides: Iterable[Slide]) -> None:
    """Check that each slide is to be had, from a file of its own, with values that its job can take.

    A slide has a path with a file, a file_id to download, or a recipe to draw. Two slides have one file when their
    paths lead to it by whatever spelling or link, or when they have one file_id or one md5.

    Raises:
        SheetError: with a line for each mistake.
    """
    slides = list(slides)
    problems: list[str] = []
    files: dict[str, os.stat_result] = {}
    for slide in slides:
        problems += _source_problems(sheet, slide, files)
        problems += _value_problems(sheet, slide)
    if any(slide.synthetic for slide in slides):
        problems += [
            f"{sheet}, line {slide.line}: slide '{slide.slide_id}' is to be downloaded, but the sheet has slides to "
            "draw. Keep them in a sheet of their own."
            for slide in slides
            if slide.file_id is not None
        ]
    problems += _shared_files(sheet, slides, files)
    if problems:
        raise SheetError(problems)


def _source_problems(sheet: Path, slide: Slide, files: dict[str, os.stat_result]) -> Iterator[str]:
    where = f"{sheet}, line {slide.line}: slide '{slide.slide_id}'"
    sources = [name for name in ("path", "file_id", "synthetic") if getattr(slide, name) is not None]
    if not sources:
        yield f"{where} has no 'path' and no 'file_id'. Say where its file is."
    elif len(sources) > 1:
        yield f"{where} has {' and '.join(sources)}. Keep one of them."
    elif slide.file_id is not None and (missing := [n for n in _OF_A_FILE if getattr(slide, n) is None]):
        yield (
            f"{where} has a file_id and no {', '.join(missing)}. Copy them from the GDC manifest: without them nobody "
            "could tell whether the file arrived whole."
        )
    elif slide.path is not None and (problem := location_problem(slide.path)) is not None:
        yield f"{where}: its path {slide.path} {problem}."
    elif slide.path is not None and not is_address(slide.path):
        yield from _file_problems(where, slide, slide.path, files)
    if slide.annotation is not None:
        yield from _annotation_problems(where, slide.annotation)


def _annotation_problems(where: str, path: str) -> Iterator[str]:
    if (problem := location_problem(path)) is not None:
        yield f"{where}: its annotation {path} {problem}."
    elif not is_address(path) and not os.path.isfile(path):  # noqa: PTH113 - as below
        yield f"{where}: there is no file {path} with annotations. Correct its path, or leave it empty."


def _value_problems(sheet: Path, slide: Slide) -> Iterator[str]:
    """What the job that takes the slide's values would refuse."""
    where = f"{sheet}, line {slide.line}: slide '{slide.slide_id}'"
    try:
        if slide.mpp is not None:
            Mpp(slide.mpp)
        if slide.synthetic is not None:
            Recipe.parse(slide.synthetic)
        if slide.file_id and slide.filename and slide.md5 and slide.size is not None:
            GdcFile(slide.file_id, slide.filename, slide.md5, slide.size)
    except SlidemillError as error:
        yield f"{where}: {error}"


def _file_problems(where: str, slide: Slide, path: str, files: dict[str, os.stat_result]) -> Iterator[str]:
    try:
        found = os.stat(path)  # noqa: PTH116 - of 20,000 paths, of which none is needed as a Path
    except (FileNotFoundError, NotADirectoryError):
        yield (
            f"{where}: there is no file {path}. Correct its path; a relative one starts in the folder in which "
            "snakemake runs."
        )
    except OSError as error:
        trouble = machine_trouble(error, path)
        yield f"{where}: {trouble or f'{path} cannot be looked at ({error.strerror}). Correct its path.'}"
    else:
        if not stat.S_ISREG(found.st_mode):
            yield f"{where}: {path} is a folder or a device, and no file. Give the slide's file."
        elif not os.access(path, os.R_OK):
            yield f"{where}: {machine_trouble(PermissionError(errno.EACCES, path), path)}"
        files[slide.slide_id] = found


def _shared_files(sheet: Path, slides: Iterable[Slide], files: Mapping[str, os.stat_result]) -> Iterator[str]:
    """Slides that have one file, told by the first that shows it: place, file_id, md5."""
    told: set[frozenset[str]] = set()
    for column in ("path", "file_id", "md5"):
        sharing: dict[Hashable, list[Slide]] = defaultdict(list)
        for slide in slides:
            if (key := _file_key(slide, column, files)) is not None:
                sharing[key].append(slide)
        for own in sharing.values():
            names = frozenset(slide.slide_id for slide in own)
            if len(own) > 1 and names not in told:
                told.add(names)
                yield _shared(sheet, own, column)


def _file_key(slide: Slide, column: str, files: Mapping[str, os.stat_result]) -> Hashable:
    """Equal for two slides that have one file, as far as this column tells; None where it tells nothing."""
    if column != "path":
        return getattr(slide, column)
    if slide.path is not None and is_address(slide.path):
        return one_spelling(slide.path)
    found = files.get(slide.slide_id)
    if found is None:
        return None
    # Size and time as well: some network file systems make their inode numbers up.
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _shared(sheet: Path, slides: Iterable[Slide], column: str) -> str:
    slides = sorted(slides, key=lambda slide: slide.line)
    values = dict.fromkeys(str(getattr(slide, column)) for slide in slides)
    what = f"have one {column}, {next(iter(values))}" if len(values) == 1 else f"are one file, {' and '.join(values)}"
    lines = _enumerated([str(slide.line) for slide in slides])
    names = _enumerated([f"'{slide.slide_id}'" for slide in slides])
    return f"{sheet}, lines {lines}: slides {names} {what}. Keep one of the rows, or correct the other."


def _enumerated(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
