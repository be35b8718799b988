"""The stores of a slide, those that were asked for last kept in memory: a click on a tile reads no file anew."""

from collections.abc import Iterator
from pathlib import Path

from slidemill.cohort.sheet import Slide
from slidemill.inference.store import Predictions, read_predictions
from slidemill.tiling.store import TileStore, read_store
from slidemill.viewing.known_files import KnownFiles, Signature, signature_of
from slidemill.viewing.places import RunPlace
from slidemill.viewing.results import Results
from slidemill.web.refusals import RefusedError

_MOST_STORES, _MOST_PREDICTIONS = 8, 16


class SlideFiles:
    """Reads tile stores and predictions; for any number of threads.

    Args:
        results: what files say, and where they lie.
    """

    def __init__(self, results: Results) -> None:
        self._results = results
        self._stores = KnownFiles(read_store, _MOST_STORES)
        self._predictions = KnownFiles(_sound_predictions, _MOST_PREDICTIONS)

    def store(self, slide: Slide) -> TileStore | None:
        """The tile store; None where it is not there (yet), or damaged."""
        known = self._stores.of(self._results.places.store(slide.slide_id))
        return known.value if known else None

    def needed_store(self, slide: Slide) -> TileStore:
        """The tile store.

        Raises:
            RefusedError: it is not there (yet), or damaged.
        """
        known = self._stores.of(self._results.places.store(slide.slide_id))
        if known is None:
            raise RefusedError(404, f"{slide.slide_id} has no tiles (yet)")
        if known.value is None:
            raise RefusedError(422, known.problem)
        return known.value

    def stores(self, slide: Slide) -> Iterator[TileStore]:
        """Those that can be read of all grids: that of `tiling`, and those of encoders with tiles of their own."""
        for folder in self._results.places.tile_folders:
            known = self._stores.of(folder / f"{slide.slide_id}.zarr.zip")
            if known is not None and known.value is not None:
                yield known.value

    def signature_of_store(self, slide: Slide) -> Signature | None:
        """What tells this content of its tile store from another; None where there is no store."""
        return signature_of(self._results.places.store(slide.slide_id))

    def signature_of_predictions(self, slide: Slide, run: RunPlace) -> Signature | None:
        """The same of what a run says of it."""
        path = self._results.predictions_of(run, slide.slide_id)
        return signature_of(path) if path else None

    def predictions(self, slide: Slide, run: RunPlace) -> Predictions:
        """What a run says of a slide.

        Raises:
            RefusedError: nothing (yet), or its file is damaged.
        """
        path = self._results.predictions_of(run, slide.slide_id)
        known = self._predictions.of(path) if path else None
        if known is None:
            raise RefusedError(404, f"{run.name} has no predictions of {slide.slide_id} (yet)")
        if known.value is None:
            raise RefusedError(422, known.problem)
        return known.value


def _sound_predictions(path: Path) -> Predictions:
    """Read predictions whose arrays belong together."""
    predictions = read_predictions(path)
    tiles, classes = len(predictions.coordinates), len(predictions.classes)
    scores, attention = predictions.scores, predictions.attention
    is_sound = (
        predictions.coordinates.shape == (tiles, 2)
        and scores.shape in ((tiles, classes), (0, classes))
        and (attention is None or attention.shape == (tiles,))
    )
    if not is_sound:
        raise ValueError("its arrays do not fit together")
    return predictions
