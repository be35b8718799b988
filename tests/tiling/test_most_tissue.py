"""Which tiles a model that looks at some of each slide looks at."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slidemill.tiling.most_tissue import most_tissue

# Few values, so that many are equal, as on a slide.
slides = st.lists(st.tuples(st.sampled_from([0.5, 0.8, 1.0]), st.booleans()), min_size=1, max_size=60)


@given(slides, st.integers(1, 20))
def test_none_with_more_tissue_is_left_out(tiles, count):
    tissue, is_used = np.array([own for own, _ in tiles], np.float32), np.array([used for _, used in tiles])
    chosen = most_tissue(tissue, is_used, count)
    assert chosen.sum() == min(count, is_used.sum())
    assert not (chosen & ~is_used).any()
    left = is_used & ~chosen
    if left.any():
        assert tissue[left].max() <= tissue[chosen].min()


def test_of_equal_ones_they_lie_spread_over_the_slide():
    tissue = np.ones(1000, np.float32)
    tissue[10] = 0.9
    found = np.flatnonzero(most_tissue(tissue, np.ones(1000, np.bool_), 4))
    np.testing.assert_allclose(found, [125, 375, 625, 875], atol=1)
