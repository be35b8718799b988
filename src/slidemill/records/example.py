"""tf.train.Example messages without TensorFlow.

They are read by the protobuf library and written here: the library copies a tile several times on the way, which costs
3% of what cutting it costs. The tests compare the two.
Source of the encoding: https://protobuf.dev/programming-guides/encoding/
"""

import struct
from collections.abc import Mapping
from functools import cache
from typing import Any

FeatureValue = bytes | int | float
Example = dict[str, FeatureValue]

_TAG_1, _TAG_2, _TAG_3 = b"\x0a", b"\x12", b"\x1a"  # of fields 1 to 3, where bytes or a message follow
_BYTES, _FLOATS, _INTEGERS = _TAG_1, _TAG_2, _TAG_3  # the kinds of lists in a feature
_FLOAT = struct.Struct("<f")
_MASK_64 = 2**64 - 1


def encode_example(features: Mapping[str, FeatureValue | str]) -> bytes:
    """Serialise one tf.train.Example with one value a feature, the same bytes for equal features.

    Two messages joined byte by byte parse as one with the features of both (protobuf merges embedded messages), so
    that features can be added to a record without decoding it.
    """
    return b"".join(encode_example_parts(features))


def encode_example_parts(features: Mapping[str, FeatureValue | str]) -> list[bytes]:
    """The same in parts that only have to be joined; large values are among them as they are, uncopied."""
    parts: list[bytes] = []
    for key in sorted(features):
        parts += _entry(key, features[key])
    return [_TAG_1, _varint(sum(map(len, parts))), *parts]


def _entry(key: str, value: FeatureValue | str) -> list[bytes]:
    """One entry of the map of features, in parts. Each message in it begins with its tag and its length."""
    if isinstance(value, bytes | str):
        kind, content = _BYTES, value.encode() if isinstance(value, str) else value
        head = _TAG_1 + _varint(len(content))
    elif isinstance(value, float):
        kind, head, content = _FLOATS, b"\x0a\x04", _FLOAT.pack(value)
    else:
        kind, content = _INTEGERS, _varint(value & _MASK_64)
        head = _TAG_1 + _varint(len(content))
    head = kind + _varint(len(head) + len(content)) + head
    head = _name(key) + _TAG_2 + _varint(len(head) + len(content)) + head
    return [_TAG_1 + _varint(len(head) + len(content)) + head, content]


@cache
def _name(key: str) -> bytes:
    name = key.encode()
    return _TAG_1 + _varint(len(name)) + name


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth bit tells that more follow."""
    if number < 0x80:
        return bytes((number,))
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def parse_example(serialized: bytes) -> Example:
    """Parse one tf.train.Example whose features hold one value each.

    Raises:
        google.protobuf.message.DecodeError: these are not the bytes of an Example.
    """
    from slidemill.records.example_message import EXAMPLE  # here, because jobs that only write do without protobuf

    message = EXAMPLE.FromString(serialized)
    return {key: _single_value(feature) for key, feature in sorted(message.features.feature.items())}


def _single_value(feature: Any) -> FeatureValue:
    value: FeatureValue = getattr(feature, feature.WhichOneof("kind")).value[0]
    return value
