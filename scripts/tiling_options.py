"""Options that several programs share: which slide is cut into tiles, and how."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, get_args

import click

from slidemill.scratch import slide_on_scratch
from slidemill.slides import ReaderChoice
from slidemill.tiling.source import InkChoice, JpegSubsampling, SlideSource, TilingParameters
from slidemill.units import TilePixels

_Command = Callable[..., None]


def tiling_options(command: _Command) -> _Command:
    """Give a command the options of a slide and of tiling, which come to it as two arguments: `source`, `parameters`.

    The slide has been copied to a local disk, where --scratch says so.
    """

    @wraps(command)
    def with_tiling(
        *,
        slide: Path,
        slide_id: str,
        patient_id: str,
        sheet_mpp: float | None,
        mpp: float,
        tile_size: int,
        max_background: float,
        jpeg_quality: int,
        jpeg_subsampling: JpegSubsampling,
        ink: InkChoice,
        max_damaged: float,
        reader: ReaderChoice,
        scratch: str | None,
        **others: Any,
    ) -> None:
        parameters = TilingParameters(
            mpp=mpp,
            tile_size=TilePixels(tile_size),
            max_background=max_background,
            jpeg_quality=jpeg_quality,
            jpeg_subsampling=jpeg_subsampling,
            ink=ink,
            max_damaged=max_damaged,
            reader=reader,
        )
        with slide_on_scratch(slide, scratch) as local:
            source = SlideSource(path=local, slide_id=slide_id, patient_id=patient_id, sheet_mpp=sheet_mpp)
            command(source=source, parameters=parameters, **others)

    for option in reversed(_OPTIONS):
        with_tiling = option(with_tiling)
    return with_tiling


_OPTIONS = (
    click.option("--slide", type=Path, required=True, help="The slide's file."),
    click.option("--slide-id", required=True),
    click.option("--patient-id", required=True),
    click.option("--sheet-mpp", type=float, help="Microns per level-0 pixel; counts before what the file states."),
    click.option("--mpp", type=float, required=True, help="Microns per pixel of the tiles."),
    click.option("--tile-size", type=int, required=True, help="Side of a tile in pixels."),
    click.option("--max-background", type=float, required=True, help="Greatest share of background in a tile, 0 to 1."),
    click.option("--jpeg-quality", type=int, required=True, help="1 to 100."),
    click.option(
        "--jpeg-subsampling",
        type=click.Choice(get_args(JpegSubsampling)),
        default="420",
        show_default=True,
        help="420: colours at half the resolution; 444: at all of it.",
    ),
    click.option(
        "--max-damaged",
        type=click.FloatRange(0, 1),
        default=0.1,
        show_default=True,
        help="Greatest share of the tissue tiles that may be damaged.",
    ),
    click.option(
        "--ink",
        type=click.Choice(get_args(InkChoice)),
        default="find",
        show_default=True,
        help="find: marks of a pen are no tissue; ignore: look for none.",
    ),
    click.option(
        "--reader",
        type=click.Choice(get_args(ReaderChoice)),
        required=True,
        help="direct: decode the tiles of TIFF files; openslide: all formats; auto: the faster one that is right.",
    ),
    click.option("--scratch", help="Folder on a local disk: the slide is copied there first."),
)
