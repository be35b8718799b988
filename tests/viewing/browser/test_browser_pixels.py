"""A tile lies on the screen where it lies on the slide: measured on pictures of the page."""

import io
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from slidemill.slides import open_slide

from ...scn_slide import write_scn
from ...slides.tiff_cases import write
from ..conftest import CONFIG, EXTENT, LZW, Run, predictions_of, put_predictions, put_store, store_of, write_sheet
from .conftest import Browsing, start_viewer

pytestmark = pytest.mark.slow
PAINTED, GROUND = (220, 30, 30), (225, 225, 225)
VIRIDIS_END = (253, 231, 37)
ZOOMS = (0.3, 0.9, 2.5)  # the first shows a smaller level of the pyramid
SIDE = 1024


def painted(corner):
    """A picture with a square of a tile's size at a corner."""
    x, y = corner
    pixels = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    pixels[y : y + EXTENT, x : x + EXTENT] = PAINTED
    return pixels


@dataclass(frozen=True)
class PaintedSlide:
    """A slide whose tile 3 is painted, and its corner on level 0."""

    name: str
    corner: tuple
    mpp: float


@pytest.fixture(scope="module")
def slides():
    # Tile 3 is the lower right of four (`conftest.corners`): with bounds, from the corner of what was scanned.
    return {
        slide.name: slide
        for slide in (PaintedSlide("plain", (128, 128), 0.25), PaintedSlide("bounds", (448, 768), 0.5))
    }


@pytest.fixture(scope="module")
def painted_viewer(chromium, tmp_path_factory):
    own = Run(tmp_path_factory.mktemp("painted"), CONFIG)
    picture = painted((EXTENT, EXTENT))
    write(own.folder / "plain.tiff", LZW, [picture, np.ascontiguousarray(picture[::4, ::4])])
    write_scn(own.folder / "bounds.scn", picture, corner=(320, 640), canvas=(2048, 2560))
    rows = [
        {"slide_id": "plain", "patient_id": "P-1", "label": "LUAD", "path": own.folder / "plain.tiff", "mpp": 0.25},
        {"slide_id": "bounds", "patient_id": "P-2", "label": "LUAD", "path": own.folder / "bounds.scn"},
    ]
    write_sheet(own.sheet, rows)
    with open_slide(own.folder / "bounds.scn") as reader:
        bounds = reader.properties.bounds
        canvas = (reader.properties.width, reader.properties.height)
    put_store(own.results, store_of("plain", (SIDE, SIDE), mpp=0.25))
    put_store(own.results, store_of("bounds", canvas, bounds=bounds))
    scores = [0.0, 0.0, 0.0, 1.0]
    put_predictions(own.results, predictions_of("plain", scores), predictions_of("bounds", scores, bounds=bounds))
    yield from start_viewer(own)


def box_of(browsing, colour):
    """First and last pixel of a colour in the pane: (left, top, right, bottom), in pixels of the pane."""
    pane = browsing.page.locator(".pane").first
    pixels = np.asarray(Image.open(io.BytesIO(pane.screenshot())).convert("RGB")).astype(int)
    pixels = pixels[130:, :]  # below the overview
    found = (np.abs(pixels - colour) < 40).all(axis=2)
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    return np.array([columns[0], rows[0] + 130, columns[-1] + 1, rows[-1] + 131])


@pytest.mark.parametrize("name", ["plain", "bounds"])
def test_a_tile_is_drawn_on_its_place_at_each_zoom(chromium, painted_viewer, slides, name):
    x, y = slides[name].corner
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    browsing = Browsing(context.new_page(), painted_viewer)
    for zoom in ZOOMS:
        page = browsing.open_slide(f"#slide={name}&x={x + 50}&y={y + 30}&zoom={zoom}&show=&opacity=1&layer=none")
        place = browsing.place()
        assert place == pytest.approx((x + 50, y + 30, zoom), rel=1e-3)
        on_slide = box_of(browsing, PAINTED)
        page.keyboard.press("1")
        page.wait_for_selector('.pane[data-layer="score:LUAD"]')
        assert browsing.place() == place
        on_layer = box_of(browsing, VIRIDIS_END)

        box = browsing.page.locator(".pane").first.bounding_box()
        middle = np.array([box["width"] / 2, box["height"] / 2] * 2)
        corners = np.array([x, y, x + EXTENT, y + EXTENT])
        expected = middle + (corners - np.array([place[0], place[1]] * 2)) * zoom
        assert np.abs(on_layer - expected).max() <= 1, zoom
        assert np.abs(on_slide - on_layer).max() <= max(1, 4 * zoom), zoom  # a pixel of the level that is seen
    microns = float(browsing.page.locator(".scale-bar").first.get_attribute("data-microns"))
    shown = browsing.page.locator(".scale-line").first.bounding_box()["width"]
    assert shown == pytest.approx(microns / slides[name].mpp * ZOOMS[-1], abs=0.6)
    context.close()
