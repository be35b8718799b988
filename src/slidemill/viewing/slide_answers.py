"""What the page is told of one slide: what it is, its pyramid, its thumbnail, its tissue; waited for in a thread."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

from slidemill.cohort.sheet import Slide
from slidemill.errors import SlidemillError
from slidemill.machine import MachineTroubleError
from slidemill.slides import SlideError, resolution_of
from slidemill.tiling.quality import QUALITY_FLAGS, flag_bits
from slidemill.tiling.store import TileStore
from slidemill.viewing.answers import tag_of
from slidemill.viewing.known_files import signature_of
from slidemill.viewing.open_slides import OpenedSlide, OpenSlides, SlideGoneError
from slidemill.viewing.places import Places, RunPlace
from slidemill.viewing.pyramid import Pyramid, encoded
from slidemill.viewing.slide_files import SlideFiles
from slidemill.viewing.tile_values import packed, value_layers
from slidemill.web.refusals import RefusedError

THUMBNAIL_PX = 256


class SlideAnswers:
    """Answers for the slides of a sheet; for any number of threads.

    Args:
        slides: of the sheet, by slide_id.
        places: where files lie.
        files: reads their stores.
        open_slides: keeps slides open.
    """

    def __init__(self, slides: Mapping[str, Slide], places: Places, files: SlideFiles, open_slides: OpenSlides) -> None:
        self._slides = slides
        self._places = places
        self._files = files
        self._open_slides = open_slides

    def slide(self, slide_id: str) -> Slide:
        """A slide of the sheet.

        Raises:
            RefusedError: the sheet has none of that name.
        """
        slide = self._slides.get(slide_id)
        if slide is None:
            raise RefusedError(404, "there is no such slide in the sheet")
        return slide

    @contextmanager
    def opened(self, slide: Slide) -> Iterator[OpenedSlide]:
        """The slide, open.

        Raises:
            RefusedError: it cannot be read, with the reason.
        """
        path = self._places.file_of(slide)
        if path is None:
            raise RefusedError(
                404, f"{slide.slide_id} lies in a storage; its pixels are shown of files on a disk alone"
            )
        try:
            with self._open_slides.borrowed(path) as opened:
                yield opened
        except SlideGoneError:
            raise RefusedError(404, f"the file of {slide.slide_id} is not there (any more)") from None
        except SlideError as error:
            raise RefusedError(422, str(error)) from None
        except MachineTroubleError as error:
            raise RefusedError(503, str(error), retry_after=10) from None

    def about(self, slide: Slide) -> dict[str, Any]:
        """What the slide is, its pyramid, and which layers runs have of it.

        Of a slide whose file cannot be read, what its tile store says: `pyramid` is null then, and `unreadable` why.
        """
        store = self._files.store(slide)
        return {
            "slide": slide.slide_id,
            **self._frame(slide, store),
            "grid": _grid(store),
            "tissue": _about_tissue(store),
            "flags": {flag: flag_bits([flag]) for flag in QUALITY_FLAGS},
            "reason": store.summary.reason if store else "",
            "runs": {run.key: found for run in self._places.runs() if (found := self._of_run(slide, run)) is not None},
        }

    def quality(self, slide: Slide) -> bytes:
        """All tiles of the slide's store with their flags, also those that are left out of predictions."""
        store = self._files.needed_store(slide)
        arrays = {
            "x": store.coordinates[:, 0].astype("<i4"),
            "y": store.coordinates[:, 1].astype("<i4"),
            "quality": store.quality.astype("<i4"),
            "tissue": store.tissue_fraction.astype("<f4"),
        }
        return packed(arrays, {"tile_size_level0": int(store.summary.tile_extent)})

    def tissue(self, slide: Slide) -> bytes:
        """The tissue mask as PNG, white where there is tissue."""
        mask = self._files.needed_store(slide).tissue_mask
        if not mask.size:
            raise RefusedError(404, f"no tissue was looked for on {slide.slide_id}")
        content = io.BytesIO()
        Image.fromarray(mask).save(content, "PNG")
        return content.getvalue()

    def thumbnail_tag(self, slide: Slide) -> str:
        """What tells this thumbnail from another, without reading it."""
        path = self._places.file_of(slide)
        return tag_of("thumbnail", self._files.signature_of_store(slide), signature_of(path) if path else None)

    def thumbnail(self, slide: Slide) -> bytes:
        """The slide, small: from its tile store, else from its file."""
        store = self._files.store(slide)
        if store is not None and store.thumbnail.size:
            picture = Image.fromarray(store.shown_thumbnail)
            picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
            return encoded(np.asarray(picture))
        with self.opened(slide) as opened:
            return encoded(opened.reader.overview(THUMBNAIL_PX, in_bounds=True, damaged=[]))

    def _frame(self, slide: Slide, store: TileStore | None) -> dict[str, Any]:
        """Size, scale and pyramid."""
        facts = store.summary.slide if store else None
        try:
            with self.opened(slide) as opened:
                properties = opened.reader.properties
                return {
                    "width": properties.width,
                    "height": properties.height,
                    "mpp": facts.mpp if facts else _mpp(slide, opened),
                    "bounds": list(properties.bounds) if properties.bounds else None,
                    "pyramid": _about_pyramid(opened.pyramid),
                    "unreadable": "",
                }
        except RefusedError as error:
            if facts is None:
                raise
            return {
                "width": facts.width,
                "height": facts.height,
                "mpp": facts.mpp,
                "bounds": list(facts.bounds) if facts.bounds else None,
                "pyramid": None,
                "unreadable": error.sentence,
            }

    def _of_run(self, slide: Slide, run: RunPlace) -> dict[str, Any] | None:
        """Which layers a run has of a slide; None where it has not predicted it (yet)."""
        try:
            predictions = self._files.predictions(slide, run)
        except RefusedError as error:
            is_damaged = error.status != 404
            return _without_layers(run, error.sentence) if is_damaged else None
        return {
            "classes": list(predictions.classes),
            "tiles": len(predictions.coordinates),
            "tile_size_level0": int(predictions.tile_extent),
            "reason": predictions.reason,
            "layers": [layer.about() for layer in value_layers(predictions)],
        }


def _without_layers(run: RunPlace, reason: str) -> dict[str, Any]:
    return {"classes": list(run.classes), "tiles": 0, "tile_size_level0": 0, "reason": reason, "layers": []}


def _about_pyramid(pyramid: Pyramid) -> dict[str, Any]:
    names = ("width", "height", "downsample", "columns", "rows")
    levels = [{name: getattr(level, name) for name in names} for level in pyramid.levels]
    return {"tile_size": pyramid.tile_size, "levels": levels}


def _mpp(slide: Slide, opened: OpenedSlide) -> float | None:
    try:
        return resolution_of(slide.slide_id, opened.reader.properties, slide.mpp).mpp.um_per_px
    except SlidemillError:
        return None


def _grid(store: TileStore | None) -> dict[str, Any] | None:
    if store is None or not store.summary.tile_extent:
        return None
    parameters = store.summary.parameters
    return {
        "tile_size_level0": int(store.summary.tile_extent),
        "tile_size": parameters.get("tile_size"),
        "mpp": parameters.get("mpp"),
        "read_by": store.summary.reader,
    }


def _about_tissue(store: TileStore | None) -> dict[str, Any] | None:
    facts = store.summary.slide if store else None
    if store is None or facts is None or not store.tissue_mask.size:
        return None
    rows, columns = store.tissue_mask.shape
    covers = {"x": 0, "y": 0, "width": facts.width, "height": facts.height}
    return {"kind": "png", "columns": columns, "rows": rows, "covers": covers}
