"""JPEG tiles of TIFF files, made complete so that a decoder needs nothing but their bytes.

The tiles of a TIFF share their tables (tag JPEGTables) and leave it to the tag PhotometricInterpretation whether their
colours are RGB or YCbCr. Both are written into each tile's header, in the form that libjpeg-turbo reads. Its sides are
checked on the way, so that a damaged header makes no decoder set memory aside.

Source: ITU-T T.81, annex B; Adobe Photoshop TIFF Technical Notes (2002) for compression 7; Adobe TN 5116 for APP14.
"""

import math

import numpy as np
import simplejpeg

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = {0xC0, 0xC1, 0xC2}  # SOF0, SOF1, SOF2: baseline, extended, progressive; Huffman coding
_KEPT = _FRAMES | {0xC4, 0xDB, 0xDD}  # DHT, DQT, DRI; colour markers of the tile itself would contradict the tag
_COMPONENTS = 3

SCALES = (1, 2, 4, 8)  # the decoder can give a picture at one over these


class JpegError(Exception):
    """A JPEG tile that is damaged or not what its TIFF says."""


def decoding_buffer(shape: tuple[int, ...]) -> np.ndarray:
    """An uninitialised uint8 array for decoded pixels, at an odd address.

    Rows at multiples of 16 or 32 bytes libjpeg-turbo writes past the processor's cache (MOVNTDQ in jdcolext-sse2.asm
    and jdcolext-avx2.asm), and what reads them next waits for the memory. numpy's arrays lie there or not by chance.
    """
    memory = np.empty(math.prod(shape) + 1, np.uint8)
    start = 1 - memory.ctypes.data % 2
    return memory[start : start + memory.size - 1].reshape(shape)


class JpegDecoder:
    """Decodes the tiles of one image of a TIFF file.

    Args:
        tables: content of the tag JPEGTables, empty where tiles hold their own.
        is_rgb: whether the components are RGB and not YCbCr.
        shape: height and width of the tiles.
    """

    def __init__(self, tables: bytes, *, is_rgb: bool, shape: tuple[int, int]) -> None:
        adobe = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([0 if is_rgb else 1])
        shared = b"".join(_segments(tables, None)[0]) if tables else b""
        self._head = b"\xff\xd8" + adobe + shared
        self._shape = shape
        self._known: tuple[bytes, bytes] = (b"\0", b"")  # a header met before, and what it becomes

    def decode(self, tile: memoryview, *, scale: int, buffer: np.ndarray | None = None) -> np.ndarray:
        """Decode a tile as OpenSlide does, bit by bit, or at 1/2, 1/4 or 1/8 of its size.

        Args:
            tile: the tile as it stands in the file.
            scale: one of `SCALES`.
            buffer: where the pixels go, (height / scale, width / scale, 3) uint8, contiguous; None: a new array.

        Raises:
            JpegError: the tile is damaged.
        """
        height, width = self._shape[0] // scale, self._shape[1] // scale
        try:
            pixels = simplejpeg.decode_jpeg(
                self._completed(tile),
                fastdct=False,
                fastupsample=False,
                min_factor=scale,
                min_height=height,
                min_width=width,
                buffer=decoding_buffer((height, width, _COMPONENTS)) if buffer is None else buffer,
            )
        except (ValueError, RuntimeError) as error:
            raise JpegError(f"a damaged JPEG tile: {error}") from error
        if pixels.shape != (height, width, _COMPONENTS):
            raise JpegError(f"a JPEG tile of {pixels.shape} pixels, expected {height} x {width}")
        return pixels

    def as_jpeg(self, tile: memoryview) -> bytes:
        """A tile as a complete JPEG file, with the coefficients that stand in the TIFF.

        Raises:
            JpegError: its header is damaged.
        """
        return self._completed(tile)

    def _completed(self, tile: memoryview) -> bytes:
        """The tile with the shared tables and the marker of its colours. Most tiles of a file begin alike."""
        header, completed = self._known
        if bytes(tile[: len(header)]) != header:
            whole = bytes(tile)
            own, scan = _segments(whole, self._shape)
            header, completed = whole[:scan], b"".join([self._head, *own])
            self._known = header, completed
        return b"".join([completed, tile[len(header) :]])


def _segments(jpeg: bytes, shape: tuple[int, int] | None) -> tuple[list[bytes], int]:
    """The segments to keep of a JPEG header, and where its scan begins.

    Args:
        jpeg: a tile, or tables alone.
        shape: height and width that the tile must have; None for tables.
    """
    if jpeg[:2] != bytes([0xFF, _SOI]):
        raise JpegError("a JPEG tile that does not begin as one")
    kept: list[bytes] = []
    place, framed = 2, False
    while place + 4 <= len(jpeg):
        marker, length = jpeg[place + 1], int.from_bytes(jpeg[place + 2 : place + 4], "big")
        if jpeg[place] != 0xFF:
            break
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker == _SOS:
            if not framed or shape is None:
                break
            return kept, place
        if marker in _FRAMES:
            _check_frame(jpeg[place + 4 : place + 2 + length], shape)
            framed = True
        if marker in _KEPT:
            kept.append(jpeg[place : place + 2 + length])
        place += 2 + length
    if shape is None and jpeg[place : place + 2] in (b"", bytes([0xFF, _EOI])):
        return kept, place
    raise JpegError("a JPEG tile with a damaged header")


def _check_frame(frame: bytes, shape: tuple[int, int] | None) -> None:
    sides = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    if len(frame) < 6 or frame[0] != 8 or sides != shape or frame[5] != _COMPONENTS:
        raise JpegError(f"a JPEG tile of {sides[0]} x {sides[1]} pixels, expected {shape}, in colour, 8 bits")
