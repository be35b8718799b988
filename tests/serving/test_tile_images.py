"""Tiles of strangers become the pixels that training saw, or a sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from slidemill.classifier.tile_shape import TileShape
from slidemill.classifier.tiles import decode_tile
from slidemill.serving.tile_images import UnfitTileError, model_pixels, stored_pixels

from .conftest import jpeg_tile, tile_pixels


def encoded(pixels, kind="PNG", **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("fit", ["resize", "crop"])
@pytest.mark.parametrize("subsampling", ["420", "444", "422"])
@pytest.mark.parametrize(("stored", "model"), [(64, 32), (64, 8), (64, 40), (100, 30), (50, 50), (37, 18)])
def test_a_jpeg_has_the_pixels_that_the_workflow_decodes(stored, model, subsampling, fit):
    shape = TileShape(stored, model, fit)
    jpeg = jpeg_tile(3, stored, colorsubsampling=subsampling)
    np.testing.assert_array_equal(model_pixels(jpeg, shape), decode_tile(jpeg, shape).numpy())


def test_a_grey_jpeg_has_three_equal_colours():
    shape = TileShape(64, 32)
    jpeg = simplejpeg.encode_jpeg(tile_pixels()[:, :, :1].copy(), colorspace="GRAY")
    pixels = model_pixels(jpeg, shape)
    np.testing.assert_array_equal(pixels, decode_tile(jpeg, shape).numpy())
    assert np.ptp(pixels, axis=2).max() == 0


def test_a_png_is_decoded_to_its_pixels_and_averaged_where_it_is_larger_than_the_model_needs():
    tile = tile_pixels()
    np.testing.assert_array_equal(stored_pixels(encoded(tile), 64), tile)
    np.testing.assert_array_equal(model_pixels(encoded(tile), TileShape(64, 64)), tile)
    means = tile.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(model_pixels(encoded(tile), TileShape(64, 32)) - means).max() <= 0.5
    np.testing.assert_array_equal(model_pixels(encoded(tile), TileShape(64, 32, "crop")), tile[16:48, 16:48])


def test_a_grey_or_indexed_png_is_taken():
    grey = tile_pixels()[:, :, 0]
    np.testing.assert_array_equal(stored_pixels(encoded(grey), 64), grey[:, :, None].repeat(3, axis=2))
    buffer = io.BytesIO()
    image = Image.fromarray(tile_pixels()).quantize(16)
    image.save(buffer, "PNG")
    np.testing.assert_array_equal(stored_pixels(buffer.getvalue(), 64), np.asarray(image.convert("RGB")))


def cmyk():
    buffer = io.BytesIO()
    Image.fromarray(tile_pixels()).convert("CMYK").save(buffer, "JPEG")
    return buffer.getvalue()


def png_of(width, height, data=b""):
    def chunk(name, content):
        body = name + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def jpeg_that_tells(side):
    """A JPEG whose header tells other sides than it has."""
    jpeg = bytearray(jpeg_tile())
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", side, side)
    return bytes(jpeg)


REFUSED = {
    "another size": (jpeg_tile(side=32), "32 x 32 pixels, and the model takes tiles of 64 x 64"),
    "no image": (b"hello", "neither a JPEG nor a PNG"),
    "nothing": (b"", "neither a JPEG nor a PNG"),
    "a header alone": (b"\xff\xd8\xff", "damaged JPEG"),
    "half a JPEG": (jpeg_tile()[:-400], "damaged JPEG"),
    "printing colours": (cmyk(), "CMYK"),
    "a JPEG that would fill the memory": (jpeg_that_tells(65_000), "65000 x 65000 pixels"),
    "a PNG that would fill the memory": (png_of(2**31 - 1, 2**31 - 1), "2147483647 x 2147483647 pixels"),
    "a PNG without pixels": (png_of(64, 64), "damaged PNG"),
    "a PNG of more pixels than it tells": (png_of(64, 64, zlib.compress(bytes(10))), "damaged PNG"),
    "half a PNG": (encoded(tile_pixels())[:-900], "damaged PNG"),
    "a transparent PNG": (encoded(np.dstack([tile_pixels(), np.full((64, 64), 9, np.uint8)])), "alpha"),
    "16 bits": (encoded(np.arange(4096, dtype=np.uint16).reshape(64, 64)), "16 bits"),
    "scans without end": (jpeg_tile() + b"\xff\xda" * 101, "scans"),
}


@pytest.mark.parametrize(("image", "reason"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize(
    "decode", [lambda image: stored_pixels(image, 64), lambda i: model_pixels(i, TileShape(64, 32))]
)
def test_what_is_no_tile_of_the_model_is_refused_with_a_sentence(image, reason, decode):
    with pytest.raises(UnfitTileError, match=reason) as refused:
        decode(image)
    assert refused.value.status == 422
