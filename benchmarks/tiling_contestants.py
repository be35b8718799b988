"""The ways of cutting tiles that benchmarks/tiling.py compares, each run as a process of its own."""

import json
import sys
from pathlib import Path

import numpy as np

QUALITY = 85


def read_kept(store: Path) -> tuple[list[tuple[int, int]], int, int, tuple[int, int]]:
    """Corners of the kept tiles, their extent and size in pixels, and columns and rows of the grid."""
    from slidemill.tiling.store import read_store

    content = read_store(store)
    summary = content.summary
    if summary.reason:
        sys.exit(summary.reason)
    grid = summary.slide.width // summary.tile_extent, summary.slide.height // summary.tile_extent
    corners = [(x, y) for x, y in content.coordinates.tolist()]
    return corners, summary.tile_extent, summary.parameters["tile_size"], grid


def openslide_loop(slide: Path, store: Path, out: Path, *, every: bool) -> None:
    """Read tiles with OpenSlide, encode them with Pillow: all of the grid, or the kept ones after a look at a mask."""
    import openslide

    corners, extent, size, (columns, rows) = read_places(store)
    kept = set(corners)
    with openslide.OpenSlide(slide) as opened, out.open("wb") as file:
        if every:
            corners = [(x * extent, y * extent) for y in range(rows) for x in range(columns)]
        else:
            mask_of(np.asarray(opened.get_thumbnail((2048, 2048))))
        level = opened.get_best_level_for_downsample(extent / size)
        side = round(extent / opened.level_downsamples[level])
        for corner in corners:
            tile = opened.read_region(corner, level, (side, side)).convert("RGB")
            if side != size:
                tile = tile.resize((size, size))
            if every:
                background_of(np.asarray(tile))
            if corner in kept:
                tile.save(file, "JPEG", quality=QUALITY)


def cucim_loop(slide: Path, store: Path, out: Path) -> None:
    """Read the kept tiles with cuCIM on the CPU and encode them with simplejpeg, after a look at a mask."""
    import simplejpeg
    from cucim import CuImage

    corners, extent, size, _ = read_places(store)
    opened = CuImage(str(slide))
    downsamples = opened.resolutions["level_downsamples"]
    mask_of(np.asarray(opened.read_region((0, 0), opened.resolutions["level_dimensions"][-1], len(downsamples) - 1)))
    level = max(i for i, downsample in enumerate(downsamples) if downsample <= extent / size * 1.01)
    side = round(extent / downsamples[level])
    with out.open("wb") as file:
        for corner in corners:
            tile = np.asarray(opened.read_region(corner, (side, side), level))
            if side != size:
                from PIL import Image

                tile = np.asarray(Image.fromarray(tile).resize((size, size)))
            file.write(simplejpeg.encode_jpeg(np.ascontiguousarray(tile), quality=QUALITY, colorsubsampling="420"))


def read_places(store: Path) -> tuple[list[tuple[int, int]], int, int, tuple[int, int]]:
    """As `read_kept`, from a plain file: contestants shall not pay for imports of slidemill."""
    content = json.loads(store.with_suffix(".json").read_text())
    return [tuple(corner) for corner in content["corners"]], content["extent"], content["size"], tuple(content["grid"])


def write_places(store: Path) -> int:
    """Write what `read_places` reads; the number of kept tiles."""
    corners, extent, size, grid = read_kept(store)
    content = {"corners": corners, "extent": extent, "size": size, "grid": grid}
    store.with_suffix(".json").write_text(json.dumps(content))
    return len(corners)


def mask_of(picture: np.ndarray) -> np.ndarray:
    """A simple tissue mask."""
    return picture[..., :3].max(axis=-1) - picture[..., :3].min(axis=-1) > 15


def background_of(tile: np.ndarray) -> float:
    """Share of bright pixels, as tiling scripts use it."""
    return float((tile[..., 1] > 220).mean())


def main() -> None:
    """Run the way that the first argument names."""
    name, *arguments = sys.argv[1:]
    paths = [Path(argument) for argument in arguments]
    if name == "build":  # in a process of its own: a parent's memory would count as its children's peak
        from large_slide import build_large_slide

        build_large_slide(paths[0], side_px=int(arguments[1]), power=int(arguments[2]))
    elif name == "kept":
        print(write_places(*paths))
    elif name == "limit":
        from tiling_limit import limit

        slide, store = paths
        corners, extent, size, _ = read_kept(store)
        print(json.dumps(limit(slide, corners, extent, size)))
    elif name == "has-cucim":
        import cucim  # noqa: F401
    elif name == "cucim-masked":
        cucim_loop(*paths)
    else:
        openslide_loop(*paths, every=name == "openslide-every")


if __name__ == "__main__":
    main()
