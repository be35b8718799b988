"""Pictures small enough to stand inside a page."""

import base64
import io

import numpy as np
from PIL import Image

_QUALITY = 84


def array_uri(picture: np.ndarray, max_side: int) -> str:
    """Encode (height, width, 3) uint8 RGB as a JPEG data URI whose longer side is at most `max_side` pixels."""
    return image_uri(Image.fromarray(picture), max_side)


def image_uri(picture: Image.Image, max_side: int) -> str:
    """Encode a picture as a JPEG data URI whose longer side is at most `max_side` pixels."""
    picture = picture.convert("RGB")
    picture.thumbnail((max_side, max_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    content = io.BytesIO()
    # Chroma at full resolution (4:4:4): the edges of coloured tiles stay sharp.
    picture.save(content, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(content.getvalue()).decode()}"
