import dataclasses

import numpy as np
import pytest
import shapely

from slidemill.annotations.place import AnnotatedSlide, check_place
from slidemill.annotations.regions import AnnotationError, Annotations, Region

WIDTH, HEIGHT, MPP = 20_000, 30_000, 0.25
ORIGIN = (2000, 9000)


def tissue():
    """Two pieces of tissue in the lower right, 100 level-0 pixels for each pixel of the mask."""
    mask = np.zeros((HEIGHT // 100, WIDTH // 100), np.bool_)
    mask[180:270, 110:160] = True
    mask[200:280, 170:190] = True
    return mask


SLIDE = AnnotatedSlide(WIDTH, HEIGHT, MPP, tissue=tissue())
LESION = shapely.box(12_000, 19_000, 15_000, 24_000)


def drawn(*areas):
    return Annotations([Region("Tumor", area) for area in areas])


def scaled(factor, dx=0, dy=0):
    return drawn(shapely.transform(LESION, lambda points: points * factor + [dx, dy]))


def refusal(annotations, slide=SLIDE):
    with pytest.raises(AnnotationError) as told:
        check_place("a.xml", annotations, slide)
    assert "\n" not in str(told.value)
    return str(told.value)


def test_regions_on_tissue_pass():
    check_place("a.xml", drawn(LESION), SLIDE)
    check_place("a.xml", drawn(), SLIDE)
    check_place("a.xml", drawn(shapely.box(12_345, 19_001, 12_346, 19_002)), SLIDE)  # smaller than a pixel of the mask


def test_an_outline_drawn_over_the_edge_passes():
    check_place("a.xml", drawn(shapely.box(16_000, 20_000, 20_300, 28_000)), SLIDE)


def test_small_marks_on_glass_pass():
    # 64 times larger it would lie on tissue, as any mark does by one factor or another.
    check_place("a.xml", drawn(shapely.box(200, 310, 201, 311)), SLIDE)


def test_a_coarse_mask_of_tissue_is_enough():
    check_place(
        "a.xml", drawn(shapely.box(100, 100, 300, 300)), dataclasses.replace(SLIDE, tissue=np.ones((3, 2), bool))
    )


def test_another_slide():
    told = refusal(drawn(LESION, shapely.box(90_000, 90_000, 91_000, 91_000)))
    assert "1 of 2 region(s) lie outside the slide (20000 x 30000 level-0 pixels)" in told


def test_microns():
    assert "in microns" in refusal(scaled(MPP))


@pytest.mark.parametrize("level", [2, 8, 32])
def test_a_smaller_level(level):
    # At a quarter of the size pixels and microns are the same numbers, here with 0.25 microns per pixel.
    assert f"multiply them by {level}" in refusal(scaled(1 / level))


def test_a_larger_scan():
    assert "divide them by 2" in refusal(scaled(2))


def test_coordinates_of_qupath_in_another_format():
    slide = dataclasses.replace(SLIDE, origin=ORIGIN)
    assert "QuPath, which crops the slide (2000, 9000)" in refusal(scaled(1, -ORIGIN[0], -ORIGIN[1]), slide)
