"""tf.train.Example messages without TensorFlow.

They are read by the protobuf library and written here: the library copies a tile several times on the way, which costs
3% of what cutting it costs. The tests compare the two.
Source of the encoding: https://protobuf.dev/programming-guides/encoding/
"""

import struct
from collections.abc import Mapping
from functools import lru_cache
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
        kind, content = _content(features[key])
        parts += (_head(key, kind, len(content)), content)
    return [_TAG_1 + _varint(sum(map(len, parts))), *parts]


def _content(value: FeatureValue | str) -> tuple[bytes, bytes]:
    """The kind of list that a value is of, and what stands for it there."""
    if isinstance(value, bytes):
        return _BYTES, value
    if isinstance(value, str):
        return _BYTES, value.encode()
    if isinstance(value, float):
        return _FLOATS, _FLOAT.pack(value)
    return _INTEGERS, _varint(value & _MASK_64)


@lru_cache(maxsize=1024)  # tiles have the same features, whose values are mostly of the same length
def _head(key: str, kind: bytes, length: int) -> bytes:
    """What stands before a value of so many bytes: of each message around it the tag and the length."""
    name = key.encode()
    messages = _TAG_1 + _varint(length)  # the one value of a list
    for tag in (kind, _TAG_2):  # the list in a feature, the feature in an entry of the map
        messages = tag + _varint(len(messages) + length) + messages
    messages = _TAG_1 + _varint(len(name)) + name + messages
    return _TAG_1 + _varint(len(messages) + length) + messages


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
