"""TFRecord files and tf.train.Example messages, without TensorFlow."""

from slidemill.records.example import Example, FeatureValue, encode_example, encode_example_parts, parse_example
from slidemill.records.fifo import FifoChannel, FifoMissingError
from slidemill.records.tfrecord import (
    DamagedRecordError,
    RecordWriter,
    extend_record,
    read_checksum,
    read_record,
    read_records,
    records_in,
)
from slidemill.records.unreadable import RecordsError

__all__ = [
    "DamagedRecordError",
    "Example",
    "FeatureValue",
    "FifoChannel",
    "FifoMissingError",
    "RecordWriter",
    "RecordsError",
    "encode_example",
    "encode_example_parts",
    "extend_record",
    "parse_example",
    "read_checksum",
    "read_record",
    "read_records",
    "records_in",
]
