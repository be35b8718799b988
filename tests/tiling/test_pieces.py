import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from scipy import ndimage

from slidemill.tiling.pieces import large_pieces, pieces_by_share

masks = st_numpy.arrays(np.bool_, st_numpy.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14))


def expected(mask, smallest):
    labels, _ = ndimage.label(mask)
    large = np.bincount(labels.ravel()) >= smallest
    large[0] = False
    return large[labels]


@given(mask=masks, smallest=st.integers(1, 20))
def test_pieces_are_those_of_scipy(mask, smallest):
    np.testing.assert_array_equal(large_pieces(mask, smallest), expected(mask, smallest))


def test_long_winding_pieces_are_one():
    rng = np.random.default_rng(0)
    for share in (0.4, 0.55, 0.6, 0.65, 0.9):
        mask = rng.random((300, 211)) < share
        for smallest in (1, 5, 200, 20_000):
            np.testing.assert_array_equal(large_pieces(mask, smallest), expected(mask, smallest))


def test_pieces_are_chosen_by_the_share_of_what_is_found_in_them():
    rng = np.random.default_rng(1)
    mask, looked_at, found = (rng.random((120, 90)) < share for share in (0.55, 0.7, 0.5))
    numbers, count = ndimage.label(mask)
    expected_pieces = np.zeros_like(mask)
    for number in range(1, count + 1):
        piece = numbers == number
        looked = piece & looked_at
        expected_pieces |= piece & bool(looked.any() and (looked & found).sum() >= 0.5 * looked.sum())
    assert expected_pieces.any()
    assert (mask & ~expected_pieces).any()
    result = pieces_by_share(mask, looked_at=looked_at, found=found, share=0.5)
    np.testing.assert_array_equal(result, expected_pieces)
