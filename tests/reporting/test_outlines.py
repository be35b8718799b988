import numpy as np
import shapely

from slidemill.reporting.outlines import draw_outlines
from slidemill.slides import Bounds
from slidemill.tiling.store import SlideFacts
from slidemill.units import SlidePixels

GREY = np.full((300, 400, 3), 128, np.uint8)
SIDES = SlidePixels(4000), SlidePixels(3000)
PLAIN = SlideFacts("aperio", *SIDES, 0.5, "properties", 20)
CROPPED = SlideFacts(
    "mirax", SlidePixels(9000), SlidePixels(9000), 0.5, "properties", 20, bounds=Bounds(1000, 500, *SIDES)
)
RING = shapely.box(1000, 500, 3000, 2000).difference(shapely.box(1500, 1000, 2500, 1500))


def yellow(picture):
    return (picture == (255, 230, 0)).all(axis=-1)


def test_outer_and_inner_rings_lie_where_they_belong():
    drawn = yellow(draw_outlines(GREY, {"tumour": RING}, PLAIN))
    for y, x in [(50, 200), (200, 200), (125, 100), (125, 300), (100, 200), (150, 200), (125, 150), (125, 250)]:
        assert drawn[y, x]
    assert not drawn[75, 125]
    assert not drawn[125, 200]


def test_the_picture_of_a_cropped_slide_begins_at_its_bounds():
    moved = shapely.transform(RING, lambda points: points + np.array([1000, 500]))
    np.testing.assert_array_equal(draw_outlines(GREY, {"a": moved}, CROPPED), draw_outlines(GREY, {"a": RING}, PLAIN))


def test_without_regions_nothing_is_drawn():
    assert draw_outlines(GREY, {}, PLAIN) is GREY
    assert draw_outlines(GREY, {"a": shapely.MultiPolygon()}, PLAIN) is GREY
    draw_outlines(GREY, {"a": RING}, PLAIN)
    assert (GREY == 128).all()
