"""Which tiles of the test slides to show: the most and the least typical of each class, and the worst mistakes.

top_tiles.tsv: gallery ("typical", "untypical" or "mistakes"), class, rank (from 1), slide_id, slide_rank (among the
tiles of its slide), label, x, y (level-0 pixels, top left corner), score (the tile's score of the class; with attention
see `Predictions.relevance`). Typical and
untypical tiles of a class come from slides of that class, with the highest and the lowest scores; mistakes of a
class from slides wrongly predicted as that class.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from slidemill.atomic import write_text
from slidemill.inference.store import Predictions

Gallery = Literal["typical", "untypical", "mistakes"]
GALLERIES: tuple[Gallery, ...] = get_args(Gallery)
PER_SLIDE = 3  # so that no gallery shows a single slide only
PER_GALLERY = 12


@dataclass(frozen=True, slots=True)
class TopTile:
    """A row of top_tiles.tsv; see the module."""

    gallery: Gallery
    class_name: str
    rank: int
    slide_id: str
    slide_rank: int
    label: str
    x: int
    y: int
    score: float


def candidates(predictions: Predictions, *, label: str, predicted: str) -> Iterator[TopTile]:
    """The tiles of a slide that may come into a gallery, ranked within the slide.

    Args:
        predictions: of one slide.
        label, predicted: its true and its predicted class.
    """
    yield from _tiles(predictions, "typical", label, label, highest=True)
    yield from _tiles(predictions, "untypical", label, label, highest=False)
    if predicted != label:
        yield from _tiles(predictions, "mistakes", predicted, label, highest=True)


def extreme_tiles(scores: np.ndarray, *, highest: bool) -> list[int]:
    """Places of the highest or lowest of (tiles,) scores, the most extreme first, at most `PER_SLIDE`.

    Equal scores: the earlier tile.
    """
    return np.argsort(-scores if highest else scores, kind="stable")[:PER_SLIDE].tolist()


def select(tiles: Iterable[TopTile]) -> list[TopTile]:
    """The `PER_GALLERY` most extreme tiles of each gallery and class, ranked."""
    groups: dict[tuple[Gallery, str], list[TopTile]] = {}
    for tile in tiles:
        groups.setdefault((tile.gallery, tile.class_name), []).append(tile)
    return [tile for key in sorted(groups) for tile in _ranked(groups[key])]


def write_top_tiles(path: Path, tiles: Sequence[TopTile]) -> None:
    """Write top_tiles.tsv, atomically."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [_column(name) for name in _NAMES], delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows({_column(name): value for name, value in asdict(tile).items()} for tile in tiles)
    write_text(path, text.getvalue())


def read_top_tiles(path: Path) -> list[TopTile]:
    """Read top_tiles.tsv."""
    numbers = {"rank": int, "slide_rank": int, "x": int, "y": int, "score": float}
    with path.open(newline="", encoding="utf-8") as file:
        return [
            TopTile(**{name: numbers.get(name, str)(row[_column(name)]) for name in _NAMES})
            for row in csv.DictReader(file, delimiter="\t")
        ]


_NAMES = [field.name for field in fields(TopTile)]


def _column(name: str) -> str:
    return name.removesuffix("_name")


def _tiles(
    predictions: Predictions, gallery: Gallery, class_name: str, label: str, *, highest: bool
) -> Iterator[TopTile]:
    scores = predictions.relevance()[:, predictions.classes.index(class_name)]
    for rank, place in enumerate(extreme_tiles(scores, highest=highest), 1):
        x, y = predictions.coordinates[place].tolist()
        yield TopTile(gallery, class_name, rank, predictions.slide_id, rank, label, x, y, float(scores[place]))


def _ranked(tiles: Iterable[TopTile]) -> Iterator[TopTile]:
    def order(tile: TopTile) -> tuple[float, str, int]:
        score = tile.score if tile.gallery == "untypical" else -tile.score
        return score, tile.slide_id, tile.slide_rank

    for rank, tile in enumerate(sorted(tiles, key=order)[:PER_GALLERY], 1):
        yield replace(tile, rank=rank)
