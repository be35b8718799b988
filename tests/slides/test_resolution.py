"""Microns per pixel: which of the things that a file and the sheet tell is believed."""

import pytest

from slidemill.slides import SlideProperties
from slidemill.slides.resolution import Resolution, ResolutionMissingError, resolution_of
from slidemill.units import Mpp, SlidePixels


def properties(um_per_px, power, tag_um_per_px=None):
    return SlideProperties(
        vendor="aperio",
        width=SlidePixels(1000),
        height=SlidePixels(1000),
        um_per_px=um_per_px,
        tag_um_per_px=tag_um_per_px,
        objective_power=power,
    )


@pytest.mark.parametrize(
    ("um_per_px", "tags", "power", "expected", "source"),
    [
        ((0.25, 0.25), None, 20.0, 0.25, "properties"),
        ((0.25, 0.25), (0.3, 0.3), 20.0, 0.25, "properties"),
        (None, (0.3, 0.3), 40.0, 0.3, "TIFF tags"),
        ((0.0, 0.0), None, 20.0, 0.5, "objective power"),
        (None, None, 40.0, 0.25, "objective power"),
        (None, (0.25, 0.5), 40.0, 0.25, "objective power"),
        (None, (0.0, 0.0), 40.0, 0.25, "objective power"),
        (None, (float("inf"), float("inf")), 40.0, 0.25, "objective power"),
    ],
)
def test_resolution_is_taken_from_the_best_that_the_file_tells(um_per_px, tags, power, expected, source):
    found = resolution_of("S", properties(um_per_px, power, tags), None)
    assert (found.mpp, found.source, found.file_mpp) == (Mpp(expected), source, Mpp(expected))
    assert not found.overrules_file


@pytest.mark.parametrize("dots_per_inch", [72, 96, 150, 300, 600, 1200])
def test_the_dots_of_a_printer_are_no_resolution_of_a_slide(dots_per_inch):
    tags = (25400 / dots_per_inch,) * 2
    assert resolution_of("S", properties(None, 40.0, tags), None).source == "objective power"
    assert resolution_of("S", properties(None, None, tags), 0.5) == Resolution(Mpp(0.5), "slide sheet", None)
    with pytest.raises(ResolutionMissingError):
        resolution_of("S", properties(None, None, tags), None)


@pytest.mark.parametrize(
    ("um_per_px", "tags", "power", "sheet", "overrules"),
    [
        ((0.25, 0.25), None, None, 0.5, True),
        ((0.25, 0.25), None, None, 0.251, False),
        (None, (0.3, 0.3), None, 0.25, True),
        (None, None, 20.0, 0.46, False),  # a power is a name more than a number
        (None, None, 20.0, 0.25, True),
        (None, None, None, 0.25, False),
        ((1000.0, 1000.0), None, None, 0.25, False),
    ],
)
def test_the_sheet_counts_before_the_file_and_a_contradiction_is_known(um_per_px, tags, power, sheet, overrules):
    found = resolution_of("S", properties(um_per_px, power, tags), sheet)
    assert (found.mpp, found.source, found.overrules_file) == (Mpp(sheet), "slide sheet", overrules)


def test_a_missing_resolution_names_the_column_to_fill_in():
    with pytest.raises(ResolutionMissingError, match="Fill in its 'mpp' column in the slide sheet"):
        resolution_of("S", properties(None, None), None)
