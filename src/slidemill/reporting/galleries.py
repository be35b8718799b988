"""Galleries of tiles: the most and the least typical of each class, and those of the worst mistakes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slidemill.evaluation.top_tiles import GALLERIES, Gallery, TopTile
from slidemill.reporting.pictures import image_uri
from slidemill.reporting.sources import RunFiles
from slidemill.reporting.tile_sheet import CELL_PX, read_cell


@dataclass(frozen=True, slots=True)
class TileGallery:
    """Tiles of one gallery and class, the most extreme first, each with its picture as a data URI."""

    kind: Gallery
    class_name: str
    tiles: list[tuple[TopTile, str]]


def tile_galleries(tiles: Iterable[TopTile], classes: Sequence[str], files: RunFiles) -> list[TileGallery]:
    """The galleries that are not empty: for each kind, the classes in order.

    Args:
        tiles: the rows of top_tiles.tsv.
        classes: in order.
        files: of the run; the pictures come from the slides' tile sheets.
    """
    groups: dict[tuple[str, str], list[TopTile]] = {}
    for tile in tiles:
        groups.setdefault((tile.gallery, tile.class_name), []).append(tile)
    return [
        TileGallery(kind, name, [(tile, _picture(tile, classes, files)) for tile in groups[kind, name]])
        for kind in GALLERIES
        for name in classes
        if (kind, name) in groups
    ]


def _picture(tile: TopTile, classes: Sequence[str], files: RunFiles) -> str:
    cell = read_cell(
        files.tile_sheet(tile.slide_id),
        place=classes.index(tile.class_name),
        lowest=tile.gallery == "untypical",
        rank=tile.slide_rank,
    )
    return image_uri(cell, CELL_PX)
