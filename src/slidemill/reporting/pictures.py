"""Pictures small enough to stand inside a page."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

_QUALITY = 84


def array_uri(picture: np.ndarray, max_side: int) -> str:
    """Encode (height, width, 3) uint8 RGB as a JPEG data URI whose longer side is at most `max_side` pixels."""
    return _uri(Image.fromarray(picture), max_side)


def file_uri(path: Path, max_side: int) -> str:
    """Encode a picture file as a JPEG data URI whose longer side is at most `max_side` pixels."""
    with Image.open(path) as picture:
        return _uri(picture.convert("RGB"), max_side)


def _uri(picture: Image.Image, max_side: int) -> str:
    picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    content = io.BytesIO()
    # Chroma at full resolution (4:4:4): the edges of coloured tiles stay sharp.
    picture.save(content, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
