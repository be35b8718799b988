"""Cut a slide once more, into tiles of another size, on the tissue that was found when it was cut first.

What is tissue is decided once: thumbnail, mask and threshold are those of the first tile store. How much of a tile is
tissue is measured on the tile itself, as always, so that the tiles are those that cutting the slide so at first would
have given.
"""

from dataclasses import replace
from pathlib import Path

from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import StoreSummary, TileStore, read_store, write_store
from slidemill.tiling.whole_slide import looked_over_before
from slidemill.units import TilePixels


def tile_again(
    slide: Path, first: Path, *, mpp: float, tile_size: TilePixels, store: Path, threads: int = 1
) -> StoreSummary:
    """Cut the tissue tiles of one slide and write their index; no pixel is stored.

    A slide that could not be looked over at first is set aside with the same reason.

    Args:
        slide: the slide's file.
        first: the tile store of the slide, made before; all other parameters are taken from it.
        mpp: microns per pixel of the tiles.
        tile_size: pixels, side of the tiles.
        store: the Zarr zip file to write.
        threads: number of threads that decode; the file does not depend on it.

    Returns:
        What the store says of itself.

    Raises:
        ZarrZipError: the first store is missing or damaged.
        OtherTissueError: it was made by another version of slidemill, which finds tissue in another way.
    """
    before = read_store(first)
    parameters = replace(TilingParameters(**before.summary.parameters), mpp=mpp, tile_size=tile_size)
    if before.summary.slide is None:
        summary = replace(before.summary, parameters=before.summary.parameters | {"mpp": mpp, "tile_size": tile_size})
        write_store(store, TileStore(summary))
        return summary
    source = SlideSource(slide, before.summary.slide_id, before.summary.patient_id)
    return tile_slide(source, parameters, store=store, threads=threads, whole=looked_over_before(first, before))
