import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from slidemill.classifier.models import build_model
from slidemill.classifier.tiles import TileShape, decode_tile, model_input
from slidemill.inference import batch, keras_tile_model, scoring
from slidemill.inference.batch import SlidesFailedError, predict_batch
from slidemill.inference.predict import SlideJob, StaleTilesError, TileMismatchError, predict_slides
from slidemill.inference.store import read_predictions
from slidemill.records import RecordsError, RecordWriter, encode_example, parse_example, read_records
from slidemill.tiling.store import StoreSummary, TileStore, read_store, write_store
from slidemill.training.backend import keras
from slidemill.training.description import ModelDescription, ModelFileError
from slidemill.training.model_file import load_model, save_model

SCRIPT = Path(__file__).parents[2] / "scripts" / "predict_slides.py"
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
        folder / f"{slide_id}.tfrecord",
        folder / f"{slide_id}.zarr.zip",
        folder / "predictions" / f"{slide_id}.zarr.zip",
    )


def failure(job, model_file):
    """Why this one slide has no predictions."""
    (error,) = predict_slides([job], model_file)
    assert not job.output.exists()
    return error


def slide(folder, slide_id, *, tiles):
    """Write the tile store of a slide with tiles of noise of different strength and colour."""
    job = job_in(folder, slide_id)
    generator = np.random.default_rng(len(slide_id))
    coordinates = generator.permutation(100)[: 2 * tiles].reshape(tiles, 2) * 128
    with job.source.open("wb") as file:
        writer = RecordWriter(file)
        places = [writer.write(tile_record(generator, x, y)) for x, y in coordinates]
    offset, length = np.array(places, np.int64).reshape(-1, 2).T
    write_store(job.store, tile_store(summary(slide_id, tiles), coordinates, offset, length))
    return job


def tile_store(summary, coordinates, offset, length):
    ones = np.ones(len(offset), np.float32)
    return TileStore(summary, coordinates, ones, ones, ones, np.zeros(len(offset), np.uint8), offset, length)


def tile_record(generator, x, y):
    noise = generator.normal(generator.uniform(50, 200, 3), generator.uniform(5, 60), (TILE_SIZE, TILE_SIZE, 3))
    jpeg = simplejpeg.encode_jpeg(np.clip(noise, 0, 255).astype(np.uint8), quality=90)
    return encode_example({"image/encoded": jpeg, "tile/x": int(x), "tile/y": int(y)})


def set_aside_slide(folder, slide_id, reason):
    job = job_in(folder, slide_id)
    job.source.write_bytes(b"")
    write_store(job.store, TileStore(summary(slide_id, 0, reason=reason)))
    return job


@pytest.mark.parametrize("batch_size", [4, 64])
def test_scores_are_those_of_the_model_for_the_decoded_tiles_in_their_order(model_file, tmp_path, batch_size):
    job = slide(tmp_path, "s1", tiles=10)
    predict_slides([job], model_file, batch_size=batch_size)
    shape = TileShape(TILE_SIZE, INPUT_SIZE)
    tiles = [decode_tile(parse_example(record)["image/encoded"], shape) for record in read_records(job.source)]
    expected = load_model(model_file).predict(model_input(np.stack(tiles), shape), verbose=0)
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
    monkeypatch.setattr(keras_tile_model, "load_model", lambda path: loaded.append(path) or load_model(path))
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
    files = ["--slide", "bad", "--tiles", tmp_path, "--model", model_file, "--kept", tmp_path / "kept"]
    files += ["--predictions", job.output.parent]
    command = [sys.executable, "-c", program, SCRIPT, *files]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert finished.stdout.split() == ["False", "False"]
    predictions = read_predictions(job.output)
    assert predictions.scores.shape == (0, 3)
    assert predictions.coordinates.shape == (0, 2)
    assert (predictions.reason, predictions.tile_extent) == ("no tissue found", 0)


def predict(folder, model_file, *slide_ids, exclude=()):
    predict_batch(
        slide_ids,
        tiles_folder=folder,
        exclude=exclude,
        model_file=model_file,
        kept_folder=folder / "kept",
        predictions_folder=folder / "predictions",
    )


def test_a_slide_that_fails_takes_no_other_along(model_file, tmp_path, monkeypatch):
    jobs = [slide(tmp_path, name, tiles=2) for name in ("s1", "s22", "s333")]
    whole = jobs[1].source.read_bytes()
    jobs[1].source.write_bytes(whole[:-3])
    with pytest.raises(SlidesFailedError, match=r"1 of 3 slides failed.*s22\.tfrecord: missing or damaged"):
        predict(tmp_path, model_file, "s1", "s22", "s333")
    assert not (tmp_path / "predictions").exists()
    jobs[1].source.write_bytes(whole)
    scored = []
    score = scoring.RecordScorer.score
    monkeypatch.setattr(
        scoring.RecordScorer, "score", lambda self, path, used: scored.append(path.stem) or score(self, path, used)
    )
    predict(tmp_path, model_file, "s1", "s22", "s333")
    assert scored == ["s22"]  # the others were kept
    assert all(read_predictions(job.output).scores.shape == (2, 3) for job in jobs)
    assert list((tmp_path / "kept").iterdir()) == []


def test_a_copy_of_the_job_may_move_what_this_one_has_written(model_file, tmp_path, monkeypatch):
    """Between the last slide and the move another copy moves two of three files; one of those is then overwritten."""
    jobs = [slide(tmp_path, name, tiles=2) for name in ("s1", "s22", "s333")]
    predict_slides(jobs, model_file)
    alone = [job.output.read_bytes() for job in jobs]
    for job in jobs:
        job.output.unlink()

    def other_copy(todo, *arguments, **options):
        failures = predict_slides(todo, *arguments, **options)
        if len(todo) == 3:
            for name in ("s1", "s22"):
                (tmp_path / "kept" / f"{name}.zarr.zip").rename(tmp_path / "predictions" / f"{name}.zarr.zip")
            (tmp_path / "predictions" / "s22.zarr.zip").unlink()  # and its workflow has started it anew
        return failures

    monkeypatch.setattr(batch, "predict_slides", other_copy)
    predict(tmp_path, model_file, "s1", "s22", "s333")
    assert [job.output.read_bytes() for job in jobs] == alone
    assert list((tmp_path / "kept").iterdir()) == []


@pytest.mark.slow
def test_two_copies_of_the_job_at_the_same_time(model_file, tmp_path, start_program):
    names = ["s1", "s22", "s333", "s4444"]
    jobs = [slide(tmp_path, name, tiles=6) for name in names]
    command = [sys.executable, SCRIPT, "--tiles", tmp_path, "--model", model_file, "--kept", tmp_path / "kept"]
    command += ["--predictions", tmp_path / "predictions", *(part for name in names for part in ("--slide", name))]
    both = [start_program(command) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    together = [job.output.read_bytes() for job in jobs]
    predict_slides(jobs, model_file)
    assert [job.output.read_bytes() for job in jobs] == together
    assert list((tmp_path / "kept").iterdir()) == []


def test_kept_predictions_of_older_tiles_are_not_used(model_file, tmp_path):
    good, bad = slide(tmp_path, "s1", tiles=2), slide(tmp_path, "s22", tiles=2)
    whole = bad.source.read_bytes()
    bad.source.write_bytes(b"")
    with pytest.raises(SlidesFailedError):
        predict(tmp_path, model_file, "s1", "s22")
    bad.source.write_bytes(whole)
    slide(tmp_path, "s1", tiles=3)
    predict(tmp_path, model_file, "s1", "s22")
    assert len(read_predictions(good.output).scores) == 3


def flag(job, flagged):
    """Put a pen mark on some tiles of a slide."""
    store = read_store(job.store)
    write_store(job.store, replace(store, quality=np.array(flagged, np.uint8)))


def test_tiles_with_a_flag_to_exclude_are_not_scored(model_file, tmp_path):
    job = slide(tmp_path, "s1", tiles=4)
    predict_slides([job], model_file)
    every = read_predictions(job.output)
    flag(job, [0, 1, 3, 2])
    predict_slides([job], model_file, exclude=("pen_marks",))
    some = read_predictions(job.output)
    np.testing.assert_array_equal(some.coordinates, every.coordinates[[0, 3]])
    np.testing.assert_allclose(some.scores, every.scores[[0, 3]], rtol=1e-5)


def test_a_slide_of_which_every_tile_is_excluded_says_so(model_file, tmp_path):
    job = slide(tmp_path, "s1", tiles=2)
    flag(job, [1, 2])
    predict_slides([job], model_file, exclude=("pen_marks", "out_of_focus"))
    predictions = read_predictions(job.output)
    assert predictions.scores.shape == (0, 3)
    assert predictions.reason == (
        "s1 has no tile to use: all 2 with tissue are flagged (pen marks or out of focus). "
        "Shorten quality.exclude to use them."
    )


def test_kept_predictions_of_other_tiles_are_not_used(model_file, tmp_path):
    good, bad = slide(tmp_path, "s1", tiles=3), slide(tmp_path, "s22", tiles=2)
    flag(good, [0, 1, 0])
    whole = bad.source.read_bytes()
    bad.source.write_bytes(b"")
    with pytest.raises(SlidesFailedError):
        predict(tmp_path, model_file, "s1", "s22")
    bad.source.write_bytes(whole)
    predict(tmp_path, model_file, "s1", "s22", exclude=("pen_marks",))
    assert len(read_predictions(good.output).scores) == 2


@pytest.mark.parametrize(("key", "value", "trained"), [("tile_size", 256, 64), ("mpp", 0.25, 0.5)])
def test_tiles_of_another_kind_than_the_models_are_refused(model_file, tmp_path, key, value, trained):
    job = slide(tmp_path, "s1", tiles=2)
    store = read_store(job.store)
    other = replace(store.summary, parameters=store.summary.parameters | {key: value})
    write_store(job.store, replace(store, summary=other))
    error = failure(job, model_file)
    assert isinstance(error, TileMismatchError)
    assert re.search(rf"{key} {value}, .*{key} {trained}\. Set tiling\.{key}: {trained}", str(error))


def test_records_that_are_not_those_of_the_index_are_refused(model_file, tmp_path):
    job = slide(tmp_path, "s1", tiles=3)
    slide(tmp_path, "s22", tiles=2).source.rename(job.source)
    error = failure(job, model_file)
    assert isinstance(error, StaleTilesError)
    assert "its 2 tiles are not the 3 of its index" in str(error)


def test_damaged_records_are_refused(model_file, tmp_path):
    job = slide(tmp_path, "s1", tiles=3)
    job.source.write_bytes(job.source.read_bytes()[:-3])
    error = failure(job, model_file)
    assert isinstance(error, RecordsError)
    assert "s1.tfrecord: missing or damaged" in str(error)


def test_missing_records_are_refused(model_file, tmp_path):
    job = slide(tmp_path, "s1", tiles=3)
    job.source.unlink()
    assert isinstance(failure(job, model_file), RecordsError)


def test_a_missing_model_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match="there is no such model file"):
        predict_slides([slide(tmp_path, "s1", tiles=1)], tmp_path / "model.keras")
