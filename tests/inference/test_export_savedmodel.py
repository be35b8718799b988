"""A SavedModel from JPEG files to scores."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest

from slidemill.export import write_savedmodel
from slidemill.export.check_slides import read_jpegs
from slidemill.export.drift import DriftError
from slidemill.export.write_savedmodel import NotOfTilesError, export_savedmodel
from slidemill.inference.predict import SlideJob, predict_slides
from slidemill.inference.store import read_predictions
from slidemill.training.description import read_description

from .test_export_onnx import probe, tile_model, tile_slides

pytestmark = pytest.mark.slow

# What TensorFlow Serving does with {"instances": [{"b64": ...}]}, without slidemill.
SERVING = """
import base64, json, sys
import tensorflow as tf
instances = json.load(sys.stdin)["instances"]
signature = tf.saved_model.load(sys.argv[1] + "/1").signatures["serving_default"]
(name,) = signature.structured_input_signature[1]
files = tf.constant([base64.b64decode(one["b64"]) for one in instances])
print(json.dumps({"predictions": signature(**{name: files})["scores"].numpy().tolist(), "input": name}))
assert "slidemill" not in sys.modules
"""


@pytest.mark.slow
def test_another_process_scores_jpegs_as_the_workflow_does(tmp_path):
    slides = tile_slides(tmp_path, tiles=4)
    model_file = tile_model(tmp_path / "model.keras")
    export_savedmodel(model_file, slides, output=tmp_path / "saved_model")
    assert sorted(path.name for path in tmp_path.glob("saved_model*")) == ["saved_model"]
    job = SlideJob(slides[0].source, slides[0].store, tmp_path / "predictions.zarr.zip")
    assert predict_slides([job], model_file) == []
    jpegs = read_jpegs(slides[0], (), read_description(model_file))
    asked = json.dumps({"instances": [{"b64": base64.b64encode(one).decode()} for one in jpegs]})
    command = [sys.executable, "-c", SERVING, str(tmp_path / "saved_model")]
    answer = json.loads(subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout)
    np.testing.assert_allclose(answer["predictions"], read_predictions(job.output).scores, atol=1e-6)
    assert answer["input"] == "image_bytes"


def test_one_with_other_scores_does_not_appear_and_the_older_one_stays(tmp_path, monkeypatch):
    slides = tile_slides(tmp_path, tiles=2)
    older = tmp_path / "saved_model" / "1"
    older.mkdir(parents=True)
    (older / "older").touch()
    own = write_savedmodel.model_input
    monkeypatch.setattr(write_savedmodel, "model_input", lambda images, shape: own(images, shape) * 0.5)
    with pytest.raises(DriftError, match="the SavedModel: on 3 slides with 6 tiles tile scores differ by up to"):
        export_savedmodel(tile_model(tmp_path / "model.keras"), slides, output=tmp_path / "saved_model")
    assert [path.name for path in older.iterdir()] == ["older"]
    assert list(tmp_path.glob(".*")) == []


def test_a_model_of_features_is_refused(tmp_path):
    with pytest.raises(NotOfTilesError, match="method probe takes features"):
        export_savedmodel(probe(tmp_path / "model.keras"), [], output=tmp_path / "saved_model")
    assert not (tmp_path / "saved_model").exists()
