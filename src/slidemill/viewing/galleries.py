"""Galleries of tiles: the typical, the untypical, the uncertain and the mistaken ones of each class.

Tiles come into them as into the report's (`slidemill.evaluation.top_tiles`), a few of each slide.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from slidemill.cohort.sheet import Slide
from slidemill.viewing.places import RunPlace
from slidemill.viewing.results import Results
from slidemill.viewing.slide_digest import FoundTile

GALLERIES = ("typical", "untypical", "uncertain", "mistaken")
_PER_GALLERY = 24
_LOWEST_FIRST = ("untypical", "uncertain")
_SECONDS = 5.0  # spent on predictions that were not read yet


def galleries(run: RunPlace, slides: Mapping[str, Slide], results: Results) -> dict[str, Any]:
    """The galleries of a run by class, of its test slides; `complete` says whether all their predictions were read."""
    end = time.monotonic() + _SECONDS
    found: dict[tuple[str, str], list[tuple[str, FoundTile]]] = {}
    is_complete = True
    for slide in results.test_slides(run, slides.values()):
        path = results.predictions_of(run, slide.slide_id)
        known = results.digest(run, path, may_read=lambda: time.monotonic() < end) if path else None
        if known is None:
            is_complete = is_complete and time.monotonic() < end
            continue
        if known.value is not None:
            for tile in known.value.tiles.get(slide.label or known.value.predicted, ()):
                found.setdefault((tile.class_name, tile.gallery), []).append((slide.slide_id, tile))
    classes = {
        name: {kind: list(_first(kind, found.get((name, kind), ()))) for kind in GALLERIES} for name in run.classes
    }
    return {"classes": classes, "complete": is_complete}


def _first(kind: str, tiles: Iterable[tuple[str, FoundTile]]) -> Iterator[dict[str, Any]]:
    sign = 1 if kind in _LOWEST_FIRST else -1
    ordered = sorted(tiles, key=lambda found: (sign * found[1].score, found[0], found[1].index))
    for slide_id, tile in ordered[:_PER_GALLERY]:
        yield {"slide": slide_id, "index": tile.index, "x": tile.x, "y": tile.y, "score": tile.score}
