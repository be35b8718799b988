"""The cohort as it stands: every slide of the sheet, with what is there of it so far."""

import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slidemill.cohort.sheet import Slide
from slidemill.tiling.store import StoreSummary
from slidemill.viewing.folder_list import FolderList
from slidemill.viewing.places import RunPlace
from slidemill.viewing.results import Results, predictions_in

_SECONDS_BETWEEN_LOOKS = 2.0
_SECONDS_OF_A_LOOK = 0.4  # spent on files that are new; what is left comes with the next look


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The cohort at one time.

    Attributes:
        content: JSON, as the page reads it.
        tag: changes with the content.
        is_complete: whether all files that are there were read.
    """

    content: bytes
    tag: str
    is_complete: bool


class Cohort:
    """Tells what is there of each slide; for any number of threads.

    Args:
        slides: of the sheet, by slide_id.
        results: what files say.
        title: of the page.
    """

    def __init__(self, slides: Mapping[str, Slide], results: Results, title: str) -> None:
        self._slides = slides
        self._results = results
        self._title = title
        self._lock = threading.Lock()
        self._snapshot: Snapshot | None = None
        self._looked = 0.0

    def snapshot(self) -> Snapshot:
        """The cohort as it stands, or stood a moment ago."""
        with self._lock:
            is_old = time.monotonic() - self._looked > _SECONDS_BETWEEN_LOOKS
            if self._snapshot is None or not self._snapshot.is_complete or is_old:
                self._snapshot = _Look(self._results).snapshot(self._title, self._slides.values())
                self._looked = time.monotonic()
            return self._snapshot


class _Look:
    """One look at all files; those that take long to read until its time is spent."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._signatures = FolderList().signature
        self._end = time.monotonic() + _SECONDS_OF_A_LOOK
        self._has_read = False
        self._is_complete = True

    def snapshot(self, title: str, slides: Sequence[Slide] | Any) -> Snapshot:
        runs = self._results.places.runs()
        content = {
            "title": title,
            "runs": [self._run(run) for run in runs],
            "slides": [self._slide(slide, runs) for slide in slides],
            "complete": self._is_complete,
        }
        encoded = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
        return Snapshot(encoded, hashlib.sha256(encoded).hexdigest()[:32], self._is_complete)

    def _run(self, run: RunPlace) -> dict[str, Any]:
        method = run.config.get("method")
        encoder = run.config.get("features", {}).get("encoder") if method in ("probe", "mil") else None
        return {
            "key": run.key,
            "name": run.name,
            "method": method,
            "classes": list(run.classes),
            "encoder": encoder,
            "state": self._state(run),
        }

    def _state(self, run: RunPlace) -> str:
        if self._signatures(run.folder / "evaluation" / "slides.tsv") is not None:
            return "evaluated"
        return "predicting" if any((part / "predictions").is_dir() for part in run.parts) else "waiting"

    def _slide(self, slide: Slide, runs: Sequence[RunPlace]) -> dict[str, Any]:
        summary, reason = self._summary(slide.slide_id)
        verdicts = {run.key: found for run in runs if (found := self._verdict(run, slide)) is not None}
        own = runs[0] if runs else None
        part = self._results.part_of(own, slide.slide_id, self._signatures) if own else None
        split = self._split(part, slide)
        facts = summary.slide if summary else None
        scored = {key: verdict for key, (verdict, _) in verdicts.items() if verdict["scores"]}
        if not reason and not scored:
            reason = next((told for _, told in verdicts.values() if told), "")
        return {
            "slide": slide.slide_id,
            "patient": slide.patient_id,
            "site": slide.site,
            "label": slide.label,
            "split": split,
            "fold": own.number_of(part) if own and part else None,
            "state": _state_of(summary, reason, is_scored=bool(scored)),
            "reason": reason,
            "flags": list(summary.flags) if summary else [],
            "tiles": summary.tile_count if summary else None,
            "width": facts.width if facts else None,
            "height": facts.height if facts else None,
            "mpp": facts.mpp if facts else slide.mpp,
            "annotated": slide.annotation is not None,
            "runs": scored,
        }

    def _split(self, part: Path | None, slide: Slide) -> str | None:
        row = self._results.split_of(part, slide.slide_id, self._signatures) if part else None
        return row.split if row else slide.split

    def _summary(self, slide_id: str) -> tuple[StoreSummary | None, str]:
        """What a tile store says, and why the slide was set aside or its store cannot be read."""
        known = self._results.summary(slide_id, self._signatures, self._may_read)
        if known is None:
            return None, ""
        return known.value, known.value.reason if known.value else known.problem

    def _verdict(self, run: RunPlace, slide: Slide) -> tuple[dict[str, Any], str] | None:
        """What a run says of a slide, and why it says nothing; None where it has not predicted it."""
        part = self._results.part_of(run, slide.slide_id, self._signatures)
        path = predictions_in(part, slide.slide_id) if part else None
        if part is None or path is None or self._signatures(path) is None:
            return None
        row = self._results.evaluated(run, part, slide.slide_id, self._signatures)
        if row is not None:
            scores = [row.scores.get(name, 0.0) for name in run.classes] if row.is_scored else []
            return _as_verdict(scores, row.predicted, slide.label, self._split(part, slide)), row.reason
        known = self._results.digest(run, path, self._signatures, self._may_read)
        if known is None:
            return None
        digest = known.value
        if digest is None:
            return _as_verdict([], "", None, None), known.problem
        split = self._split(part, slide)
        return _as_verdict(list(digest.scores), digest.predicted, slide.label, split), digest.reason

    def _may_read(self) -> bool:
        """Whether there is time to read a file; for one there always is, so that each look comes further."""
        if time.monotonic() < self._end or not self._has_read:
            self._has_read = True
            return True
        self._is_complete = False
        return False


def _state_of(summary: StoreSummary | None, reason: str, *, is_scored: bool) -> str:
    if is_scored:
        return "predicted"
    if reason:
        return "set aside"
    return "tiled" if summary else "waiting"


def _as_verdict(scores: list[float], predicted: str, label: str | None, split: str | None) -> dict[str, Any]:
    highest = sorted(scores, reverse=True)[:2]
    return {
        "predicted": predicted,
        "scores": scores,
        "right": None if label is None else predicted == label,
        "uncertainty": 1 - (highest[0] - highest[1]) if len(highest) == 2 else None,
        "split": split,
    }
