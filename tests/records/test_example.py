"""Messages are written byte by byte as the protobuf library writes them."""

from hypothesis import given
from hypothesis import strategies as st

from slidemill.records import encode_example, encode_example_parts, parse_example
from slidemill.records.example_message import EXAMPLE

values = st.one_of(st.binary(max_size=300), st.integers(-(2**63), 2**63 - 1), st.floats(width=32, allow_nan=False))


@given(features=st.dictionaries(st.text(min_size=1, max_size=200), values, max_size=5))
def test_bytes_are_those_of_protobuf(features):
    message = EXAMPLE()
    for key, value in features.items():
        feature = message.features.feature[key]
        kind = {bytes: feature.bytes_list, int: feature.int64_list, float: feature.float_list}[type(value)]
        kind.value.append(value)
    if not features:
        message.features.SetInParent()
    assert encode_example(features) == message.SerializeToString(deterministic=True)
    assert parse_example(encode_example(features)) == features


def test_large_values_are_not_copied():
    jpeg = bytes(100_000)
    parts = encode_example_parts({"image/encoded": jpeg, "tile/x": 5})
    assert any(part is jpeg for part in parts)
    assert len(parse_example(b"".join(parts))["image/encoded"]) == 100_000
