"""Each rule of the evaluation, one small case worked out by hand."""

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from slidemill.evaluation.detections import detect
from slidemill.evaluation.froc import SlideHits, froc, hits_of, score_interval, score_of, sensitivity_at
from slidemill.evaluation.lesions import lesions_of, major_axis

MPP = 0.25


def box(x, y, width_um, height_um):
    """A box whose sides are given in microns, at a place in level-0 pixels."""
    return shapely.box(x, y, x + width_um / MPP, y + height_um / MPP)


def hits(lesion_scores, false_scores):
    return SlideHits(np.array(lesion_scores, float), np.array(false_scores, float))


MISSED = -np.inf


class TestLesions:
    def test_lesions_nearer_than_75_microns_are_one(self):
        two = [box(0, 0, 300, 300), box(0, (300 + 74) / MPP, 300, 300)]
        assert len(lesions_of(shapely.union_all(two), MPP)) == 1

    def test_lesions_farther_apart_are_two(self):
        two = [box(0, 0, 300, 300), box(0, (300 + 76) / MPP, 300, 300)]
        assert len(lesions_of(shapely.union_all(two), MPP)) == 2

    def test_holes_are_filled(self):
        ring = box(0, 0, 1000, 1000).difference(box(400 / MPP, 400 / MPP, 200, 200))
        [lesion] = lesions_of(ring, MPP)
        assert not lesion.area.interiors
        assert lesion.area.contains(shapely.Point(500 / MPP, 500 / MPP))

    def test_a_lesion_inside_the_hole_of_another_is_part_of_it(self):
        ring = box(0, 0, 2000, 2000).difference(box(500 / MPP, 500 / MPP, 1000, 1000))
        assert len(lesions_of(ring.union(box(950 / MPP, 950 / MPP, 100, 100)), MPP)) == 1

    @pytest.mark.parametrize(("diameter", "isolated"), [(199, True), (201, False)])
    def test_small_ones_are_isolated_cells_after_they_have_grown(self, diameter, isolated):
        # 200 um across, and 37.5 more on each side, is 275.
        [lesion] = lesions_of(shapely.Point(5000, 5000).buffer(diameter / 2 / MPP, quad_segs=256), MPP)
        assert lesion.major_axis_um == pytest.approx(diameter + 75, rel=1e-3)
        assert lesion.is_isolated_cells == isolated

    @pytest.mark.parametrize(("a", "b", "turn"), [(300, 100, 0), (300, 100, 33), (100, 300, 45), (70, 70, 10)])
    def test_the_major_axis_of_an_ellipse(self, a, b, turn):
        circle = shapely.Point(0, 0).buffer(1, quad_segs=256)
        ellipse = shapely.transform(circle, lambda p: p * [a, b])
        angle = np.radians(turn)
        spin = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        assert major_axis(shapely.transform(ellipse, lambda p: p @ spin + [900, -50])) == pytest.approx(
            2 * max(a, b), rel=1e-4
        )

    def test_no_tumour(self):
        assert lesions_of(shapely.MultiPolygon(), MPP) == []


class TestHits:
    LESIONS = lesions_of(shapely.union_all([box(0, 0, 500, 500), box(20_000, 0, 50, 50)]), MPP)

    def hits(self, *detections):
        places = np.array([place for place, _ in detections], float).reshape(-1, 2)
        return hits_of(self.LESIONS, places, np.array([score for _, score in detections], np.float32))

    def test_outside_every_lesion_is_a_false_positive(self):
        found = self.hits(((10_000, 10_000), 0.9))
        assert found.false_scores == pytest.approx([0.9])
        assert found.lesion_scores.tolist() == [MISSED]

    def test_of_those_inside_one_the_highest_counts_and_the_others_do_not(self):
        found = self.hits(((100, 100), 0.6), ((900, 900), 0.8), ((1500, 200), 0.7))
        assert found.lesion_scores == pytest.approx([0.8])
        assert not len(found.false_scores)

    def test_a_hit_on_isolated_cells_counts_neither_way(self):
        found = self.hits(((20_100, 100), 0.9))
        assert found.lesion_scores.tolist() == [MISSED]
        assert not len(found.false_scores)

    def test_no_detections(self):
        assert self.hits().lesion_scores.tolist() == [MISSED]


class TestCurve:
    # Four slides. Lesions are found at 0.9 and 0.6 and one is missed; false positives at 0.8, 0.7, 0.6 and 0.5.
    SLIDES = (hits([0.9, MISSED], [0.8]), hits([0.6], []), hits([], [0.7, 0.6]), hits([], [0.5]))

    def test_points(self):
        curve = froc(self.SLIDES)
        assert curve.threshold.tolist() == [np.inf, 0.9, 0.8, 0.7, 0.6, 0.5]
        assert curve.false_positives.tolist() == [0, 0, 0.25, 0.5, 0.75, 1.0]
        np.testing.assert_allclose(curve.sensitivity, [0, 1 / 3, 1 / 3, 1 / 3, 2 / 3, 2 / 3])

    def test_interpolated(self):
        curve = froc(self.SLIDES)
        at = sensitivity_at(curve, [0.0, 0.25, 0.6, 0.625, 1.0, 8.0], "interpolated")
        # Between 0.5 (1/3) and 0.75 (2/3) false positives the line rises.
        np.testing.assert_allclose(at, [1 / 3, 1 / 3, 1 / 3 + 0.4 / 3, 0.5, 2 / 3, 2 / 3])

    def test_at_least(self):
        curve = froc(self.SLIDES)
        at = sensitivity_at(curve, [0.25, 0.6, 0.75, 8.0], "at_least")
        np.testing.assert_allclose(at, [1 / 3, 2 / 3, 2 / 3, 2 / 3])

    def test_the_score_is_the_mean_over_the_targets(self):
        assert score_of(self.SLIDES) == pytest.approx(np.mean([1 / 3, 1 / 3, 2 / 3, 2 / 3, 2 / 3, 2 / 3]))

    def test_false_positives_are_over_all_slides(self):
        assert froc([*self.SLIDES, hits([], []), hits([], [])]).false_positives[-1] == pytest.approx(4 / 6)

    def test_no_lesion_at_all(self):
        with pytest.raises(ValueError, match="no slide has a lesion to be found"):
            froc([hits([], [0.4])])

    def test_all_found_and_nothing_false(self):
        assert score_of([hits([0.9], []), hits([], [])]) == 1

    @given(
        slides=st.lists(
            st.tuples(st.lists(st.sampled_from([MISSED, 0.2, 0.4, 0.9]), max_size=3), st.lists(st.floats(0, 1))),
            min_size=1,
        )
    )
    def test_it_rises_from_left_to_right(self, slides):
        made = [hits(*slide) for slide in slides] + [hits([0.5], [])]
        curve = froc(made)
        assert (np.diff(curve.false_positives) >= 0).all()
        assert (np.diff(curve.sensitivity) >= 0).all()
        for point in range(len(curve.threshold)):
            counted = sum((slide.false_scores >= curve.threshold[point]).sum() for slide in made)
            assert curve.false_positives[point] == pytest.approx(counted / len(made))

    def test_the_interval_holds_the_score_and_is_the_same_each_time(self):
        slides = self.SLIDES * 5
        lower, upper = score_interval(slides, draws=200, seed=1)
        assert lower < score_of(slides) < upper
        assert score_interval(slides, draws=200, seed=1) == (lower, upper)
        assert score_interval(self.SLIDES[:2], draws=10, seed=1) is not None
        assert score_interval(self.SLIDES[:1], draws=10, seed=1) is None

    def test_draws_that_all_agree_are_no_interval(self):
        assert score_interval([hits([0.9], [])] * 3 + [hits([], [])] * 3, draws=10, seed=1) is None


class TestDetections:
    COORDINATES = np.array([[x, y] for y in range(0, 500, 100) for x in range(0, 500, 100)])

    def test_a_peak_takes_its_surroundings_away(self):
        scores = np.full(25, 0.1, np.float32)
        scores[[12, 13, 11, 0]] = [0.9, 0.8, 0.7, 0.6]
        found = detect(self.COORDINATES, scores, extent=100, radius=150, least=0.5)
        assert found.places.tolist() == [[250, 250], [50, 50]]
        assert found.scores == pytest.approx([0.9, 0.6])

    def test_farther_than_the_radius_is_another(self):
        scores = np.zeros(25, np.float32)
        scores[[12, 14]] = [0.9, 0.8]
        assert len(detect(self.COORDINATES, scores, extent=100, radius=199, least=0.5).scores) == 2
        assert len(detect(self.COORDINATES, scores, extent=100, radius=200, least=0.5).scores) == 1

    def test_of_equal_scores_the_first_counts(self):
        found = detect(self.COORDINATES, np.ones(25, np.float32), extent=100, radius=1e6, least=0.5)
        assert found.places.tolist() == [[50, 50]]

    def test_nothing_is_high_enough(self):
        assert not len(detect(self.COORDINATES, np.zeros(25), extent=100, radius=10, least=0.5).scores)
        assert not len(detect(np.zeros((0, 2)), np.zeros(0), extent=100, radius=10, least=0.5).scores)
