"""TFRecord files and tf.train.Example messages, without TensorFlow."""

from slidemill.records.example import Example, FeatureValue, encode_example, encode_example_parts, parse_example
from slidemill.records.fifo import FifoChannel, FifoMissingError
from slidemill.records.tfrecord import (
    DamagedRecordError,
    RecordWriter,
    extend_record,
    read_record,
    read_records,
    records_in,
)

__all__ = [
    "DamagedRecordError",
    "Example",
    "FeatureValue",
    "FifoChannel",
    "FifoMissingError",
    "RecordWriter",
    "encode_example",
    "encode_example_parts",
    "extend_record",
    "parse_example",
    "read_record",
    "read_records",
    "records_in",
]
