"""gdc-client, played by a stand-in."""

import sys
from pathlib import Path

import pytest

STAND_IN = Path(__file__).parents[2] / "gdc_client_stand_in.py"


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
