"""`snakemake serve`, as a user runs it: from the command line to its end."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from slidemill.hashing import file_sha256
from slidemill.inference.keras_tile_model import KerasTileModel
from slidemill.serving.tile_images import model_pixels
from slidemill.training.description import read_description

from .conftest import CLASSES, PATIENCE_SECONDS, Server, jpeg_tile

REPOSITORY = Path(__file__).parents[2]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")


@pytest.fixture
def serve(tmp_path, start_program):
    """Starts a service, as a user does, and waits until it listens."""

    def serve(model, *config):
        own = [f"model={model}", "serving={port: 0}", *config]
        command = [SNAKEMAKE, "-s", REPOSITORY / "Snakefile", "serve", "--cores", "1", "--config", *own]
        process = start_program(
            list(map(str, command)),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("serving "):
                break
        else:
            raise AssertionError("".join(said))
        assert "/docs" in line
        url = next(word for word in line.split() if word.startswith("http://"))
        assert [process.stdout.readline().strip() for _ in range(3)] == [
            f"slidemill-client score slide.svs --endpoint {url}",
            f"curl -H 'Content-Type: image/jpeg' --data-binary @tile.jpg {url}/invocations",
            "(tile.jpg has 64 x 64 pixels of 0.5 microns)",
        ]
        return Server(process, url, tmp_path / "unused")

    return serve


def assert_ended(server):
    assert "These jobs failed" not in server.process.stdout.read()
    server.process.wait(timeout=PATIENCE_SECONDS)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


@pytest.mark.slow
def test_a_model_is_served_until_ctrl_c(model_file, serve):
    server = serve(model_file, "evaluation={aggregation: maximum}")
    tile = jpeg_tile()
    assert server.post(tile).json["classes"] == list(CLASSES)
    tiles = json.dumps({"tiles": [base64.b64encode(tile).decode()]}).encode()
    assert server.post(tiles, "application/json").json["aggregation"] == "maximum"  # as the config says
    os.killpg(server.process.pid, signal.SIGINT)
    assert_ended(server)


@pytest.mark.slow
def test_a_network_of_onnx_is_served_until_sigterm(model_file, network_file, serve):
    """Which reaches Snakemake alone, and ends it without an error."""
    server = serve(network_file)
    expected = KerasTileModel(model_file, read_description(model_file), threads=1)
    for tile in map(jpeg_tile, range(3)):
        scores = expected.scores(model_pixels(tile, expected.shape)[None])
        np.testing.assert_allclose(server.post(tile).json["scores"], scores, atol=1e-4)
    assert server.ask("/model").json["sha256"] == file_sha256(network_file)
    server.process.send_signal(signal.SIGTERM)
    assert_ended(server)
    assert server.process.returncode == 0
