"""`snakemake serve`, as a user runs it: from the command line to Ctrl-C."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import CLASSES, Server, jpeg_tile

REPOSITORY = Path(__file__).parents[2]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")


@pytest.mark.slow
def test_a_model_is_served_until_ctrl_c(model_file, tmp_path, start_program):
    config = [f"model={model_file}", "serving={port: 0}", "evaluation={aggregation: maximum}"]
    command = [SNAKEMAKE, "-s", REPOSITORY / "Snakefile", "serve", "--cores", "1", "--config", *config]
    process = start_program(
        list(map(str, command)),
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    line = next(line for line in process.stdout if line.startswith("serving "))
    assert "/docs" in line
    url = next(word for word in line.split() if word.startswith("http://"))
    called = process.stdout.readline()
    assert called.strip() == f"curl -H 'Content-Type: image/jpeg' --data-binary @tile.jpg {url}/invocations"
    server = Server(process, url, tmp_path / "unused")
    tile = jpeg_tile()
    assert server.post(tile).json["classes"] == list(CLASSES)
    tiles = json.dumps({"tiles": [base64.b64encode(tile).decode()]}).encode()
    assert server.post(tiles, "application/json").json["aggregation"] == "maximum"  # as the config says
    os.killpg(process.pid, signal.SIGINT)
    process.stdout.read()
    process.wait(timeout=300)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
