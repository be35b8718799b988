"""What a viewer is made of: the cohort, its slides, their pixels, galleries and notes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from slidemill.cohort.sheet import Slide, read_sheet
from slidemill.slides import Bounds, ReaderChoice
from slidemill.viewing.cohort import Cohort
from slidemill.viewing.notes import Notes
from slidemill.viewing.open_slides import OpenSlides
from slidemill.viewing.pixels import Pixels
from slidemill.viewing.places import Places, RunPlace
from slidemill.viewing.results import Results
from slidemill.viewing.slide_answers import SlideAnswers
from slidemill.viewing.slide_files import SlideFiles
from slidemill.viewing.tile_answers import TileAnswers
from slidemill.web.refusals import RefusedError


@dataclass(frozen=True, slots=True)
class Viewer:
    """All of it.

    Attributes:
        all_slides: of the sheet, by slide_id.
        cohort: as it stands.
        results: what files say.
        slides: what is told of each.
        tiles: what is told of theirs.
        pixels: of each.
        notes: of readers.
        open_slides: to be closed at the end.
    """

    all_slides: Mapping[str, Slide]
    cohort: Cohort
    results: Results
    slides: SlideAnswers
    tiles: TileAnswers
    pixels: Pixels
    notes: Notes
    open_slides: OpenSlides

    def run(self, key: str) -> RunPlace:
        """A run by its key; the first one where none is named.

        Raises:
            RefusedError: there is none.
        """
        runs = self.results.places.runs()
        found = next((run for run in runs if run.key == key or not key), None)
        if found is None:
            raise RefusedError(404, "there is no such run; see runs of the cohort")
        return found

    def bounds_of(self, slide_id: str) -> Bounds | None:
        """The part of a slide that viewers show."""
        known = self.results.summary(slide_id)
        return known.value.slide.bounds if known and known.value and known.value.slide else None


def make_viewer(sheet: Path, places: Places, *, reader: ReaderChoice = "auto", title: str = "") -> Viewer:
    """A viewer of the slides of a sheet.

    Args:
        sheet: the slide sheet.
        places: where results lie.
        reader: of slides.
        title: of the page; empty for the name of the sheet.

    Raises:
        SheetError: the sheet is missing, or damaged.
    """
    slides = {slide.slide_id: slide for slide in read_sheet(sheet)}
    results, open_slides = Results(places), OpenSlides(reader)
    files = SlideFiles(results)
    answers = SlideAnswers(slides, places, files, open_slides)
    return Viewer(
        slides,
        Cohort(slides, results, title or sheet.stem),
        results,
        answers,
        TileAnswers(files, answers),
        Pixels(answers),
        Notes(places.notes),
        open_slides,
    )
