"""JPEG and PNG tiles of strangers: looked at before they are decoded, so that none costs more than a tile does."""

import struct
import zlib
from collections.abc import Iterator

import imagecodecs
import numpy as np
import simplejpeg

from slidemill.classifier.jpeg_pixels import DamagedJpegError, decode_pixels
from slidemill.classifier.tile_shape import TileShape
from slidemill.web.refusals import RefusedError

_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_SCAN = b"\xff\xda"  # begins a scan; in compressed data an FF is never followed by anything but 00
_MOST_SCANS = 100  # encoders write about ten; each costs as much as a tile, whatever its bytes
_PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}  # others, such as compressed texts, are not looked into
_CHUNK = struct.Struct(">I4s")
_RGB = 3


class UnfitTileError(RefusedError):
    """A tile that is not one of the model's, or no tile."""

    def __init__(self, reason: str) -> None:
        super().__init__(422, reason)


def stored_pixels(image: bytes, side: int) -> np.ndarray:
    """Decode a whole tile.

    Args:
        image: JPEG or PNG, in colour or grey.
        side: pixels, of the tiles that the model takes.

    Returns:
        (side, side, 3) uint8, RGB.

    Raises:
        UnfitTileError: it has other sides, is damaged, or is of another kind.
    """
    if image.startswith(_PNG):
        return _png(image, side)
    _check_jpeg(image, side)
    try:
        return np.asarray(simplejpeg.decode_jpeg(image, "RGB"))
    except (ValueError, RuntimeError):
        raise UnfitTileError("the tile is a damaged JPEG image") from None


def model_pixels(image: bytes, shape: TileShape) -> np.ndarray:
    """Decode a tile as far as the decoder brings it to a model's input.

    A JPEG gives the pixels of `slidemill.classifier.tiles.decode_tile`, bit by bit. No decoder makes a PNG smaller: its
    pixels are averaged over the squares that become one.

    Args:
        image: as in `stored_pixels`.
        shape: sides of the model's tiles.

    Returns:
        (shape.decoded, shape.decoded, 3) uint8, RGB.
    """
    side, ratio = shape.stored, shape.jpeg_ratio
    if image.startswith(_PNG):
        return _cropped(_png(image, side), shape) if shape.fit == "crop" else _averaged(_png(image, side), ratio)
    _check_jpeg(image, side)
    try:
        return decode_pixels(image, shape)
    except DamagedJpegError:
        raise UnfitTileError("the tile is a damaged JPEG image") from None


def _check_jpeg(image: bytes, side: int) -> None:
    if not image.startswith(_JPEG):
        raise UnfitTileError("the tile is neither a JPEG nor a PNG image")
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(image)
    except (ValueError, RuntimeError):
        raise UnfitTileError("the tile is a damaged JPEG image") from None
    _check_sides(width, height, side)
    if colours not in ("YCbCr", "RGB", "Gray"):
        raise UnfitTileError(f"the tile has {colours} colours; send RGB or grey")
    if image.count(_SCAN) > _MOST_SCANS:
        raise UnfitTileError(f"the tile is a JPEG image of more than {_MOST_SCANS} scans")


def _check_sides(width: int, height: int, side: int) -> None:
    if (width, height) != (side, side):
        raise UnfitTileError(
            f"the tile has {width} x {height} pixels, and the model takes tiles of {side} x {side}; cut them so"
        )


def _png(image: bytes, side: int) -> np.ndarray:
    chunks = list(_chunks(image))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13 + 12:
        raise UnfitTileError("the tile is a damaged PNG image")
    width, height = struct.unpack(">II", chunks[0][1][8:16])
    _check_sides(width, height, side)
    known = b"".join(chunk for name, chunk in chunks if name in _PNG_CHUNKS)
    try:
        pixels = np.asarray(imagecodecs.png_decode(_PNG + known))
    except (imagecodecs.PngError, ValueError, RuntimeError):
        raise UnfitTileError("the tile is a damaged PNG image") from None
    if pixels.dtype != np.uint8:
        raise UnfitTileError("the tile has 16 bits a colour; send 8")
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]
    if pixels.shape[2] in (2, 4):
        raise UnfitTileError("the tile is transparent in places; send it without an alpha channel")
    return np.ascontiguousarray(np.broadcast_to(pixels, (side, side, _RGB)))


def _chunks(image: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and bytes of each whole chunk of a PNG image, with length and checksum, which is checked."""
    place = len(_PNG)
    while place + _CHUNK.size <= len(image):
        length, name = _CHUNK.unpack_from(image, place)
        end = place + _CHUNK.size + length + 4
        content = image[place:end]
        if len(content) < 12 + length or zlib.crc32(content[4:-4]) != int.from_bytes(content[-4:], "big"):
            raise UnfitTileError("the tile is a damaged PNG image")
        yield name, content
        place = end


def _averaged(pixels: np.ndarray, ratio: int) -> np.ndarray:
    if ratio == 1:
        return pixels
    side = -(-len(pixels) // ratio)
    missing = side * ratio - len(pixels)
    whole = np.pad(pixels, ((0, missing), (0, missing), (0, 0)), mode="edge")
    squares = whole.reshape(side, ratio, side, ratio, _RGB).mean(axis=(1, 3), dtype=np.float32)
    return np.rint(squares).astype(np.uint8)


def _cropped(pixels: np.ndarray, shape: TileShape) -> np.ndarray:
    start = (shape.stored - shape.model) // 2
    return pixels[start : start + shape.model, start : start + shape.model]
