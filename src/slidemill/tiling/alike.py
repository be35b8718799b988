"""Whether the tiles of slides that are learned from together were cut in the same way."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from slidemill.errors import SlidemillError
from slidemill.tiling.store import read_summary, store_paths


@dataclass(frozen=True, slots=True)
class TileSize:
    """Size of tiles.

    Attributes:
        tile_size: side, pixels.
        mpp: microns per pixel.
    """

    tile_size: int
    mpp: float


class TilesDifferError(SlidemillError):
    """Tile stores that were cut in different ways."""

    def __init__(self, found: dict[TileSize, str]) -> None:
        super().__init__(found)
        self.found = found

    def __str__(self) -> str:
        listed = "; ".join(
            f"{slide}: {size.tile_size} px at {size.mpp} um per px" for size, slide in self.found.items()
        )
        return f"the tile stores were cut in different ways ({listed}). Run tile_slide again for all."


def common_tile_size(folder: Path, slide_ids: Iterable[str]) -> TileSize:
    """The size of the tiles of slides.

    Args:
        folder: of their tile stores.
        slide_ids: at least one.

    Raises:
        TilesDifferError: it is not one for all; a slide is named for each.
        ZarrZipError: a file is missing or damaged.
    """
    found: dict[TileSize, str] = {}
    for slide_id in slide_ids:
        parameters = read_summary(store_paths(folder, slide_id)[1]).parameters
        found.setdefault(TileSize(parameters["tile_size"], parameters["mpp"]), slide_id)
    if len(found) != 1:
        raise TilesDifferError(found)
    (size,) = found
    return size
