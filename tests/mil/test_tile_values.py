"""Features from their files, and held in one file for all ranks."""

import numpy as np
import pytest

from slidemill.features.checks import FeaturesMismatchError
from slidemill.mil.bags import bags_of
from slidemill.mil.batches import whole_bags
from slidemill.mil.tile_values import FeatureFiles, MappedTiles, append_tiles, mapped_bytes

from ..probe.conftest import DIMENSION, PEN_MARKS, DrawnSlides, write_slide
from .conftest import CLASSES, row


def drawn(tiles, seed=0):
    return np.random.default_rng(seed).normal(size=(tiles, DIMENSION)).astype(np.float16)


def files(folder, **features):
    """Write slides, and give their rows and what reads them."""
    slides = DrawnSlides(folder)
    for slide_id, own in features.items():
        write_slide(slides, slide_id, own)
    rows = [row(slide_id, len(own)) for slide_id, own in features.items() if len(own)]
    return rows, FeatureFiles(rows, slides.features, slides.tiles).like_the_first()


def test_one_file_holds_what_the_files_of_the_slides_hold(tmp_path):
    own = {"a": drawn(5, 1), "b": drawn(1, 2), "c": drawn(30, 3)}
    rows, source = files(tmp_path, **own)
    for places in (range(2), range(2, 3)):
        append_tiles(tmp_path / "train.f16", source, places, DIMENSION)
    mapped = MappedTiles.open(tmp_path / "train.f16", rows, DIMENSION)
    chosen = np.array([0, 7, 29])
    for place, features in enumerate(own.values()):
        assert np.array_equal(source.of_slide(place), features)
        assert np.array_equal(mapped.of_slide(place), features)
    assert np.array_equal(source.of_slide(2, chosen), own["c"][chosen])
    assert np.array_equal(mapped.of_slide(2, chosen), own["c"][chosen])
    assert mapped_bytes(rows, DIMENSION) == (tmp_path / "train.f16").stat().st_size


def test_tiles_with_an_excluded_flag_are_left_out(tmp_path):
    slides, features = DrawnSlides(tmp_path), drawn(4)
    write_slide(slides, "a", features, quality=[0, PEN_MARKS, 0, 0])
    rows = [row("a", 3)]
    source = FeatureFiles(rows, slides.features, slides.tiles, exclude=["pen_marks"]).like_the_first()
    assert np.array_equal(source.of_slide(0), features[[0, 2, 3]])
    with pytest.raises(FeaturesMismatchError, match="4 of its tiles are used, and 3 by"):
        FeatureFiles(rows, slides.features, slides.tiles).of_slide(0)


@pytest.mark.parametrize("hostile", [np.nan, np.inf, -np.inf])
def test_a_feature_that_is_no_number_names_slide_and_tile(tmp_path, hostile):
    features = drawn(6)
    features[4, 2] = hostile
    _, source = files(tmp_path, good=drawn(3), hostile=features)
    with pytest.raises(
        FeaturesMismatchError, match=r"slide hostile: the features of tile 4 at \(1024, 0\) are not"
    ) as e:
        source.of_slide(1)
    assert "\n" not in str(e.value)


def test_a_slide_of_another_encoder_is_refused(tmp_path):
    slides = DrawnSlides(tmp_path)
    write_slide(slides, "a", drawn(3))
    write_slide(slides, "b", drawn(3), encoder="another")
    source = FeatureFiles([row("a", 3), row("b", 3)], slides.features, slides.tiles).like_the_first()
    with pytest.raises(FeaturesMismatchError, match="its encoder is 'another', and that of a 'drawn'"):
        source.of_slide(1)


def test_a_bag_of_one_tile_is_a_bag_and_one_of_none_is_set_aside(tmp_path):
    rows, source = files(tmp_path, one=drawn(1), none=drawn(0))
    bags = bags_of([*rows, row("none", 0)], CLASSES, bag="slide")
    (batch,) = whole_bags(bags, source, rank=0, ranks=1, threads=1)
    assert batch.mask.sum() == 1
    assert [slide.slide_id for slide in bags.set_aside] == ["none"]
