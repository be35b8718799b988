"""Slides in S3: copied while they are scored, and nothing else of the bucket."""

import boto3
import pytest
from moto import mock_aws

from slidemill.errors import ConfigError
from slidemill.serving.slide_places import SlideBucket, SlideFolder, slide_places
from slidemill.web.refusals import RefusedError


@pytest.fixture
def bucket(monkeypatch, tmp_path):
    """A bucket with slides and something else, and where copies go."""
    for name, value in {"DEFAULT_REGION": "us-east-1", "ACCESS_KEY_ID": "none", "SECRET_ACCESS_KEY": "none"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="hospital")
        for key in ("slides/a.svs", "slides/deep/b.svs", "slides-of-others/c.svs", "secret.txt", "slides/folder/"):
            s3.put_object(Bucket="hospital", Key=key, Body=key.encode())
        yield SlideBucket("s3://hospital/slides", scratch=tmp_path)


@pytest.mark.parametrize("asked", ["deep/b.svs", "s3://hospital/slides/deep/b.svs"])
def test_a_slide_is_there_while_it_is_scored(bucket, tmp_path, asked):
    with bucket.find(asked) as path:
        assert (path.name, path.read_bytes()) == ("b.svs", b"slides/deep/b.svs")
        assert path.is_relative_to(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_else_is_read_or_told_of(bucket, tmp_path):
    for asked in (
        *("../secret.txt", "s3://hospital/secret.txt", "s3://other/slides/a.svs", "file:///etc/passwd", "/etc/passwd"),
        *("s3://hospital/slides-of-others/c.svs", "s3://hospital/slides/../secret.txt", "none.svs"),
        *("", ".", "..", "folder/", "a\0b", "x" * 5000, "\ud800"),
    ):
        with pytest.raises(RefusedError) as refused, bucket.find(asked):
            pytest.fail(f"{asked!r} was found")
        assert (refused.value.status, refused.value.sentence) == (
            404,
            "slide: there is no such object below the place of slides",
        )
        assert list(tmp_path.iterdir()) == []


def test_a_slide_without_room_is_refused(bucket, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 3}))
    with pytest.raises(RefusedError, match="more than there is room for") as refused:
        bucket.find("a.svs")
    assert refused.value.status == 413


def test_the_place_of_slides_is_a_folder_or_in_s3(bucket, tmp_path):
    assert isinstance(slide_places("s3://hospital/slides"), SlideBucket)
    assert slide_places(str(tmp_path)) == SlideFolder(tmp_path)
    assert slide_places(None) == SlideFolder(None)
    for address in ("s3://hospital", "https://hospital/slides"):
        with pytest.raises(ConfigError, match=f"serving.slides: {address} is"):
            slide_places(address)
