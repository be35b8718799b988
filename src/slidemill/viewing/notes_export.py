"""Notes as CSV for spreadsheets, and as GeoJSON for QuPath."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from slidemill.names import FORMULA_STARTS
from slidemill.slides import Bounds, to_viewer
from slidemill.viewing.notes import Note, NotePlace

_COLUMNS = ("id", "time", "slide", "x", "y", "size", "mark", "text", "run", "reader")
_NEVER_FIRST = FORMULA_STARTS + "\t\r\n"


def notes_as_csv(notes: Iterable[Note]) -> bytes:
    """A row for each note; x, y and size in level-0 pixels, empty for a whole slide.

    A text that a spreadsheet would run as a formula begins with an apostrophe.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS)
    for note in notes:
        place = note.place
        numbers = [place.x, place.y, place.size] if place else ["", "", ""]
        before, after = (note.id, note.time, note.slide), (note.mark, note.text, note.run, note.reader)
        writer.writerow([*map(_harmless, before), *numbers, *map(_harmless, after)])
    return text.getvalue().encode()


def notes_as_geojson(notes: Iterable[Note], bounds_of: Callable[[str], Bounds | None]) -> bytes:
    """An annotation of QuPath for each note that has a place, in QuPath's coordinates of its slide.

    Args:
        notes: of one slide or of several, which their properties tell.
        bounds_of: of a slide by its slide_id.
    """
    features = [_feature(note, note.place, bounds_of(note.slide)) for note in notes if note.place is not None]
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False).encode()


def _harmless(text: str) -> str:
    return f"'{text}" if text.lstrip(" ")[:1] in tuple(_NEVER_FIRST) else text


def _feature(note: Note, place: NotePlace, bounds: Bounds | None) -> dict[str, Any]:
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]], np.float64) * place.size + (place.x, place.y)
    points = to_viewer(corners, bounds).tolist()
    is_point = place.size == 0
    return {
        "type": "Feature",
        "id": note.id,
        "geometry": {
            "type": "Point" if is_point else "Polygon",
            "coordinates": points[0] if is_point else [points],
        },
        "properties": {
            "objectType": "annotation",
            "name": note.text[:100] or note.mark,
            "classification": {"name": note.mark},
            **{name: getattr(note, name) for name in ("slide", "time", "text", "run", "reader")},
        },
    }
