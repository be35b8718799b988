"""The files and messages are those of TensorFlow: its own readers are the judge."""

import json
import subprocess
import sys

import pytest

from slidemill.records import RecordWriter, encode_example, parse_example

_FEATURES = {"image/encoded": b"\xff\xd8jpeg", "slide/id": "schnitt-ä", "tile/x": -7, "tile/mpp": 0.5}
_CLASS = {"image/class/label": 2, "image/class/text": "LUSC"}

_PROGRAM = """
import json, sys
import tensorflow as tf
(record,) = tf.data.TFRecordDataset(sys.argv[1]).as_numpy_iterator()
kinds = {"image/encoded": tf.string, "slide/id": tf.string, "tile/x": tf.int64, "tile/mpp": tf.float32,
         "image/class/label": tf.int64, "image/class/text": tf.string}
parsed = tf.io.parse_single_example(record, {key: tf.io.FixedLenFeature([], kind) for key, kind in kinds.items()})
whole = tf.train.Example.FromString(record).features.feature
print(json.dumps({"values": {key: repr(value.numpy()) for key, value in parsed.items()}, "keys": sorted(whole)}))
"""


def test_equal_features_give_equal_bytes_in_any_order():
    assert encode_example(_FEATURES) == encode_example(dict(reversed(_FEATURES.items())))


def test_joined_messages_parse_as_one():
    joined = parse_example(encode_example(_FEATURES) + encode_example(_CLASS))
    assert joined == {
        key: value.encode() if isinstance(value, str) else value for key, value in (_FEATURES | _CLASS).items()
    }


@pytest.mark.slow
def test_tensorflow_reads_a_record_with_appended_features(tmp_path):
    path = tmp_path / "x.tfrecord"
    with path.open("wb") as file:
        RecordWriter(file).write(encode_example(_FEATURES) + encode_example(_CLASS))
    result = subprocess.run([sys.executable, "-c", _PROGRAM, str(path)], capture_output=True, text=True, check=True)
    read = json.loads(result.stdout)
    assert read["keys"] == sorted(_FEATURES | _CLASS)
    assert read["values"]["image/class/label"] == "np.int64(2)"
    assert read["values"]["slide/id"] == repr("schnitt-ä".encode())
    assert read["values"]["image/encoded"] == repr(b"\xff\xd8jpeg")
    assert read["values"]["tile/x"] == "np.int64(-7)"
