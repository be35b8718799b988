"""What a TIFF file holds as a slide: its pyramid and its properties, where they are known to mean what OpenSlide reads.

Scanners put very different things into TIFF files. The direct reader takes Aperio's and Philips' files and general
tiled TIFFs (OME-TIFF among them), 8-bit RGB in one plane; all others are left to OpenSlide.
"""

import re
from dataclasses import dataclass, replace

import numpy as np

from slidemill.slides.levels import axis_downsamples
from slidemill.slides.ome import ome_um_per_px
from slidemill.slides.philips import PhilipsFacts, philips_facts
from slidemill.slides.reader import LARGEST_SIDE_PX, SlideProperties
from slidemill.slides.tiff_file import DamagedTiffError, Directory, TiffFile
from slidemill.slides.tile_codecs import TileDecoder, decoder_for
from slidemill.units import SlidePixels

_LARGEST_TILE_PX = 4096
_OVERHEAD, _LARGEST_HEADER = 2, 2**20  # no compressed tile is longer than its pixels by more
_REDUCED_IMAGE = 1  # bit of NewSubfileType
_NDPI_TAG, _XMP_TAG = 65420, 700
_UM_PER_UNIT = {2: 25400.0, 3: 10000.0}  # ResolutionUnit: inch, centimetre
_PLANES_APART = 2
_GREY, _PALETTE = (0, 1), 3  # PhotometricInterpretation


class UnsupportedTiffError(Exception):
    """A TIFF file that the direct reader leaves to OpenSlide."""


class NotRgbError(Exception):
    """A TIFF file whose pixels are not RGB, so that it is no brightfield slide."""


class DeepTiffError(Exception):
    """A TIFF file of more than 8 bits for each colour.

    Attributes:
        bits: so many.
    """

    def __init__(self, bits: int) -> None:
        super().__init__(bits)
        self.bits = bits


@dataclass(frozen=True, slots=True)
class Level:
    """One image of the pyramid.

    Attributes:
        width, height: in pixels of the level.
        tile_width, tile_height: of its tiles.
        columns, rows: number of tiles along each side.
        offsets, counts: (rows * columns,) int64, place of each tile in the file; a count of 0: no tile.
        decoder: for its tiles.
        downsamples: level-0 pixels for each of its pixels, along x and y.
    """

    width: int
    height: int
    tile_width: int
    tile_height: int
    columns: int
    rows: int
    offsets: np.ndarray
    counts: np.ndarray
    decoder: TileDecoder
    downsamples: tuple[float, float]

    @property
    def downsample(self) -> float:
        """Level-0 pixels along the side of one of its pixels, the mean of both sides."""
        return sum(self.downsamples) / 2


@dataclass(frozen=True, slots=True)
class TiffSlide:
    """The pyramid, finest level first, and the properties."""

    levels: tuple[Level, ...]
    properties: SlideProperties


def read_tiff_slide(file: TiffFile) -> TiffSlide:
    """Find the pyramid of a slide.

    Raises:
        DamagedTiffError: the file contradicts itself or is cut short.
        NotRgbError: the slide is no brightfield slide.
        UnsupportedTiffError: OpenSlide should read it.
    """
    if not file.directories:
        raise DamagedTiffError("it holds no image")
    first = file.directories[0]
    description = first.text(270)
    philips = _philips(first, description)
    vendor = "philips" if philips else _vendor(first, description)
    base = _level(file, first, base=None)
    if philips:
        others = _padded_levels(file, base, philips)
    else:
        others = [_level(file, directory, base) for directory in _smaller(file, vendor) if _is_tiled(directory)]
    levels = sorted((base, *others), key=lambda level: level.downsample)
    objective_power = _aperio_number(description, "AppMag") if vendor == "aperio" else None
    return TiffSlide(
        levels=tuple(levels),
        properties=SlideProperties(
            vendor=vendor,
            width=SlidePixels(base.width),
            height=SlidePixels(base.height),
            um_per_px=philips.um_per_px if philips else _stated_um_per_px(vendor, description),
            tag_um_per_px=tag_um_per_px(first),
            objective_power=philips.objective_power if philips else objective_power,
        ),
    )


def _philips(first: Directory, description: str) -> PhilipsFacts | None:
    if not _is_tiled(first):
        raise UnsupportedTiffError("its first image is not tiled")
    return philips_facts(description) if first.text(305).startswith("Philips") else None


def _padded_levels(file: TiffFile, base: Level, philips: PhilipsFacts) -> list[Level]:
    """The further levels of a Philips slide, without what they are padded with."""
    directories = [directory for directory in file.directories[1:] if _is_tiled(directory)]
    if len(directories) + 1 != len(philips.downsamples):
        raise UnsupportedTiffError("its XML tells of other levels")
    levels = []
    for directory, downsample in zip(directories, philips.downsamples[1:], strict=True):
        padded = _level(file, directory, base=None)
        width, height = base.width // max(1, downsample), base.height // max(1, downsample)
        is_reduced = directory.number(254, 0) & _REDUCED_IMAGE and downsample > 1
        if not is_reduced or not 0 < width <= padded.width or not 0 < height <= padded.height:
            raise UnsupportedTiffError("its XML tells of other levels")
        levels.append(replace(padded, width=width, height=height, downsamples=(float(downsample), float(downsample))))
    return levels


def _vendor(first: Directory, description: str) -> str:
    if description.startswith("Aperio"):
        return "aperio"
    maker = first.text(305) + first.text(271)  # Software, Make
    if (
        _NDPI_TAG in first
        or b"iScan" in first.content(_XMP_TAG)
        or "<scn" in description
        or re.search("Philips|MedScan|Hamamatsu|Ventana|Leica|3DHISTECH", maker)
    ):
        raise UnsupportedTiffError("OpenSlide knows this scanner's files better")
    return "generic-tiff"


def _smaller(file: TiffFile, vendor: str) -> list[Directory]:
    """The images that may be further levels."""
    rest = file.directories[1:]
    if vendor == "aperio":
        return rest
    reduced = [directory for directory in rest if directory.number(254, 0) & _REDUCED_IMAGE]
    return [*reduced, *file.sub_directories(file.directories[0])]


def is_untiled(directory: Directory) -> bool:
    """Whether an image is in strips."""
    return not _is_tiled(directory)


def _is_tiled(directory: Directory) -> bool:
    return 322 in directory and 324 in directory


def _level(file: TiffFile, directory: Directory, base: Level | None) -> Level:
    width, height = directory.number(256, 0), directory.number(257, 0)
    tile_width, tile_height = directory.number(322, 0), directory.number(323, 0)
    if not (0 < width <= LARGEST_SIDE_PX and 0 < height <= LARGEST_SIDE_PX):
        raise DamagedTiffError(f"an image of {width} x {height} pixels")
    if not (0 < tile_width <= _LARGEST_TILE_PX and 0 < tile_height <= _LARGEST_TILE_PX):
        raise DamagedTiffError(f"tiles of {tile_width} x {tile_height} pixels")
    if tile_width % 8 or tile_height % 8:
        raise UnsupportedTiffError(f"tiles of {tile_width} x {tile_height} pixels")
    columns, rows = -(-width // tile_width), -(-height // tile_height)
    offsets, counts = _places(file, directory, columns * rows)
    if counts.max(initial=0) > _OVERHEAD * tile_width * tile_height * 3 + _LARGEST_HEADER:
        raise DamagedTiffError(f"a compressed tile of {counts.max()} bytes")
    return Level(
        width=width,
        height=height,
        tile_width=tile_width,
        tile_height=tile_height,
        columns=columns,
        rows=rows,
        offsets=offsets,
        counts=counts,
        decoder=_decoder(directory, (tile_height, tile_width)),
        downsamples=_downsamples(base, width, height) if base else (1.0, 1.0),
    )


def refuse_pixels(directory: Directory) -> None:
    """Check that the pixels of an image may be those of a brightfield slide.

    Raises:
        NotRgbError: they have less than three channels.
        DeepTiffError: they have more than 8 bits.
    """
    samples, bits = directory.number(277, 1), directory.numbers(258)
    deepest = int(bits.max()) if bits.size else 1
    photometric = directory.number(262, 2)
    if photometric in _GREY or (samples < 3 and photometric != _PALETTE):
        raise NotRgbError(f"{samples} channel{'s' * (samples != 1)} of {deepest} bit{'s' * (deepest != 1)}")
    if deepest > 8:
        raise DeepTiffError(deepest)


def _decoder(directory: Directory, shape: tuple[int, int]) -> TileDecoder:
    samples, bits = directory.number(277, 1), directory.numbers(258)
    refuse_pixels(directory)
    if samples != 3 or (bits != 8).any() or directory.number(284, 1) == _PLANES_APART or directory.number(274, 1) != 1:
        raise UnsupportedTiffError("its pixels are not plain RGB")
    decoder = decoder_for(
        compression=directory.number(259, 1),
        photometric=directory.number(262, 2),
        predictor=directory.number(317, 1),
        tables=directory.content(347),
        shape=shape,
    )
    if decoder is None:
        raise UnsupportedTiffError(f"compression {directory.number(259, 1)}")
    return decoder


def _places(file: TiffFile, directory: Directory, tile_count: int) -> tuple[np.ndarray, np.ndarray]:
    """Offset and byte count of each tile, all of which lie in the file."""
    offsets, counts = directory.numbers(324), directory.numbers(325)
    if len(offsets) != tile_count or len(counts) != tile_count:
        raise DamagedTiffError(f"{len(offsets)} offsets and {len(counts)} lengths for {tile_count} tiles")
    if (offsets > file.size).any() or (counts > file.size).any():
        raise DamagedTiffError(f"the file has {file.size} bytes and its tiles lie behind its end")
    offsets, counts = offsets.astype(np.int64), counts.astype(np.int64)
    end = int((offsets + counts).max(initial=0))
    if end > file.size:
        raise DamagedTiffError(f"the file has {file.size} bytes and should have {end} or more")
    return offsets, counts


def _downsamples(base: Level, width: int, height: int) -> tuple[float, float]:
    """Level-0 pixels per pixel along x and y."""
    across, down = axis_downsamples((base.width, base.height), (width, height))
    if max(across, down) > 1.02 * min(across, down) or min(across, down) < 1:
        raise UnsupportedTiffError("an image of another shape than the first")
    return across, down


def _stated_um_per_px(vendor: str, description: str) -> tuple[float, float] | None:
    if vendor == "aperio":
        mpp = _aperio_number(description, "MPP")
        return None if mpp is None else (mpp, mpp)
    return ome_um_per_px(description)


def _aperio_number(description: str, key: str) -> float | None:
    """The value of "|key = value" in Aperio's description."""
    for part in description.split("|")[1:]:
        name, _, value = part.partition("=")
        if name.strip() == key:
            try:
                return float(value)
            except ValueError:
                return None
    return None


def tag_um_per_px(directory: Directory) -> tuple[float, float] | None:
    """Microns per pixel along x and y by the resolution tags; None where they tell none."""
    um_per_unit = _UM_PER_UNIT.get(directory.number(296, 2))
    across, down = directory.ratio(282), directory.ratio(283)
    if not um_per_unit or not across or not down:
        return None
    return um_per_unit / across, um_per_unit / down
