import json
import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import openslide
import pytest

from slidemill.features.encoder import DeviceError, EncoderFileError, EncoderSetup
from slidemill.features.extract import SlidesFailedError
from slidemill.features.load import load_encoder
from slidemill.features.spec import EncoderError, EncoderSpec
from slidemill.hashing import file_sha256
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters

from ..tiling.test_damaged_tiles import damage, touches
from ..waiting import eventually
from .conftest import HALF, INPUT_SIZE, TILE_SIZE, contents, features_in, write_network

SCRIPT = Path(__file__).parents[2] / "scripts" / "extract_features.py"


@pytest.mark.parametrize("fit", ["resize", "crop"])
def test_a_network_may_have_its_channels_first_or_last(small, tmp_path, fit):
    first = replace(small, fit=fit)
    last = replace(first, file=write_network(tmp_path / "last.onnx", channels_last=True))
    tiles = np.random.default_rng(3).integers(0, 256, (4, TILE_SIZE, TILE_SIZE, 3), dtype=np.uint8)
    middle = tiles[:, 16:48, 16:48] if fit == "crop" else tiles
    np.testing.assert_allclose(encoded(first, tiles), encoded(last, tiles), rtol=2e-3, atol=1e-3)
    if fit == "crop":
        encoder = load_encoder(small, EncoderSetup(INPUT_SIZE, batch_size=4))
        np.testing.assert_allclose(encoded(first, tiles), encoder.submit(np.ascontiguousarray(middle))(), rtol=2e-3)


def encoded(spec, tiles):
    """Features of tiles by the encoder alone."""
    encoder = load_encoder(spec, EncoderSetup(TILE_SIZE, batch_size=1))
    rows = []
    for tile in tiles:
        batch = encoder.new_batch()
        batch[0] = tile
        rows.append(encoder.submit(batch)())
    return np.concatenate(rows).astype(np.float16)


def test_every_tile_of_the_store_is_encoded_from_the_pixels_of_the_slide(cohort, small, tmp_path):
    cohort.extract(small, to=tmp_path)
    for slide_id in ("A", "B"):
        store, features = cohort.store(slide_id), features_in(tmp_path, small, slide_id)
        tiles = cohort.tiles_by_openslide(slide_id)
        np.testing.assert_array_equal(features.coordinates, store.coordinates)
        np.testing.assert_array_equal(features.features, encoded(small, tiles), strict=True)
        assert len(np.unique(features.features, axis=0)) > len(tiles) / 2


def test_a_resampled_slide_is_near_to_what_openslide_gives(cohort, small, tmp_path):
    cohort.extract(small, to=tmp_path, slides=["fine"])
    store, features = cohort.store("fine"), features_in(tmp_path, small, "fine")
    extent = store.summary.tile_extent
    with openslide.OpenSlide(cohort.slides["fine"]) as slide:
        tiles = [
            np.asarray(slide.read_region(corner, 0, (extent, extent)).convert("RGB").resize((TILE_SIZE, TILE_SIZE)))
            for corner in store.coordinates.tolist()
        ]
    expected = encoded(small, tiles).astype(float)
    assert np.abs(features.features - expected).max() < 0.05 * np.abs(expected).max()


def test_the_file_says_what_made_it(cohort, small, tmp_path):
    cohort.extract(small, to=tmp_path)
    summary = features_in(tmp_path, small, "fine").summary
    assert (summary.slide_id, summary.patient_id, summary.status) == ("fine", "P-fine", "usable")
    assert summary.weights_sha256 == file_sha256(small.file)
    assert (summary.encoder, summary.dimension, summary.input_size) == ("small", 12, INPUT_SIZE)
    assert (summary.mpp, summary.tile_size, summary.tile_extent) == (0.5, TILE_SIZE, 2 * TILE_SIZE)
    assert summary.normalisation == {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    assert (summary.pooling, summary.precision, summary.source) == ("average", "float32", "slide")
    assert set(summary.versions) == {"slidemill", "onnxruntime"}
    assert summary.fit == "resize"
    cropping = replace(small, name="cropping", fit="crop")
    cohort.extract(cropping, to=tmp_path, slides=["fine"])
    assert features_in(tmp_path, cropping, "fine").summary.fit == "crop"


@pytest.mark.parametrize("slide_id", ["empty", "damaged"])
def test_a_slide_without_tiles_has_features_that_say_why(cohort, small, tmp_path, slide_id):
    cohort.extract(small, to=tmp_path)
    features, store = features_in(tmp_path, small, slide_id), cohort.store(slide_id)
    assert features.features.shape == (0, 12)
    assert (features.summary.status, features.summary.reason) == ("set_aside", store.summary.reason)


def test_threads_batches_and_neighbours_change_no_byte(cohort, small, tmp_path):
    alone = tmp_path / "alone"
    for slide_id in cohort.slides:
        cohort.extract(small, to=alone, slides=[slide_id], setup=EncoderSetup(0, batch_size=1))
    for threads, batch_size in ((1, 16), (4, 7), (3, None)):
        together = tmp_path / f"together-{threads}-{batch_size}"
        cohort.extract(small, to=together, setup=EncoderSetup(0, batch_size=batch_size, threads=threads))
        assert contents(together) == contents(alone)


def test_several_encoders_read_the_pixels_once(cohort, small, tmp_path, monkeypatch):
    other = replace(small, name="other", file=write_network(tmp_path / "other.onnx", dimension=5, channels_last=True))
    for spec in (small, other):
        cohort.extract(spec, to=tmp_path / "apart")
    opened = []
    monkeypatch.setattr(
        "slidemill.features.pixels.slide_on_scratch",
        lambda path, scratch, real=sys.modules["slidemill.features.pixels"].slide_on_scratch: (
            opened.append(path),
            real(path, scratch),
        )[1],
    )
    cohort.extract(small, other, to=tmp_path / "together")
    assert contents(tmp_path / "together") == contents(tmp_path / "apart")
    assert len(opened) == len(set(opened)) == 3  # those with tiles


def test_from_records(cohort, small, tmp_path):
    cohort.extract(small, to=tmp_path / "slides")
    cohort.extract(small, to=tmp_path / "records", source="records")
    from_slide, from_records = (features_in(tmp_path / name, small, "A") for name in ("slides", "records"))
    assert from_records.summary == replace(from_slide.summary, source="records")
    difference = np.abs(from_slide.features.astype(float) - from_records.features)
    assert 0 < difference.max() < 0.1 * np.abs(from_slide.features).max()  # what JPEG costs


def test_tiles_without_records_have_none(cohort, small, tmp_path):
    bare = replace(cohort, folder=tmp_path)
    bare.tiles.mkdir()
    os.link(cohort.tiles / "A.zarr.zip", bare.tiles / "A.zarr.zip")
    with pytest.raises(SlidesFailedError, match=r"A.tfrecord: there is no such file. Set features.source: slide"):
        bare.extract(small, to=tmp_path, slides=["A"], source="records")
    (bare.tiles / "A.tfrecord").write_bytes((cohort.tiles / "B.tfrecord").read_bytes())
    with pytest.raises(SlidesFailedError, match=r"A.tfrecord"):
        bare.extract(small, to=tmp_path, slides=["A"], source="records")


def test_a_feature_that_is_not_finite_names_slide_and_tile(cohort, tmp_path):
    file = write_network(tmp_path / "loud.onnx", scale=1e6)
    loud = EncoderSpec(name="loud", kind="onnx", input_size=INPUT_SIZE, normalisation=HALF, file=file)
    corner = ", ".join(map(str, cohort.store("A").coordinates[0].tolist()))
    told = rf"1 of 1 slides failed.*A: the features of tile 0 at \({corner}\) are not finite in float16"
    with pytest.raises(SlidesFailedError, match=told):
        cohort.extract(loud, to=tmp_path, slides=["A"])
    assert contents(tmp_path) == {}


def test_a_slide_that_fails_takes_no_other_along(cohort, small, tmp_path):
    whole = cohort.slides["A"].read_bytes()
    cut_short = tmp_path / "A.svs"
    cut_short.write_bytes(whole[: len(whole) // 2])
    broken = replace(cohort, slides=cohort.slides | {"A": cut_short})
    with pytest.raises(SlidesFailedError, match=r"1 of 5 slides failed.*A\.svs cannot be read"):
        broken.extract(small, to=tmp_path)
    kept = contents(tmp_path)
    assert sorted(kept) == [f"kept/small/{slide_id}.zarr.zip" for slide_id in ("B", "damaged", "empty", "fine")]
    cohort.extract(small, to=tmp_path)
    cohort.extract(small, to=tmp_path / "fresh")
    assert contents(tmp_path / "small") == contents(tmp_path / "fresh" / "small")


@pytest.mark.parametrize("reader", ["direct", "openslide"])
def test_a_tile_that_was_damaged_when_the_slide_was_cut_is_not_asked_for(cohort, small, tmp_path, reader):
    worn = replace(cohort, folder=tmp_path, slides={"A": tmp_path / "A.svs"})
    sound = cohort.slides["A"]
    rectangles = damage(sound, worn.slides["A"], (1, 1))
    parameters = TilingParameters(mpp=0.5, tile_size=TILE_SIZE, max_background=0.5, jpeg_quality=90, reader=reader)
    tile_slide(SlideSource(worn.slides["A"], "A", "P-A"), replace(parameters, max_damaged=0.5), store=worn.index("A"))
    worn.extract(small, to=tmp_path)
    features = features_in(tmp_path, small, "A")
    assert len(worn.store("A").damaged)
    assert not touches(features.coordinates, rectangles, TILE_SIZE).any()
    tiles = replace(worn, slides={"A": sound}).tiles_by_openslide("A")
    np.testing.assert_array_equal(features.features, encoded(small, tiles), strict=True)


@pytest.mark.parametrize("reader", ["direct", "openslide"])
def test_a_tile_that_got_damaged_since_names_slide_and_tile(cohort, small, tmp_path, reader):
    worn = replace(cohort, folder=tmp_path, slides=cohort.slides | {"A": tmp_path / "A.svs"})
    shutil.copytree(cohort.tiles, worn.tiles)
    parameters = TilingParameters(mpp=0.5, tile_size=TILE_SIZE, max_background=0.5, jpeg_quality=90, reader=reader)
    tile_slide(SlideSource(cohort.slides["A"], "A", "P-A"), parameters, store=worn.index("A"))
    [rectangle] = damage(cohort.slides["A"], worn.slides["A"], (1, 1))
    lost = np.flatnonzero(touches(worn.store("A").coordinates, [rectangle], TILE_SIZE))
    with pytest.raises(SlidesFailedError, match=r"1 of 5 slides failed") as caught:
        worn.extract(small, to=tmp_path)
    [told] = re.findall(r"A.svs: tile (\d+) at \((\d+), (\d+)\) is damaged, and was not when", str(caught.value))
    assert int(told[0]) in lost
    assert worn.store("A").coordinates[int(told[0])].tolist() == [int(told[1]), int(told[2])]
    assert sorted(contents(tmp_path / "kept" / "small")) == [
        f"{name}.zarr.zip" for name in ("B", "damaged", "empty", "fine")
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tile_size": 128}, "takes tiles of tile_size 128, and tiling.tile_size is 64. Set tiling: {tile_size: 128}"),
        ({"mpp": 0.25}, "takes tiles of mpp 0.25, and tiling.mpp is 0.5. Set tiling: {mpp: 0.25}"),
        ({"tile_size": 32, "mpp": 1.0}, "Set tiling: {tile_size: 32, mpp: 1}"),
    ],
)
def test_tiles_of_another_kind_are_refused(cohort, small, tmp_path, change, told):
    with pytest.raises(EncoderError, match=re.escape(told)):
        cohort.extract(replace(small, **change), to=tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"input_size": 48}, r"its input is \['n', 3, 32, 32\], and not"),
        ({"dimension": 99}, "it gives 12 numbers a tile, and not 99"),
        ({"output": "maps"}, "its output 'maps' is"),
        ({"output": "nothing"}, "it cannot encode 8 tiles"),
    ],
)
def test_a_file_of_another_network_is_refused(cohort, small, tmp_path, change, told):
    with pytest.raises(EncoderFileError, match=told):
        cohort.extract(replace(small, **change), to=tmp_path)


def test_weights_that_are_cut_short_are_refused(cohort, small, tmp_path):
    short = tmp_path / "short.onnx"
    short.write_bytes(small.file.read_bytes()[:-100])
    with pytest.raises(EncoderFileError, match=r"encoder small: .*short.onnx: not a network that onnxruntime can load"):
        cohort.extract(replace(small, file=short), to=tmp_path)


def test_full_memory_makes_smaller_batches(small, monkeypatch, caplog):
    tiles = np.random.default_rng(3).integers(0, 256, (5, TILE_SIZE, TILE_SIZE, 3), dtype=np.uint8)
    encoder = load_encoder(small, EncoderSetup(TILE_SIZE, batch_size=5))
    whole, features = encoder.submit(tiles)(), encoder._features

    def small_device(part):
        if len(part) > 2:
            raise RuntimeError("Failed to allocate memory for requested buffer of size 123")
        return features(part)

    monkeypatch.setattr(encoder, "_features", small_device)
    np.testing.assert_array_equal(encoder.submit(tiles)(), whole)
    encoder.submit(tiles)()
    assert [record.args for record in caplog.records] == [(3,), (2,)]


def test_a_gpu_that_is_not_there_is_told(cohort, small, tmp_path):
    with pytest.raises(DeviceError, match=r"features.device is cuda, and this onnxruntime knows CPUs only"):
        cohort.extract(small, to=tmp_path, setup=EncoderSetup(0, device="cuda"))


def command(cohort, small, folder):
    entry = {
        "kind": "onnx",
        "file": str(small.file),
        "input_size": INPUT_SIZE,
        "normalisation": {"mean": HALF.mean, "std": HALF.std},
    }
    slides = [word for slide_id, path in cohort.slides.items() for word in ("--slide", slide_id, path)]
    outputs = ["--encoder", "small", folder / "small", "--kept", folder / "kept", "--tiles", cohort.tiles]
    return [*map(str, [sys.executable, SCRIPT, *slides, *outputs, "--entries", json.dumps(entry and {"small": entry})])]


def test_a_killed_job_goes_on_to_the_same_bytes(cohort, small, tmp_path, start_program):
    cohort.extract(small, to=tmp_path / "whole")
    # Two slides are finished when a slide that never ends is reached: a FIFO that nobody writes to.
    slow = replace(cohort, slides=dict(cohort.slides))
    endless = tmp_path / "endless.svs"
    os.mkfifo(endless)
    slow.slides["fine"] = endless
    process = start_program(command(slow, small, tmp_path))
    kept = tmp_path / "kept" / "small"

    def are_finished():
        assert process.poll() is None
        return all((kept / f"{slide_id}.zarr.zip").exists() for slide_id in ("A", "empty"))

    eventually(are_finished, "two slides are finished")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "small").exists()
    written = (kept / "A.zarr.zip").stat().st_mtime_ns
    run = subprocess.run(command(cohort, small, tmp_path), check=True, capture_output=True, text=True)
    assert re.search(r"5 slides, [1-4] of them finished before", run.stderr)
    assert (tmp_path / "small" / "A.zarr.zip").stat().st_mtime_ns == written
    assert contents(tmp_path / "small") == contents(tmp_path / "whole" / "small")


def test_what_is_kept_of_other_weights_is_made_anew(cohort, small, tmp_path):
    cohort.extract(small, to=tmp_path, slides=["A"])
    (tmp_path / "kept" / "small").mkdir(parents=True, exist_ok=True)
    (tmp_path / "small" / "A.zarr.zip").replace(tmp_path / "kept" / "small" / "A.zarr.zip")
    other = replace(small, file=write_network(tmp_path / "other.onnx", scale=2.0))
    cohort.extract(other, to=tmp_path, slides=["A"])
    assert features_in(tmp_path, other, "A").summary.weights_sha256 == file_sha256(other.file)


def test_two_copies_of_a_job_may_run_side_by_side(cohort, small, tmp_path, start_program):
    cohort.extract(small, to=tmp_path / "alone")
    both = [start_program(command(cohort, small, tmp_path)) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert contents(tmp_path / "small") == contents(tmp_path / "alone" / "small")
    assert contents(tmp_path / "kept") == {}
