"""The pipeline by itself, with an encoder whose features are the first pixel of each tile."""

import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest

from slidemill.errors import SlidemillError
from slidemill.features.encoder import LoadedFacts
from slidemill.features.pipeline import SlideTiles, encode_slides
from slidemill.features.progress import Progress
from slidemill.slides.ordered import map_in_order
from slidemill.tiling.store import StoreSummary, TileStore

from ..waiting import PATIENCE_SECONDS

SIDE = 16


class FirstPixel:
    """Counts what it is asked for, and may fail."""

    def __init__(self, *, batch_size=4, workers=2, ahead=0, fails_at=None):
        self.facts = LoadedFacts(dimension=3, weights_sha256="", precision="float32", device="CPU")
        self.workers = workers
        self.ahead = ahead
        self.batches = 0
        self.memory = []
        self.batch_size = batch_size
        self._fails_at = fails_at

    def new_batch(self):
        batch = np.zeros((self.batch_size, SIDE, SIDE, 3), np.uint8)
        self.memory.append(batch)
        return batch

    def submit(self, tiles):
        self.batches += 1
        if self.batches == self._fails_at:
            raise RuntimeError("the device is gone")
        features = tiles[:, 0, 0].astype(np.float32)
        return lambda: features


class Drawn:
    """Tiles that tell their slide and number; those whose numbers are `damaged` cannot be read."""

    def __init__(self, slide, damaged=()):
        self._slide = slide
        self._damaged = damaged

    @contextmanager
    def opened(self):
        def read(store, take, threads):
            def take_one(number):
                if number in self._damaged:
                    raise SlidemillError(f"slide {self._slide} is damaged")
                take(number, np.full((SIDE, SIDE, 3), (self._slide, number % 256, number // 256), np.uint8))

            for _ in map_in_order(take_one, range(len(store.coordinates)), threads):
                pass

        yield read


def slide_with(tiles, number, **drawn):
    summary = StoreSummary(str(number), "P", "usable", "", (), tiles, tiles, SIDE, {"tile_size": SIDE}, None, {})
    return SlideTiles(TileStore(summary, np.zeros((tiles, 2), np.int64)), Drawn(number, **drawn))


def encoded(slides, *encoders, threads=2):
    found = {}
    errors = encode_slides(
        slides,
        encoders,
        finish=lambda slide, features: found.update({slide.store.summary.slide_id: [own.copy() for own in features]}),
        progress=Progress(1),
        threads=threads,
    )
    return found, [str(error) for error in errors]


def expected(number, tiles):
    return np.array([(number, tile % 256, tile // 256) for tile in range(tiles)], np.float16)


@pytest.mark.parametrize("ahead", [0, 3])
def test_batches_run_across_slides(ahead):
    counts = {1: 7, 2: 1, 3: 300, 4: 2, 5: 90}
    encoder = FirstPixel(batch_size=8, ahead=ahead)
    found, errors = encoded([slide_with(tiles, number) for number, tiles in counts.items()], encoder)
    assert errors == []
    for number, tiles in counts.items():
        np.testing.assert_array_equal(found[str(number)][0], expected(number, tiles), strict=True)
    assert encoder.batches == 50  # 400 tiles in eights: no slide begins a batch of its own


@pytest.mark.parametrize("damaged", [0, 1, 9, 39])
def test_a_slide_that_breaks_off_leaves_the_others_whole(damaged):
    slides = [slide_with(10, 1), slide_with(40, 2, damaged={damaged}), slide_with(10, 3)]
    found, errors = encoded(slides, FirstPixel(), threads=3)
    assert errors == ["slide 2 is damaged"]
    assert sorted(found) == ["1", "3"]
    for number in (1, 3):
        np.testing.assert_array_equal(found[str(number)][0], expected(number, 10))


def test_a_slide_alone_that_breaks_off_at_once():
    assert encoded([slide_with(5, 1, damaged={0})], FirstPixel()) == ({}, ["slide 1 is damaged"])


@pytest.mark.timeout(PATIENCE_SECONDS)
@pytest.mark.parametrize("threads", [2, 8])
@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_many_damaged_tiles_at_once_let_nobody_wait_for_ever(threads, batch_size):
    pieces = 8  # as many tiles are read by a thread at once

    class InPieces(Drawn):
        @contextmanager
        def opened(self):
            def read(store, take, threads):
                def take_piece(start):
                    for number in range(start, start + pieces):
                        if number in self._damaged:
                            raise SlidemillError(f"slide {self._slide} is damaged")
                        take(number, np.full((SIDE, SIDE, 3), (self._slide, number % 256, 0), np.uint8))

                for _ in map_in_order(take_piece, range(0, len(store.coordinates), pieces), threads):
                    pass

            yield read

    # All tiles but those of a few pieces far ahead.
    damaged = set(range(160, 160 + pieces * (3 * threads - 2)))
    slides = [slide_with(1600, 1), slide_with(8, 2)]
    slides[0] = SlideTiles(slides[0].store, InPieces(1, damaged))
    found, errors = encoded(slides, FirstPixel(batch_size=batch_size, workers=1), threads=threads)
    assert errors == ["slide 1 is damaged"]
    np.testing.assert_array_equal(found["2"][0], expected(2, 8))


@pytest.mark.timeout(PATIENCE_SECONDS)
@pytest.mark.parametrize("fails_at", [1, 3, 25])
def test_an_encoder_that_fails_ends_it_all(fails_at):
    with pytest.raises(RuntimeError, match="the device is gone"):
        encoded([slide_with(50, 1), slide_with(50, 2)], FirstPixel(fails_at=fails_at), threads=3)


@pytest.mark.timeout(PATIENCE_SECONDS)
def test_a_disk_that_fails_is_told():
    def finish(slide, features):
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        encode_slides([slide_with(9, 1)], [FirstPixel()], finish=finish, progress=Progress(9))


def test_memory_is_a_few_batches_however_many_tiles_there_are():
    def peak(tiles):
        encoder = FirstPixel(batch_size=32)
        tracemalloc.start()
        encoded([slide_with(tiles, 1)], encoder)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most, len(encoder.memory)

    (few, few_batches), (many, many_batches) = peak(400), peak(4000)
    assert few_batches == many_batches < 10
    pixels = 3600 * SIDE * SIDE * 3
    assert many - few < pixels / 4
