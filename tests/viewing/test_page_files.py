"""The page as files: what the policy of its server allows, small modules, OpenSeadragon as it was released."""

import hashlib
import re

import pytest

from slidemill.viewing.page import FOLDER

OWN = [path for path in FOLDER.rglob("*") if path.is_file() and "vendor" not in path.parts]
MODULES = [path for path in OWN if path.suffix == ".js"]
VENDORED = FOLDER / "vendor" / "openseadragon"
RELEASED = "14d587cd3ee7c4861f1a41077ce642029364a21029956ba635bd8fb1202cf9ad"  # of openseadragon-6.1.1.tgz of npm


def test_openseadragon_is_the_released_file_with_its_licence():
    assert hashlib.sha256((VENDORED / "openseadragon.min.js").read_bytes()).hexdigest() == RELEASED
    assert (VENDORED / "openseadragon.min.js").read_text().startswith("//! openseadragon 6.1.1\n")
    assert "OpenSeadragon 6.1.1" in (VENDORED / "VERSION.txt").read_text()
    assert "Redistribution and use in source and binary forms" in (VENDORED / "LICENSE.txt").read_text()


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_modules_are_small(path):
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_module_writes_markup_or_runs_text(path):
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|\"style\"\s*[,:]"
    )
    assert re.findall(forbidden, path.read_text()) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_modules_import_what_is_there(path):
    for name in re.findall(r"""(?:^import .*from |import\()["'](.+?)["']""", path.read_text(), re.MULTILINE):
        assert (path.parent / name).is_file(), name


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere():
    text = (FOLDER / "index.html").read_text()
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", text) == []
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", text))
    for name in re.findall(r"""(?:href|src)="([^"#]+)""", text):
        assert (FOLDER / name).is_file(), name
    styles = [path.read_text() for path in OWN if path.suffix == ".css"]
    assert [re.findall(r"url\(|@import", style) for style in styles] == [[]] * len(styles)


def test_modules_are_asked_for_all_at_once():
    text = (FOLDER / "index.html").read_text()
    preloaded = re.findall(r'<link rel="modulepreload" href="(.+?)">', text)
    assert preloaded == sorted(path.name for path in MODULES if path.name != "main.js")
