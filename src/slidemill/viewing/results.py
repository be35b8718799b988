"""What the files of runs say of slides, each read again only when it changes."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from slidemill.cohort.sheet import Slide
from slidemill.evaluation.slides_table import SlideRow, read_slides
from slidemill.splits.table import SplitRow, read_splits
from slidemill.tiling.store import StoreSummary
from slidemill.viewing.known_files import Known, KnownFiles, Signature, signature_of
from slidemill.viewing.places import Places, RunPlace
from slidemill.viewing.slide_digest import SlideDigest, aggregation_of, read_digest
from slidemill.zarr_zip import read_zarr_attributes

_T = TypeVar("_T")

Signatures = Callable[[Path], Signature | None]  # of a file as it is now
MayRead = Callable[[], bool]  # whether there is time to read one file more


def _always() -> bool:
    return True


class Results:
    """Knows what files say; for any number of threads.

    Args:
        places: where they lie.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self._summaries: KnownFiles[StoreSummary] = KnownFiles(_read_summary)
        self._splits = KnownFiles(lambda path: {row.slide_id: row for row in read_splits(path)})
        self._rows = KnownFiles(lambda path: {(row.slide_id, row.fold): row for row in read_slides(path)})
        self._digests: dict[tuple[str, int], KnownFiles[SlideDigest]] = {}

    def run(self, key: str) -> RunPlace | None:
        """A run by its key."""
        return next((run for run in self.places.runs() if run.key == key), None)

    def summary(
        self, slide_id: str, signatures: Signatures = signature_of, may_read: MayRead = _always
    ) -> Known[StoreSummary] | None:
        """What the tile store says of a slide; None where it is not there, or was not read yet."""
        return _read_if(self._summaries, self.places.store(slide_id), signatures, may_read)

    def part_of(self, run: RunPlace, slide_id: str, signatures: Signatures = signature_of) -> Path | None:
        """The folder with what a run says of a slide: its own, or that of the fold in which it is a test slide."""
        if len(run.parts) == 1:
            return run.parts[0]
        rows = ((part, self.split_of(part, slide_id, signatures)) for part in run.parts)
        return next((part for part, row in rows if row is not None and row.split == "test"), None)

    def split_of(self, part: Path, slide_id: str, signatures: Signatures = signature_of) -> SplitRow | None:
        """A slide's row of the splits.tsv in a folder; None where there is none yet."""
        known = _read_if(self._splits, part / "splits.tsv", signatures)
        return (known.value or {}).get(slide_id) if known else None

    def predictions_of(self, run: RunPlace, slide_id: str) -> Path | None:
        """Where the predictions of a slide by a run lie, or would."""
        part = self.part_of(run, slide_id)
        return None if part is None else predictions_in(part, slide_id)

    def evaluated(self, run: RunPlace, part: Path, slide_id: str, signatures: Signatures) -> SlideRow | None:
        """What the evaluation says of a slide; None where there is none since it was predicted."""
        path = run.folder / "evaluation" / "slides.tsv"
        own, predicted = signatures(path), signatures(predictions_in(part, slide_id))
        if own is None or predicted is None or own.modified_ns < predicted.modified_ns:
            return None
        known = self._rows.of(path, own)
        fold = run.number_of(part)
        return known.value.get((slide_id, fold)) if known and known.value else None

    def digest(
        self,
        run: RunPlace,
        path: Path,
        signatures: Signatures = signature_of,
        may_read: MayRead = _always,
    ) -> Known[SlideDigest] | None:
        """What predictions say, in short; None where they are not there, or were not read yet."""
        aggregation = aggregation_of(run.config)
        key = (aggregation.method, aggregation.top_k)
        files = self._digests.setdefault(key, KnownFiles(lambda path: read_digest(path, aggregation)))
        return _read_if(files, path, signatures, may_read)

    def test_slides(self, run: RunPlace, slides: Iterable[Slide]) -> list[Slide]:
        """Those that a run tests; of new slides, which have no splits, all."""
        rows = {slide.slide_id: self._row(run, slide.slide_id) for slide in slides}
        return [slide for slide in slides if (row := rows[slide.slide_id]) is None or row.split == "test"]

    def _row(self, run: RunPlace, slide_id: str) -> SplitRow | None:
        part = self.part_of(run, slide_id)
        return None if part is None else self.split_of(part, slide_id)


def predictions_in(part: Path, slide_id: str) -> Path:
    """Where the predictions of a slide lie in the folder of a run or a fold."""
    return part / "predictions" / f"{slide_id}.zarr.zip"


def _read_summary(path: Path) -> StoreSummary:
    return StoreSummary.from_attributes(read_zarr_attributes(path))


def _read_if(
    files: KnownFiles[_T], path: Path, signatures: Signatures, may_read: MayRead = _always
) -> Known[_T] | None:
    signature = signatures(path)
    if signature is None:
        return None
    known = files.remembered(path, signature)
    if known is None and may_read():
        known = files.of(path, signature)
    return known
