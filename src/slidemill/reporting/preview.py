"""A slide's panels side by side in one small JPEG; the report takes its pictures from these, which is fast."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from slidemill.atomic import write_bytes

_COLUMNS = 4
_PANEL_SIDE_PX = 400
_GAP_PX = 4
_QUALITY = 85


def write_preview(path: Path, panels: Sequence[np.ndarray]) -> None:
    """Write the panels in rows of up to four, atomically.

    Args:
        path: the JPEG.
        panels: each (height, width, 3) uint8 RGB, all of one size, the plain slide first; there may be none.
    """
    small = [_small(panel) for panel in panels] or [Image.new("RGB", (_PANEL_SIDE_PX, _PANEL_SIDE_PX // 2), "white")]
    width, height = small[0].size
    columns, rows = _layout(len(small))
    sheet = Image.new("RGB", (columns * (width + _GAP_PX) - _GAP_PX, rows * (height + _GAP_PX) - _GAP_PX), "white")
    for place, panel in enumerate(small):
        row, column = divmod(place, columns)
        sheet.paste(panel, (column * (width + _GAP_PX), row * (height + _GAP_PX)))
    content = io.BytesIO()
    sheet.save(content, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    write_bytes(path, content.getvalue())


def first_panel(preview: Image.Image, panels: int, scale: float = 1.0) -> Image.Image:
    """The plain slide of a preview with this many panels, which was decoded at this scale."""
    columns, rows = _layout(panels)
    gap = _GAP_PX * scale
    width, height = ((preview.width + gap) / columns - gap, (preview.height + gap) / rows - gap)
    return preview.crop((0, 0, round(width), round(height)))


def _layout(panels: int) -> tuple[int, int]:
    columns = min(panels, _COLUMNS)
    return columns, -(-panels // columns)


def _small(panel: np.ndarray) -> Image.Image:
    picture = Image.fromarray(panel)
    picture.thumbnail((_PANEL_SIDE_PX, _PANEL_SIDE_PX), Image.Resampling.BOX, reducing_gap=3.0)
    return picture
