"""Philips' TIFF files are read as OpenSlide reads them: padded levels, tiles that are left out, spacings in XML."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import tifffile

from slidemill.slides import UnreadableSlideError, open_slide

# Test modules are no package: this one is found by its place.
_SPEC = importlib.util.spec_from_file_location("tiff_cases", Path(__file__).with_name("tiff_cases.py"))
cases = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(cases)

TILE = 128
WIDTH, HEIGHT = 7 * TILE, 5 * TILE  # Philips pads level 0 to whole tiles as well
MISSING = {0: (0, 9), 1: (3,), 2: ()}


def xml(downsamples=(1, 2, 4), *, image="WSI", root="DPUfsImport", derivation="tiff-useBigTIFF=1-levels=40,10003-x=1"):
    levels = "".join(
        '<DataObject ObjectType="PixelDataRepresentation"><Attribute Name="DICOM_PIXEL_SPACING">'
        f'"{0.000227 * d}" "{0.000226 * d}"</Attribute></DataObject>'
        for d in downsamples
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8" ?><DataObject ObjectType="{root}">'
        '<Attribute Name="PIM_DP_SCANNED_IMAGES"><Array>'
        '<DataObject ObjectType="DPScannedImage">'
        '<Attribute Name="PIM_DP_IMAGE_TYPE">LABELIMAGE</Attribute></DataObject>'
        f'<DataObject ObjectType="DPScannedImage"><Attribute Name="PIM_DP_IMAGE_TYPE">{image}</Attribute>'
        f'<Attribute Name="DICOM_DERIVATION_DESCRIPTION">{derivation}</Attribute>'
        '<Attribute Name="DICOM_PIXEL_SPACING">"0.000227" "0.000226"</Attribute>'
        f'<Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE"><Array>{levels}</Array></Attribute>'
        "</DataObject></Array></Attribute></DataObject>"
    )


def write(path, description, levels=3):
    """Three levels, each padded with black, and the macro image with a label."""
    picture = cases.texture(HEIGHT, WIDTH)
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        for number in range(levels):
            step = 2**number
            pixels = picture[::step, ::step]
            pixels = np.pad(pixels, ((0, -len(pixels) % TILE), (0, -pixels.shape[1] % TILE), (0, 0)))
            segments = [
                simplejpeg.encode_jpeg(np.ascontiguousarray(pixels[y : y + TILE, x : x + TILE]), 90, "RGB", "420")
                for y in range(0, pixels.shape[0], TILE)
                for x in range(0, pixels.shape[1], TILE)
            ]
            segments = [b"" if i in MISSING[number] else segment for i, segment in enumerate(segments)]
            writer.write(
                iter(segments),
                shape=pixels.shape,
                dtype=np.uint8,
                tile=(TILE, TILE),
                compression="jpeg",
                photometric="ycbcr",
                subsampling=(2, 2),
                subfiletype=int(number > 0),
                description=description if number == 0 else None,
                software="Philips DP v1.0" if number == 0 else None,
                metadata=None,
            )
        writer.write(
            np.zeros((32, 64, 3), np.uint8), description="Macro", metadata=None, photometric="rgb", subfiletype=1
        )
    return path


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    return write(tmp_path_factory.mktemp("philips") / "s.tiff", xml())


def read(path, reader, corners, *, extent, size):
    with open_slide(path, reader) as opened:
        return np.array(
            list(opened.map_tiles(lambda _, tile: tile.copy(), np.array(corners), extent=extent, size=size))
        )


def test_properties_are_openslides(slide):
    with open_slide(slide, "auto") as ours, open_slide(slide, "openslide") as theirs:
        assert (ours.name, ours.properties.vendor, ours.properties.objective_power) == ("direct", "philips", 40)
        assert ours.properties.um_per_px == pytest.approx((0.226, 0.227))
        assert theirs.properties.um_per_px == pytest.approx(ours.properties.um_per_px)
        for name in ("vendor", "width", "height", "objective_power"):
            assert getattr(ours.properties, name) == getattr(theirs.properties, name)


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_every_pixel_of_each_level_is_openslides_and_padding_is_white(slide, factor):
    size = 96
    extent = size * factor
    corners = [(x, y) for y in range(0, HEIGHT, extent) for x in range(0, WIDTH, extent)]
    ours = read(slide, "direct", corners, extent=extent, size=size)
    np.testing.assert_array_equal(ours, read(slide, "openslide", corners, extent=extent, size=size))
    assert (ours.reshape(-1, 3) == 255).all(axis=1).any()
    assert not (ours.reshape(-1, 3) < 20).all(axis=1).any()


def test_the_overview_is_openslides(slide):
    with open_slide(slide, "direct") as ours, open_slide(slide, "openslide") as theirs:
        assert np.abs(ours.overview(WIDTH // 4).astype(int) - theirs.overview(WIDTH // 4)).mean() < 3


@pytest.mark.parametrize(
    "description",
    [xml((1, 2)), xml((1, 2, 4, 8)), xml(image="LABELIMAGE"), xml(root="Other"), xml((1, 2, 1)), xml((1, 2, 3)), "<a"],
)
def test_an_unusual_file_is_left_to_openslide(tmp_path, description):
    path = write(tmp_path / "s.tiff", description)
    with pytest.raises(UnreadableSlideError, match="the direct reader does not know it"), open_slide(path, "direct"):
        pass


@pytest.mark.parametrize("derivation", ["", "levels=10000,10003", "sourceFilename=a-levels=20", "levels=x"])
def test_a_power_that_is_not_stated_is_none(tmp_path, derivation):
    path = write(tmp_path / "s.tiff", xml((1,), derivation=derivation), levels=1)
    with open_slide(path, "direct") as ours, open_slide(path, "openslide") as theirs:
        assert ours.properties.objective_power is None is theirs.properties.objective_power
