"""A tiny model, and real servers in processes of their own."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from slidemill.training.description import ModelDescription

CLASSES = ("A", "B", "C")
TILE_SIZE = 64
INPUT_SIZE = 32
TOKEN = "a-secret-of-the-tests"
PATIENCE_SECONDS = 600  # for what hangs
PATIENT = ["--header-seconds", str(PATIENCE_SECONDS), "--body-seconds", str(PATIENCE_SECONDS)]


@pytest.fixture(scope="session", autouse=True)
def _one_thread(one_thread):
    """All tests here use TensorFlow, or may."""


@pytest.fixture(scope="session")
def model_file(tmp_path_factory):
    from slidemill.classifier.models import build_model
    from slidemill.training.backend import keras
    from slidemill.training.model_file import save_model

    path = tmp_path_factory.mktemp("model") / "model.keras"
    keras.utils.set_random_seed(3)
    model = build_model("small_cnn", input_size=INPUT_SIZE, class_count=len(CLASSES))
    save_model(path, model, ModelDescription("small_cnn", CLASSES, TILE_SIZE, 0.5, INPUT_SIZE, "resize", "ab", {}))
    return path


@pytest.fixture(scope="session")
def network_file(model_file, tmp_path_factory):
    """The same model as ONNX, in a folder of its own."""
    from slidemill.export.conversion import to_onnx
    from slidemill.export.functions import model_function
    from slidemill.hashing import file_sha256
    from slidemill.inference.onnx_file import OnnxFacts, serialised
    from slidemill.training.description import read_description
    from slidemill.training.model_file import load_model

    path = tmp_path_factory.mktemp("network") / "model.onnx"
    description = read_description(model_file)
    network = to_onnx(*model_function(load_model(model_file), description))
    facts = OnnxFacts(description=description, model_sha256=file_sha256(model_file), precision="float32")
    path.write_bytes(serialised(network, facts))
    return path


def tile_pixels(number=0, side=TILE_SIZE):
    """Noise of a colour and strength of its own."""
    generator = np.random.default_rng(number)
    noise = generator.normal(generator.uniform(50, 200, 3), generator.uniform(5, 60), (side, side, 3))
    return np.clip(noise, 0, 255).astype(np.uint8)


def jpeg_tile(number=0, side=TILE_SIZE, **options):
    return simplejpeg.encode_jpeg(tile_pixels(number, side), quality=90, **options)


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Server:
    """A server in a process of its own."""

    process: subprocess.Popen
    url: str
    log: Path
    headers: dict = field(default_factory=dict)

    @property
    def port(self):
        return int(self.url.rpartition(":")[2])

    def ask(self, path, body=None, content_type=None, **headers):
        own = self.headers | ({"Content-Type": content_type} if content_type else {})
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.url + path, body, own)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return Reply(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers), error.read())

    def post(self, body, content_type="image/jpeg", **headers):
        return self.ask("/invocations", body, content_type, **headers)

    def end(self):
        self.process.terminate()
        return self.process.wait(timeout=PATIENCE_SECONDS)


def start_program(folder, *command, environment=None):
    """Start a server at any free port, and wait for the line that tells its address."""
    log = folder / "server.log"
    with log.open("wb") as errors:
        own = os.environ | (environment or {})
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=errors, text=True, env=own)
    line = process.stdout.readline()
    if "http://" not in line:
        with process:
            process.kill()
        raise AssertionError(log.read_text())
    url = next(word for word in line.split() if word.startswith("http://"))
    return Server(process, url, log)


def start_server(folder, model, *options, environment=None):
    """Start a server of a model."""
    command = [sys.executable, "-m", "slidemill.serving", "--model", model, "--port", "0", *PATIENT, *options]
    return start_program(folder, *command, environment=environment)


@pytest.fixture
def stand_in(tmp_path):
    """Starts servers whose model costs nothing, with limits of their own; slow clients are waited for."""
    started = []

    def start(*, token="", **limits):
        limits = {"header_seconds": PATIENCE_SECONDS, "body_seconds": PATIENCE_SECONDS} | limits
        program = Path(__file__).with_name("stand_in_server.py")
        started.append(start_program(tmp_path, sys.executable, program, token, json.dumps(limits)))
        return started[-1]

    yield start
    for server in started:
        stop_server(server)


def stop_server(server):
    with server.process:
        server.process.kill()


@pytest.fixture(scope="session")
def slides_folder(tmp_path_factory, draw_slide):
    """Slides that a server may be asked for, a file that is none, and one outside that a link leads to."""
    folder = tmp_path_factory.mktemp("slides")
    (folder / "sub").mkdir()
    (folder / "sub" / "a.svs").symlink_to(folder / "b.svs")
    (folder / "b.svs").write_bytes(draw_slide("glands 20x 0.4x0.3mm").read_bytes())
    (folder / "text.svs").write_text("no slide")
    outside = folder.with_name(f"{folder.name}-outside.svs")
    outside.write_bytes(b"II*")
    (folder / "link.svs").symlink_to(outside)
    return folder


@pytest.fixture(scope="session")
def server(model_file, slides_folder, tmp_path_factory):
    """A server that tests leave as it is."""
    server = start_server(tmp_path_factory.mktemp("server"), model_file.parent, "--slides", slides_folder)
    yield server
    stop_server(server)
