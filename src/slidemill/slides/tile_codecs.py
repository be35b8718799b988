"""From the bytes of a TIFF tile to its pixels, for every compression that the direct reader knows."""

from functools import cache
from typing import Protocol

import numpy as np
from PIL import Image

from slidemill.slides.jpeg import JpegDecoder, JpegError

_Shape = tuple[int, int]

_NONE, _LZW, _JPEG, _DEFLATE, _OLD_DEFLATE = 1, 5, 7, 8, 32946
_JPEG2000_YCBCR, _JPEG2000_RGB = 33003, 33005  # Aperio's
_RGB, _YCBCR = 2, 6
_HORIZONTAL = 2  # predictor: each pixel holds the difference to the one before
_CHANNELS = 3


class DamagedTileError(Exception):
    """A tile that cannot be decoded."""


class TileDecoder(Protocol):
    """Decodes the tiles of one image of a TIFF file."""

    def decode(self, tile: memoryview, *, scale: int, buffer: np.ndarray | None = None) -> np.ndarray:
        """Decode a tile at 1 / `scale` of its size.

        Args:
            tile: the tile as it stands in the file.
            scale: 1, 2, 4 or 8.
            buffer: (height / scale, width / scale, 3) uint8, where the pixels may go; None: a new array.

        Raises:
            JpegError, DamagedTileError: the tile is damaged.
        """
        ...

    def as_jpeg(self, tile: memoryview) -> bytes | None:
        """The tile as a complete JPEG file, without decoding it; None where it is stored in another way.

        Raises:
            JpegError: the tile is damaged.
        """
        ...


def decoder_for(
    *, compression: int, photometric: int, predictor: int, tables: bytes, shape: _Shape
) -> TileDecoder | None:
    """The decoder for tiles with these TIFF tags, None where none is known to give OpenSlide's pixels."""
    if compression == _JPEG and photometric in (_RGB, _YCBCR):
        return JpegDecoder(tables, is_rgb=photometric == _RGB, shape=shape)
    if compression in (_JPEG2000_YCBCR, _JPEG2000_RGB):
        return _Jpeg2000Decoder(is_rgb=compression == _JPEG2000_RGB, shape=shape)
    if compression in (_NONE, _LZW, _DEFLATE, _OLD_DEFLATE) and photometric == _RGB and predictor in (1, _HORIZONTAL):
        return _PlainDecoder(compression, differences=predictor == _HORIZONTAL, shape=shape)
    return None


class _PlainDecoder:
    """Pixels as they are, or in LZW or deflate."""

    def __init__(self, compression: int, *, differences: bool, shape: _Shape) -> None:
        self._compression = compression
        self._differences = differences
        self._shape = shape

    def decode(self, tile: memoryview, *, scale: int, buffer: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
        content = np.frombuffer(self._unpacked(bytes(tile)), np.uint8)
        height, width = self._shape
        if content.size < height * width * _CHANNELS:
            raise DamagedTileError(f"a tile of {content.size} bytes, expected {height * width * _CHANNELS}")
        pixels = content[: height * width * _CHANNELS].reshape(height, width, _CHANNELS)
        if self._differences:
            pixels = np.cumsum(pixels, axis=1, dtype=np.uint8)
        return _reduced(pixels, scale)

    def as_jpeg(self, tile: memoryview) -> None:
        """None: it is no JPEG."""

    def _unpacked(self, tile: bytes) -> bytes | bytearray:
        import imagecodecs

        # A size given beforehand bounds what a damaged tile can unpack to.
        byte_count = self._shape[0] * self._shape[1] * _CHANNELS
        try:
            if self._compression == _LZW:
                return imagecodecs.lzw_decode(tile, out=byte_count)
            if self._compression != _NONE:
                return imagecodecs.zlib_decode(tile, out=byte_count)
        except (imagecodecs.LzwError, imagecodecs.ZlibError, ValueError, RuntimeError) as error:
            raise DamagedTileError(f"a damaged tile: {error}") from error
        return tile


class _Jpeg2000Decoder:
    """Aperio's JPEG 2000: codestreams without any word on their colours."""

    def __init__(self, *, is_rgb: bool, shape: _Shape) -> None:
        self._is_rgb = is_rgb
        self._shape = shape

    def decode(self, tile: memoryview, *, scale: int, buffer: np.ndarray | None = None) -> np.ndarray:  # noqa: ARG002
        import imagecodecs

        codestream = bytes(tile)
        _check_codestream(codestream, self._shape)
        try:
            pixels = imagecodecs.jpeg2k_decode(codestream)
        except (imagecodecs.Jpeg2kError, ValueError, RuntimeError) as error:
            raise DamagedTileError(f"a damaged JPEG 2000 tile: {error}") from error
        if pixels.shape != (*self._shape, _CHANNELS) or pixels.dtype != np.uint8:
            raise DamagedTileError(f"a JPEG 2000 tile of {pixels.shape}, {pixels.dtype}")
        return _reduced(pixels if self._is_rgb else _rgb_of_ycbcr(pixels), scale)

    def as_jpeg(self, tile: memoryview) -> None:
        """None: it is no JPEG that browsers know."""


def _check_codestream(tile: bytes, shape: _Shape) -> None:
    """Compare the sides that a codestream states with those of the tile, before it is given memory.

    Source: ITU-T T.800, A.5.1: SOC, SIZ, its length and capabilities, then the sides and the offsets of the picture.
    """
    if tile[:4] != b"\xff\x4f\xff\x51":
        raise DamagedTileError("a JPEG 2000 tile that does not begin as one")
    right, bottom, left, top = (int.from_bytes(tile[place : place + 4], "big") for place in range(8, 24, 4))
    if (bottom - top, right - left) != shape or (left, top) != (0, 0):
        raise DamagedTileError(f"a JPEG 2000 tile of {bottom} x {right} pixels, expected {shape}")
    if tile[40:42] != b"\x00\x03":
        raise DamagedTileError("a JPEG 2000 tile that does not have 3 components")


def _rgb_of_ycbcr(pixels: np.ndarray) -> np.ndarray:
    """RGB with OpenSlide's rounding (openslide-decode-jp2k.c)."""
    red_of_cr, green_of_both, blue_of_cb = _colour_tables()
    luma, cb, cr = (np.ascontiguousarray(pixels[..., channel]) for channel in range(_CHANNELS))
    both = cb.astype(np.uint16) << 8 | cr
    rgb = np.empty_like(pixels)
    for channel, colour in enumerate((red_of_cr.take(cr), green_of_both.take(both), blue_of_cb.take(cb))):
        colour += luma
        rgb[..., channel] = np.clip(colour, 0, 255, out=colour)
    return rgb


@cache
def _colour_tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is added to the luma for red by Cr, for green by Cb * 256 + Cr, for blue by Cb: int16."""
    chroma = np.arange(256) - 128
    green = -0.34414 * chroma[:, None] - 0.71414 * chroma
    return _rounded(1.402 * chroma), np.floor(green + 0.5).astype(np.int16), _rounded(1.772 * chroma)


def _rounded(values: np.ndarray) -> np.ndarray:
    """As C rounds: halves away from zero."""
    return np.copysign(np.floor(np.abs(values) + 0.5), values).astype(np.int16)


def _reduced(pixels: np.ndarray, scale: int) -> np.ndarray:
    if scale == 1:
        return pixels
    return np.asarray(Image.fromarray(pixels).reduce(scale))


TILE_ERRORS = (JpegError, DamagedTileError)
