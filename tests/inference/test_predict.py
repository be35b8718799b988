import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from slidemill.inference import scoring
from slidemill.inference.predict import SlideJob, StaleRecordsError, TileMismatchError, predict_slides
from slidemill.inference.scoring import RecordsError
from slidemill.inference.store import read_predictions
from slidemill.records import RecordWriter, encode_example, parse_example, read_records
from slidemill.tiling.store import StoreSummary, TileStore, read_store, write_store
from slidemill.training.backend import keras
from slidemill.training.description import ModelDescription, ModelFileError
from slidemill.training.input import TileShape, decode_tile
from slidemill.training.model_file import load_model, save_model
from slidemill.training.models import build_model

SCRIPT = Path(__file__).parents[2] / "scripts" / "predict_slide.py"
CLASSES = ("A", "B", "C")
TILE_SIZE = 64
INPUT_SIZE = 32


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    keras.utils.set_random_seed(3)
    model = build_model("small_cnn", input_size=INPUT_SIZE, class_count=len(CLASSES))
    save_model(path, model, ModelDescription("small_cnn", CLASSES, TILE_SIZE, 0.5, INPUT_SIZE, "resize", "ab", {}))
    return path


def summary(slide_id, tile_count, *, reason=""):
    return StoreSummary(
        slide_id=slide_id,
        patient_id=f"patient of {slide_id}",
        status="set_aside" if reason else "usable",
        reason=reason,
        flags=(),
        tile_count=tile_count,
        grid_count=100,
        tile_extent=0 if reason else 128,
        parameters={"tile_size": TILE_SIZE, "mpp": 0.5},
        slide=None,
        versions={},
    )


def job_in(folder, slide_id):
    return SlideJob(
        folder / f"{slide_id}.tfrecord", folder / f"{slide_id}.zarr.zip", folder / f"{slide_id}.predictions"
    )


def slide(folder, slide_id, *, tiles):
    """Write the tile store of a slide with tiles of noise of different strength and colour."""
    job = job_in(folder, slide_id)
    generator = np.random.default_rng(len(slide_id))
    coordinates = generator.permutation(100)[: 2 * tiles].reshape(tiles, 2) * 128
    with job.records.open("wb") as file:
        writer = RecordWriter(file)
        places = [writer.write(tile_record(generator, x, y)) for x, y in coordinates]
    offset, length = np.array(places, np.int64).reshape(-1, 2).T
    fraction = np.ones(tiles, np.float32)
    write_store(job.store, TileStore(summary(slide_id, tiles), coordinates, fraction, offset, length))
    return job


def tile_record(generator, x, y):
    noise = generator.normal(generator.uniform(50, 200, 3), generator.uniform(5, 60), (TILE_SIZE, TILE_SIZE, 3))
    jpeg = simplejpeg.encode_jpeg(np.clip(noise, 0, 255).astype(np.uint8), quality=90)
    return encode_example({"image/encoded": jpeg, "tile/x": int(x), "tile/y": int(y)})


def set_aside_slide(folder, slide_id, reason):
    job = job_in(folder, slide_id)
    job.records.write_bytes(b"")
    write_store(job.store, TileStore(summary(slide_id, 0, reason=reason)))
    return job


@pytest.mark.parametrize("batch_size", [4, 64])
def test_scores_are_those_of_the_model_for_the_decoded_tiles_in_their_order(model_file, tmp_path, batch_size):
    job = slide(tmp_path, "s1", tiles=10)
    predict_slides([job], model_file, batch_size=batch_size)
    shape = TileShape(TILE_SIZE, INPUT_SIZE)
    tiles = [decode_tile(parse_example(record)["image/encoded"], shape) for record in read_records(job.records)]
    expected = load_model(model_file).predict(np.stack(tiles), verbose=0)
    predictions = read_predictions(job.output)
    assert np.ptp(expected[:, 0]) > 1e-3  # tiles in another order would be seen
    np.testing.assert_allclose(predictions.scores, expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(predictions.coordinates, read_store(job.store).coordinates)
    assert predictions.scores.dtype == np.float32


def test_predictions_tell_slide_classes_and_model(model_file, tmp_path):
    job = slide(tmp_path, "s1", tiles=2)
    predict_slides([job], model_file)
    predictions = read_predictions(job.output)
    assert (predictions.slide_id, predictions.patient_id) == ("s1", "patient of s1")
    assert (predictions.classes, predictions.tile_extent, predictions.reason) == (CLASSES, 128, "")
    assert predictions.model_sha256 == hashlib.sha256(model_file.read_bytes()).hexdigest()


def test_slides_of_one_call_share_one_model_and_give_the_same_as_alone(model_file, tmp_path, monkeypatch):
    loaded = []
    monkeypatch.setattr(scoring, "load_model", lambda path: loaded.append(path) or load_model(path))
    jobs = [
        slide(tmp_path, "s1", tiles=3),
        set_aside_slide(tmp_path, "bad", "no tissue"),
        slide(tmp_path, "s22", tiles=5),
    ]
    predict_slides(jobs, model_file)
    assert len(loaded) == 1
    together = [job.output.read_bytes() for job in jobs]
    for job in jobs:
        predict_slides([job], model_file)
    assert [job.output.read_bytes() for job in jobs] == together


def test_a_slide_that_was_set_aside_needs_no_tensorflow(model_file, tmp_path):
    job = set_aside_slide(tmp_path, "bad", "no tissue found")
    program = (
        "import atexit, runpy, sys\n"
        "atexit.register(lambda: print('tensorflow' in sys.modules, 'keras' in sys.modules))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    files = ["--records", job.records, "--store", job.store, "--model", model_file, "--output", job.output]
    command = [sys.executable, "-c", program, SCRIPT, *files]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert finished.stdout.split() == ["False", "False"]
    predictions = read_predictions(job.output)
    assert predictions.scores.shape == (0, 3)
    assert predictions.coordinates.shape == (0, 2)
    assert (predictions.reason, predictions.tile_extent) == ("no tissue found", 0)


@pytest.mark.parametrize(("key", "value", "trained"), [("tile_size", 256, 64), ("mpp", 0.25, 0.5)])
def test_tiles_of_another_kind_than_the_models_are_refused(model_file, tmp_path, key, value, trained):
    job = slide(tmp_path, "s1", tiles=2)
    store = read_store(job.store)
    other = replace(store.summary, parameters=store.summary.parameters | {key: value})
    write_store(job.store, replace(store, summary=other))
    with pytest.raises(TileMismatchError, match=rf"{key} {value}, .*{key} {trained}\. Set tiling\.{key}: {trained}"):
        predict_slides([job], model_file)
    assert not job.output.exists()


def test_records_that_are_not_those_of_the_index_are_refused(model_file, tmp_path):
    job = slide(tmp_path, "s1", tiles=3)
    slide(tmp_path, "s22", tiles=2).records.rename(job.records)
    with pytest.raises(StaleRecordsError, match="its 2 tiles are not the 3 of its index"):
        predict_slides([job], model_file)


def test_damaged_records_are_refused(model_file, tmp_path):
    job = slide(tmp_path, "s1", tiles=3)
    job.records.write_bytes(job.records.read_bytes()[:-3])
    with pytest.raises(RecordsError, match=r"s1\.tfrecord: missing or damaged"):
        predict_slides([job], model_file)


def test_missing_records_are_refused(model_file, tmp_path):
    job = slide(tmp_path, "s1", tiles=3)
    job.records.unlink()
    with pytest.raises(RecordsError, match="missing or damaged"):
        predict_slides([job], model_file)


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match="there is no such model file"):
        predict_slides([slide(tmp_path, "s1", tiles=1)], tmp_path / "model.keras")
