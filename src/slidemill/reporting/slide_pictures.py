"""The pictures of the slide table, small enough that a page with thousands of slides stays light."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from slidemill.reporting.pictures import image_uri
from slidemill.reporting.preview import first_panel

BUDGET_BYTES = 24_000_000  # of all heatmaps in the page
_THUMBNAIL_SIDE_PX = 72
_LARGEST_SIDE_PX = 1200
_SMALLEST_SIDE_PX = 320
_BYTES_PER_PIXEL = 0.3  # of a heatmap as JPEG in base64; measured on small pictures, which need most


@dataclass(frozen=True, slots=True)
class SlidePictures:
    """Data URIs of one slide: the plain slide, tiny, and its heatmaps."""

    thumbnail: str
    heatmap: str


def slide_pictures(previews: Sequence[Path], panels: int) -> list[SlidePictures]:
    """Pictures of slides, smaller the more slides there are.

    Args:
        previews: a file for each slide, from `write_preview`.
        panels: in each of them.
    """
    side = heatmap_side(len(previews))
    with ThreadPoolExecutor() as threads:  # Pillow decodes and encodes outside of Python's lock
        return list(threads.map(lambda path: _pictures(path, panels, side), previews))


def heatmap_side(slides: int) -> int:
    """Longer side of the heatmaps of so many slides, so that they fit into the budget; in pixels."""
    pixels = BUDGET_BYTES / max(slides, 1) / _BYTES_PER_PIXEL
    flattest = 0.25  # height over width of four square panels in a row
    return round(max(_SMALLEST_SIDE_PX, min(_LARGEST_SIDE_PX, (pixels / flattest) ** 0.5)))


def _pictures(path: Path, panels: int, side: int) -> SlidePictures:
    with Image.open(path) as preview:
        full_width = preview.width
        preview.draft("RGB", (side, side))
        preview.load()
        thumbnail = first_panel(preview, panels, scale=preview.width / full_width)
        return SlidePictures(image_uri(thumbnail, _THUMBNAIL_SIDE_PX), image_uri(preview, side))
