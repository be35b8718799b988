import numpy as np
import pytest
import tifffile

from slidemill.inference.store import Predictions
from slidemill.reporting.heatmap import slide_panels
from slidemill.reporting.overlay import hatch_tiles
from slidemill.reporting.pyramid import write_pyramid
from slidemill.tiling.store import SlideFacts
from slidemill.units import Mpp, SlidePixels

EXTENT = SlidePixels(96)
FACTS = SlideFacts("generic", SlidePixels(1300), SlidePixels(900), 0.5, "properties", 20.0)


class Reader:
    """A slide in one grey, white beyond its edges; any resolution of it is exact."""

    def map_tiles(self, finish, corners, *, extent, size, threads=1, damaged=None):
        step = extent // size
        for number, (x, y) in enumerate(corners.tolist()):
            tile = np.full((size, size, 3), 255, np.uint8)
            tile[: -(-(FACTS.height - y) // step), : -(-(FACTS.width - x) // step)] = 180
            yield finish(number, tile)


@pytest.fixture(scope="module")
def predictions():
    random = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(13), np.arange(9)), axis=-1).reshape(-1, 2) * EXTENT
    kept = grid[random.random(len(grid)) < 0.7]
    return Predictions(
        "s", "p", ("a", "b"), kept, random.dirichlet([1, 1], len(kept)).astype(np.float32), EXTENT, "", "m"
    )


def test_the_pyramid_holds_what_the_heatmap_shows(predictions, tmp_path, monkeypatch):
    # The hatch follows the pixels of a picture, which are counted from each block here.
    for module in ("heatmap", "pyramid"):
        monkeypatch.setattr(f"slidemill.reporting.{module}.hatch_tiles", lambda picture, numbers: picture)
    write_pyramid(tmp_path / "s.ome.tiff", Reader(), FACTS, predictions, Mpp(0.5))
    overview = np.full((900, 1300, 3), 180, np.uint8)
    _, *panels = slide_panels(overview, FACTS, predictions)
    with tifffile.TiffFile(tmp_path / "s.ome.tiff") as file:
        assert file.is_ome
        assert [series.name for series in file.series] == ["a", "b"]
        for series, panel in zip(file.series, panels, strict=True):
            assert [level.shape for level in series.levels] == [(900, 1300, 3), (450, 650, 3), (225, 325, 3)]
            np.testing.assert_array_equal(series.levels[0].asarray(), panel.picture)
            half = series.levels[1].asarray()
            np.testing.assert_array_equal(half, panel.picture[::2, ::2])  # tiles have even sides
        assert 'PhysicalSizeX="0.5"' in file.ome_metadata


def test_excluded_tiles_are_hatched(predictions, tmp_path):
    write_pyramid(tmp_path / "s.ome.tiff", Reader(), FACTS, predictions, Mpp(1.0))
    picture = tifffile.imread(tmp_path / "s.ome.tiff")
    taken = {tuple(corner) for corner in predictions.coordinates.tolist()}
    corner = next(
        (x, y) for x in range(0, 13 * EXTENT, EXTENT) for y in range(0, 9 * EXTENT, EXTENT) if (x, y) not in taken
    )
    x, y = (side // 2 for side in corner)
    tile = picture[y : y + EXTENT // 2, x : x + EXTENT // 2]
    numbers = np.zeros(tile.shape[:2], np.int32)
    assert len(np.unique(tile)) == len(np.unique(hatch_tiles(np.full_like(tile, 180), numbers))) == 2
