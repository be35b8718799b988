from pathlib import Path

import pytest

from slidemill.locations import expanded, is_address, location_problem, one_spelling, path_problem


@pytest.mark.parametrize(
    "path", ["a.svs", "/data/run #3/a b.svs", "./=a", "../a[1]*.svs", "C:/x", "/m\u00fc/\u80ba.svs"]
)
def test_paths_are_fine_whatever_they_hold(path):
    assert path_problem(path) is None
    assert location_problem(path) is None


def test_an_object_in_s3_is_no_path_and_a_location():
    assert is_address("s3://bucket/folder/a.svs")
    assert location_problem("s3://bucket/folder/a.svs") is None
    assert "only a file on a disk is read here" in path_problem("s3://bucket/folder/a.svs")


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("file:///data/a.svs", "is an address. Write the plain path: /data/a.svs"),
        ("file:/data/a.svs", "Write the plain path: /data/a.svs"),
        ("FILE://localhost/data/a.svs", "Write the plain path: /data/a.svs"),
        ("gs://bucket/a.svs", "of a kind that is not read"),
        ("https://example.org/a.svs", "of a kind that is not read"),
        ("S3://bucket/a.svs", "of a kind that is not read"),
        ("s3://bucket", "expected s3://bucket/key"),
        ("s3://bucket/", "expected s3://bucket/key"),
        ("s3:///a.svs", "expected s3://bucket/key"),
        ("s3://bucket/{slide_id}.svs", "has braces"),
        ("s3://bucket/run #3/a.svs", "has '#', and the storage would look for the object whose name ends there"),
        ("s3://bucket/a?b.svs", "has '?', and the storage would look for"),
        ("/data/{slide_id}.svs", "has braces"),
        ("/data/{x", "has braces"),
        ("<results>/a.svs", "has a name in < >"),
        ("=a.svs", "Write ./=a.svs"),
    ],
)
def test_other_locations_are_told(location, told):
    assert told in location_problem(location)


def test_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert expanded("~/slides/a.svs") == "/home/me/slides/a.svs"
    assert expanded("/data/~/a.svs") == "/data/~/a.svs"
    assert expanded("a~b") == "a~b"


def test_an_unknown_home_folder_is_told():
    with pytest.raises(
        ValueError, match=r"begins with ~nobody-of-this-name, and this machine knows no such home folder"
    ):
        expanded("~nobody-of-this-name/a.svs")


def test_addresses_have_one_spelling():
    assert (
        one_spelling("s3://bucket/a/./b//c.svs")
        == one_spelling("s3://bucket/a/x/../b/c.svs")
        == "s3://bucket/a/b/c.svs"
    )
    assert one_spelling("s3://bucket/a.svs") != one_spelling("s3://bucket/A.svs")


def test_a_plain_path_is_no_address(tmp_path):
    assert not is_address("a folder/s3://x.svs")
    assert not is_address(str(tmp_path))
    assert not is_address(str(Path("C:/slides")))
