"""gdc-client, played by a stand-in that does what the real one was seen doing: whatever it says, the bytes count."""

import dataclasses
import os
import sys

import pytest

from slidemill.cohort.gdc.download import DownloadOptions, download_slide
from slidemill.cohort.gdc.errors import DownloadError
from slidemill.cohort.gdc.files import GdcFile
from slidemill.cohort.gdc.patience import Patience

# Layout, exit codes and the trouble with its own traces: as the real gdc-client 2.3.
STAND_IN = """#!{python}
import json, os, pathlib, sys, time, urllib.request
arguments = sys.argv[1:]
state = pathlib.Path(r"{state}")
calls = json.loads(state.read_text()) if state.exists() else []
state.write_text(json.dumps([*calls, arguments]))
told = dict(zip(arguments[1::2], arguments[2::2]))
file_id = arguments[-1]
mode = ({modes} + ["good"] * 9)[len(calls)]
own = pathlib.Path(told["--dir"]) / file_id
if not own.parent.is_dir():
    sys.exit("the directory does not exist")
if own.exists() and any(own.iterdir()):
    sys.exit("ZeroDivisionError: division by zero")
if mode == "no server":
    sys.exit(1)
with urllib.request.urlopen(f"{{told['--server']}}/data/{{file_id}}") as answer:
    body = bytearray(answer.read())
(own / "logs").mkdir(parents=True)
(own / "logs" / "{name}.parcel").write_text("x")
if mode == "hangs":
    (own / "{name}.partial").write_bytes(body[:100])
    time.sleep(60)
if mode.startswith("corrupt"):
    body[7] ^= 255
if mode == "truncated":
    del body[100:]
if mode == "partial":
    (own / "{name}.partial").write_bytes(body[:100])
    sys.exit(1)
(own / "{name}").write_bytes(body)
sys.exit(2 if mode == "corrupt, 2" else 0)
"""


@pytest.fixture
def served(gdc):
    return next(iter(gdc.files.values()))


@pytest.fixture
def download(gdc, served, tmp_path, monkeypatch):
    def call(*modes, **changes):
        program = tmp_path / "bin" / "gdc-client"
        program.parent.mkdir(exist_ok=True)
        text = STAND_IN.format(python=sys.executable, state=tmp_path / "calls", modes=list(modes), name=served.name)
        program.write_text(text)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
        options = DownloadOptions(server=gdc.url, patience=Patience(3, 5.0, 0.01), on_failure="stop")
        options = dataclasses.replace(options, **changes)
        file = GdcFile(served.file_id, served.name, served.md5, served.size)
        return download_slide(file, tmp_path / "slides" / "S.svs", tmp_path / "on-the-way", options)

    return call


@pytest.mark.parametrize("client", ["auto", "gdc-client"])
def test_it_is_used_where_it_is_installed(download, served, tmp_path, client):
    assert download(client=client, connections=7)
    assert (tmp_path / "slides" / "S.svs").read_bytes() == served.path.read_bytes()
    assert not (tmp_path / "on-the-way").exists()
    assert '"--n-processes", "7"' in (tmp_path / "calls").read_text()


def test_it_is_not_used_when_https_is_asked_for(download, tmp_path):
    assert download(client="https")
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize("mode", ["corrupt, 0", "corrupt, 2", "truncated", "partial", "no server"])
def test_a_bad_try_is_followed_by_a_good_one_without_its_traces(download, served, tmp_path, mode):
    assert download(mode, mode)
    assert (tmp_path / "slides" / "S.svs").read_bytes() == served.path.read_bytes()


def test_one_that_hangs_is_ended(download, tmp_path):
    assert download("hangs", patience=Patience(3, 0.5, 0.01))


@pytest.mark.parametrize(
    ("mode", "told"),
    [("corrupt, 0", "has MD5 "), ("truncated", "has 100 bytes, expected 3000001"), ("partial", "did not arrive")],
)
def test_what_is_told_in_the_end(download, tmp_path, mode, told):
    with pytest.raises(DownloadError, match=told):
        download(mode, mode, mode)
    assert not (tmp_path / "slides" / "S.svs").exists()


def test_the_token_goes_by_its_file_and_not_by_the_command_line(download, tmp_path):
    token = tmp_path / "token.txt"
    token.write_text("secret")
    token.chmod(0o600)
    assert download(token_file=token)
    calls = (tmp_path / "calls").read_text()
    assert f'"--token-file", "{token}"' in calls
    assert "secret" not in calls
