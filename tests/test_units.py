import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.units import Microns, Mpp, ResolutionError, SlidePixels

resolutions = st.floats(0.05, 50.0)


@pytest.mark.parametrize("value", [0.0, -0.5, 0.049, 51.0, 1000.0, float("nan"), float("inf")])
def test_absurd_resolutions_are_refused(value):
    with pytest.raises(ResolutionError, match="um per pixel"):
        Mpp(value)


@given(value=resolutions, side=st.integers(0, 200_000))
def test_pixels_to_microns_and_back(value, side):
    mpp = Mpp(value)
    assert mpp.slide_pixels(mpp.microns(SlidePixels(side))) == side


def test_objective_powers_have_their_usual_resolutions():
    assert Mpp.of_objective(20.0) == Mpp(0.5)
    assert Mpp.of_objective(40.0) == Mpp(0.25)
    assert Mpp(0.25).slide_pixels(Microns(256.0)) == 1024
