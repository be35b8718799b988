"""What the page is told of one slide: what it is, its values, its tiles; all of it waited for in a thread."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from slidemill.cohort.sheet import Slide
from slidemill.errors import SlidemillError
from slidemill.inference.store import Predictions, read_predictions
from slidemill.machine import MachineTroubleError
from slidemill.slides import SlideError, read_square, resolution_of
from slidemill.tiling.quality import QUALITY_FLAGS, flag_bits
from slidemill.tiling.store import TileStore, read_store
from slidemill.units import SlidePixels, TilePixels
from slidemill.viewing.known_files import signature_of
from slidemill.viewing.open_slides import OpenedSlide, OpenSlides, SlideGoneError
from slidemill.viewing.places import RunPlace
from slidemill.viewing.pyramid import encoded
from slidemill.viewing.results import Results
from slidemill.viewing.tile_values import packed, value_layers, values_as_bytes
from slidemill.web.refusals import RefusedError

THUMBNAIL_PX = 256
_LARGEST_TILE_PX = 1024


class SlideAnswers:
    """Answers for the slides of a sheet; for any number of threads.

    Args:
        slides: of the sheet, by slide_id.
        results: what files say.
        open_slides: keeps slides open.
    """

    def __init__(self, slides: Mapping[str, Slide], results: Results, open_slides: OpenSlides) -> None:
        self._slides = slides
        self._results = results
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
        path = self._results.places.file_of(slide)
        if path is None:
            raise RefusedError(
                404, f"{slide.slide_id} lies in a storage: name a copy on a disk in the sheet to view it"
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
        """What the slide is, what its pyramid is, and which layers runs have of it."""
        store = self._store(slide)
        facts = store.summary.slide if store else None
        with self.opened(slide) as opened:
            properties, pyramid = opened.reader.properties, opened.pyramid
            levels = [
                {name: getattr(level, name) for name in ("width", "height", "downsample", "columns", "rows")}
                for level in pyramid.levels
            ]
            return {
                "slide": slide.slide_id,
                "width": properties.width,
                "height": properties.height,
                "mpp": facts.mpp if facts else _mpp(slide, opened),
                "bounds": list(properties.bounds) if properties.bounds else None,
                "pyramid": {"tile_size": pyramid.tile_size, "levels": levels},
                "grid": _grid(store),
                "tissue": _about_tissue(store, properties.width, properties.height),
                "flags": {flag: flag_bits([flag]) for flag in QUALITY_FLAGS},
                "reason": store.summary.reason if store else "",
                "runs": self._runs(slide),
            }

    def values(self, slide: Slide, run: RunPlace) -> bytes:
        """All layers of a run."""
        return values_as_bytes(self.predictions(slide, run))

    def quality(self, slide: Slide) -> bytes:
        """All tiles of the slide's store with their flags, also those that are left out of predictions."""
        store = self._needed_store(slide)
        arrays = {
            "x": store.coordinates[:, 0].astype("<i4"),
            "y": store.coordinates[:, 1].astype("<i4"),
            "quality": store.quality.astype("<i4"),
            "tissue": store.tissue_fraction.astype("<f4"),
        }
        return packed(arrays, {"tile_size_level0": int(store.summary.tile_extent)})

    def tissue(self, slide: Slide) -> bytes:
        """The tissue mask as PNG, white where there is tissue."""
        mask = self._needed_store(slide).tissue_mask
        if not mask.size:
            raise RefusedError(404, f"no tissue was looked for on {slide.slide_id}")
        return _png(np.where(mask, 255, 0).astype(np.uint8))

    def thumbnail(self, slide: Slide) -> bytes:
        """The slide, small: from its tile store, else from its file."""
        store = self._store(slide)
        if store is not None and store.thumbnail.size:
            picture = Image.fromarray(store.shown_thumbnail)
            picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
            return encoded(np.asarray(picture))
        with self.opened(slide) as opened:
            return encoded(opened.reader.overview(THUMBNAIL_PX, in_bounds=True, damaged=[]))

    def tile(self, slide: Slide, run: RunPlace, index: int) -> dict[str, Any]:
        """What a run says of one tile."""
        predictions = self.predictions(slide, run)
        x, y = _corner(predictions, index)
        scores = predictions.scores[index].tolist() if len(predictions.scores) else None
        layers = {layer.key: float(layer.values[index]) for layer in value_layers(predictions)}
        own = {
            "index": index,
            "x": x,
            "y": y,
            "tile_size_level0": int(predictions.tile_extent),
            "scores": dict(zip(predictions.classes, scores, strict=True)) if scores else None,
            "attention": layers.get("attention"),
            "rank": layers.get("rank"),
            "evidence": {key.partition(":")[2]: value for key, value in layers.items() if key.startswith("evidence:")},
        }
        return own | self._quality_of(slide, int(predictions.tile_extent), x, y)

    def tile_picture(self, slide: Slide, run: RunPlace, index: int) -> bytes:
        """A tile at the slide's full resolution; of a very large one less."""
        predictions = self.predictions(slide, run)
        x, y = _corner(predictions, index)
        extent = predictions.tile_extent
        size = TilePixels(min(int(extent), _LARGEST_TILE_PX))
        with self.opened(slide) as opened:
            return encoded(read_square(opened.reader, SlidePixels(x), SlidePixels(y), extent=extent, size=size))

    def predictions(self, slide: Slide, run: RunPlace) -> Predictions:
        """What a run says of a slide.

        Raises:
            RefusedError: nothing so far, or its file is damaged.
        """
        path = self._results.predictions_of(run, slide.slide_id)
        if path is None or signature_of(path) is None:
            raise RefusedError(404, f"{run.name} has no predictions of {slide.slide_id} (yet)")
        try:
            predictions = read_predictions(path)
            _check(predictions)
        except (SlidemillError, KeyError, TypeError, ValueError) as error:
            raise RefusedError(422, _damaged(path, error)) from None
        return predictions

    def _runs(self, slide: Slide) -> dict[str, Any]:
        found = {}
        for run in self._results.places.runs():
            try:
                predictions = self.predictions(slide, run)
            except RefusedError as error:
                if error.status != 404:
                    found[run.key] = {"classes": list(run.classes), "tiles": 0, "layers": [], "reason": error.sentence}
                continue
            found[run.key] = {
                "classes": list(predictions.classes),
                "tiles": len(predictions.coordinates),
                "tile_size_level0": int(predictions.tile_extent),
                "reason": predictions.reason,
                "layers": [layer.about() for layer in value_layers(predictions)],
            }
        return found

    def _store(self, slide: Slide) -> TileStore | None:
        """The tile store, if there is one that can be read."""
        path = self._results.places.store(slide.slide_id)
        try:
            return read_store(path) if signature_of(path) else None
        except (SlidemillError, KeyError, TypeError, ValueError):
            return None

    def _needed_store(self, slide: Slide) -> TileStore:
        store = self._store(slide)
        if store is None:
            raise RefusedError(404, f"{slide.slide_id} has no tiles (yet), or its tile store is damaged")
        return store

    def _quality_of(self, slide: Slide, extent: int, x: int, y: int) -> dict[str, Any]:
        """What the tile store says of a tile; nothing where the tile is of another grid."""
        for folder in self._results.places.tile_folders:
            path = folder / f"{slide.slide_id}.zarr.zip"
            try:
                store = read_store(path) if signature_of(path) else None
            except (SlidemillError, KeyError, TypeError, ValueError):
                continue
            if store is None or int(store.summary.tile_extent) != extent:
                continue
            places = np.flatnonzero((store.coordinates == (x, y)).all(axis=1))
            if len(places):
                return _quality(store, int(places[0]))
        return {"quality": [], "tissue": None, "sharpness": None, "ink": None}


def _quality(store: TileStore, place: int) -> dict[str, Any]:
    bits = int(store.quality[place])
    return {
        "quality": [flag for flag in QUALITY_FLAGS if bits & flag_bits([flag])],
        "tissue": float(store.tissue_fraction[place]),
        "sharpness": float(store.sharpness[place]),
        "ink": float(store.ink_fraction[place]),
    }


def _corner(predictions: Predictions, index: int) -> tuple[int, int]:
    if not 0 <= index < len(predictions.coordinates):
        raise RefusedError(404, f"{predictions.slide_id} has {len(predictions.coordinates)} tiles, from 0")
    x, y = predictions.coordinates[index].tolist()
    return x, y


def _check(predictions: Predictions) -> None:
    """Refuse arrays that do not belong together, of a file that is whole and wrong."""
    tiles, classes = len(predictions.coordinates), len(predictions.classes)
    scores, attention = predictions.scores, predictions.attention
    is_sound = (
        predictions.coordinates.shape == (tiles, 2)
        and scores.shape in ((tiles, classes), (0, classes))
        and (attention is None or attention.shape == (tiles,))
    )
    if not is_sound:
        raise ValueError("its arrays do not fit together")


def _damaged(path: Path, error: Exception) -> str:
    return str(error) if isinstance(error, SlidemillError) else f"{path.name} is damaged ({error}): predict it again"


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


def _about_tissue(store: TileStore | None, width: int, height: int) -> dict[str, Any] | None:
    if store is None or not store.tissue_mask.size:
        return None
    rows, columns = store.tissue_mask.shape
    covers = {"x": 0, "y": 0, "width": width, "height": height}
    return {"kind": "png", "columns": columns, "rows": rows, "covers": covers}


def _png(pixels: np.ndarray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).convert("1").save(content, "PNG")
    return content.getvalue()
