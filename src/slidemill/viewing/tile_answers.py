"""What the page is told of the tiles of a slide; waited for in a thread."""

from typing import Any

import numpy as np

from slidemill.cohort.sheet import Slide
from slidemill.inference.store import Predictions
from slidemill.slides import read_square
from slidemill.tiling.quality import QUALITY_FLAGS, flag_bits
from slidemill.tiling.store import TileStore
from slidemill.units import SlidePixels, TilePixels
from slidemill.viewing.answers import tag_of
from slidemill.viewing.places import RunPlace
from slidemill.viewing.pyramid import encoded
from slidemill.viewing.slide_answers import SlideAnswers
from slidemill.viewing.slide_files import SlideFiles
from slidemill.viewing.tile_values import value_layers, values_as_bytes
from slidemill.web.refusals import RefusedError

_LARGEST_TILE_PX = 1024
_EVIDENCE = "evidence:"


class TileAnswers:
    """Answers for tiles; for any number of threads.

    Args:
        files: reads the stores of slides.
        slides: opens slides.
    """

    def __init__(self, files: SlideFiles, slides: SlideAnswers) -> None:
        self._files = files
        self._slides = slides

    def values_tag(self, slide: Slide, run: RunPlace) -> str:
        """What tells these values from others, without reading them."""
        return tag_of("values", run.key, self._files.signature_of_predictions(slide, run))

    def values(self, slide: Slide, run: RunPlace) -> bytes:
        """All layers of a run."""
        return values_as_bytes(self._files.predictions(slide, run))

    def tile(self, slide: Slide, run: RunPlace, index: int) -> dict[str, Any]:
        """What a run, and the tile store, say of one tile."""
        predictions = self._files.predictions(slide, run)
        x, y = _corner(predictions, index)
        scores = predictions.scores[index].tolist() if len(predictions.scores) else None
        layers = {layer.key: float(layer.values[index]) for layer in value_layers(predictions)}
        return {
            "index": index,
            "x": x,
            "y": y,
            "tile_size_level0": int(predictions.tile_extent),
            "scores": dict(zip(predictions.classes, scores, strict=True)) if scores else None,
            "attention": layers.get("attention"),
            "rank": layers.get("rank"),
            "evidence": {
                key.removeprefix(_EVIDENCE): value for key, value in layers.items() if key.startswith(_EVIDENCE)
            },
            **self._quality(slide, int(predictions.tile_extent), x, y),
        }

    def picture(self, slide: Slide, run: RunPlace, index: int) -> bytes:
        """A tile as JPEG, at the slide's full resolution; of a very large one less."""
        predictions = self._files.predictions(slide, run)
        x, y = _corner(predictions, index)
        extent = predictions.tile_extent
        size = TilePixels(min(int(extent), _LARGEST_TILE_PX))
        with self._slides.opened(slide) as opened:
            return encoded(read_square(opened.reader, SlidePixels(x), SlidePixels(y), extent=extent, size=size))

    def _quality(self, slide: Slide, extent: int, x: int, y: int) -> dict[str, Any]:
        """What the tile store with the same grid says of a tile."""
        for store in self._files.stores(slide):
            places = np.flatnonzero((store.coordinates == (x, y)).all(axis=1))
            if int(store.summary.tile_extent) == extent and len(places):
                return _quality_of(store, int(places[0]))
        return {"quality": [], "tissue": None, "sharpness": None, "ink": None}


def _quality_of(store: TileStore, place: int) -> dict[str, Any]:
    bits = int(store.quality[place])
    return {
        "quality": [flag for flag in QUALITY_FLAGS if bits & flag_bits([flag])],
        "tissue": float(store.tissue_fraction[place]),
        "sharpness": float(store.sharpness[place]),
        "ink": float(store.ink_fraction[place]),
    }


def _corner(predictions: Predictions, index: int) -> tuple[int, int]:
    count = len(predictions.coordinates)
    if not 0 <= index < count:
        raise RefusedError(404, f"{predictions.slide_id} has {count} tiles, from 0")
    x, y = predictions.coordinates[index].tolist()
    return x, y
