"""Features that the ranks of a machine share, and the hash of what is learned from."""

from dataclasses import replace

import numpy as np
import pytest

from slidemill.features.checks import FeaturesMismatchError
from slidemill.mil import node_features as module
from slidemill.mil.node_features import features_sha256, node_features
from slidemill.mil.tile_values import FeatureFiles, MappedTiles
from slidemill.training import ranks
from slidemill.zarr_zip import ZarrZipError

from ..probe.conftest import DIMENSION, DrawnSlides, write_slide
from .conftest import row


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    """A single rank without Horovod."""
    monkeypatch.setattr(ranks, "gathered_objects", lambda value: [value])
    monkeypatch.setattr(ranks, "broadcast_object", lambda value: value)
    monkeypatch.setattr(ranks, "local_rank", lambda: 0)


@pytest.fixture
def slides(tmp_path):
    drawn = DrawnSlides(tmp_path / "cohort")
    generator = np.random.default_rng(0)
    for name, tiles in (("a", 4), ("b", 7)):
        write_slide(drawn, name, generator.normal(size=(tiles, DIMENSION)))
    return drawn


ROWS = [row("a", 4), row("b", 7)]


def source(slides):
    return FeatureFiles(ROWS, slides.features, slides.tiles).like_the_first()


@pytest.mark.parametrize(("part_bytes", "parts"), [(1, 2), (10**9, 1)])
def test_what_fits_is_held_in_one_file_that_leaves_no_name_behind(slides, tmp_path, monkeypatch, part_bytes, parts):
    (tmp_path / "scratch").mkdir()
    told = []
    monkeypatch.setattr(module, "_PART_BYTES", part_bytes)
    mapped = node_features(source(slides), tmp_path / "scratch", lambda: told.append(1))
    assert len(told) == parts
    assert isinstance(mapped, MappedTiles)
    assert not list((tmp_path / "scratch").iterdir())
    for place in range(2):
        np.testing.assert_array_equal(mapped.of_slide(place), source(slides).of_slide(place))


def test_what_does_not_fit_is_read_slide_by_slide(slides, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SHARE_OF_MEMORY", 0.0)
    found = node_features(source(slides), tmp_path, lambda: None)
    assert isinstance(found, FeatureFiles)
    assert found.of_slide(1).shape == (7, DIMENSION)


def test_what_cannot_be_read_leaves_no_file_behind(slides, tmp_path):
    (tmp_path / "scratch").mkdir()
    write_slide(slides, "b", np.full((7, DIMENSION), np.nan))
    with pytest.raises(FeaturesMismatchError, match="slide b: the features of tile 0"):
        node_features(source(slides), tmp_path / "scratch", lambda: None)
    assert not list((tmp_path / "scratch").iterdir())


def test_whatever_is_learned_from_changes_the_hash(slides):
    own = features_sha256(ROWS, slides.features, [])
    assert own == features_sha256(ROWS, slides.features, [])
    others = [replace(ROWS[0], label="B"), replace(ROWS[0], split="validation"), replace(ROWS[0], tile_count=3)]
    hashes = {features_sha256([other, ROWS[1]], slides.features, []) for other in others}
    hashes |= {features_sha256(ROWS, slides.features, ["pen_marks"]), own}
    write_slide(slides, "b", np.zeros((7, DIMENSION)))
    hashes.add(features_sha256(ROWS, slides.features, []))
    assert len(hashes) == 6


def test_a_missing_file_is_told(slides):
    with pytest.raises(ZarrZipError, match=r"gone\.zarr\.zip"):
        features_sha256([row("gone", 3)], slides.features, [])
