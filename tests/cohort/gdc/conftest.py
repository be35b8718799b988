"""gdc-client, played by a stand-in, and a download by each way that there is."""

import dataclasses
import sys
from pathlib import Path

import pytest

from slidemill.cohort.gdc import transfer
from slidemill.cohort.gdc.download import DownloadOptions, download_slide
from slidemill.cohort.gdc.files import GdcFile
from slidemill.cohort.gdc.patience import Patience

STAND_IN = Path(__file__).parents[2] / "gdc_client_stand_in.py"
# The built-in client with one and with three connections, and gdc-client.
WAYS = {"https 1": ("https", 1), "https 3": ("https", 3), "gdc-client": ("gdc-client", 3)}
# How long the server may be silent, where it is not what a test is about.
PATIENCE_S = 600.0


class Installed:
    """The stand-in in a folder of its own, to be put on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._calls = folder / "calls"
        folder.mkdir()
        program = folder / "gdc-client"
        program.write_text(f'#!/bin/sh\necho "$@" >> "{self._calls}"\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
        program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """The arguments of each call."""
        return self._calls.read_text().splitlines() if self._calls.exists() else []


@pytest.fixture
def gdc_client(tmp_path, monkeypatch):
    """gdc-client on the PATH."""
    installed = Installed(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(installed.folder), prepend=":")
    return installed


@pytest.fixture
def served(gdc):
    return next(iter(gdc.files.values()))


@pytest.fixture
def file(served):
    return GdcFile(served.file_id, served.name, served.md5, served.size)


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request, monkeypatch, gdc_client):
    """Client and connections."""
    monkeypatch.setattr(transfer, "_LEAST_PART_BYTES", 1_000_000)
    return request.param


@pytest.fixture
def by_https(way):
    return way[0] == "https"


@pytest.fixture
def connections(way):
    return way[1]


@pytest.fixture
def download(gdc, file, way, tmp_path):
    def call(a_file=file, **changes):
        client, connections = way
        patience = Patience(tries=3, timeout_s=PATIENCE_S, first_wait_s=0.005)
        options = DownloadOptions(client=client, server=gdc.url, connections=connections, patience=patience)
        options = dataclasses.replace(options, **{"on_failure": "stop"} | changes)
        return download_slide(a_file, tmp_path / "slides" / "S.svs", tmp_path / "on-the-way", options)

    return call


@pytest.fixture
def output(tmp_path):
    return tmp_path / "slides" / "S.svs"
