import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.records import DamagedRecordError, RecordWriter, extend_record, read_record, read_records

payloads = st.lists(st.binary(max_size=50), max_size=8)


def written(payloads):
    file = io.BytesIO()
    writer = RecordWriter(file)
    return file, [writer.write(payload) for payload in payloads]


@given(payloads=payloads)
def test_records_are_read_back_in_order_and_by_place(payloads, tmp_path_factory):
    file, places = written(payloads)
    path = tmp_path_factory.mktemp("records") / "x.tfrecord"
    path.write_bytes(file.getvalue())
    assert list(read_records(path)) == payloads
    by_place = [read_record(path, file, offset=offset, length=length) for offset, length in places]
    assert by_place == payloads


@given(payloads=st.lists(st.binary(max_size=30), min_size=1, max_size=4), data=st.data())
def test_any_changed_byte_is_noticed(payloads, data, tmp_path_factory):
    content = bytearray(written(payloads)[0].getvalue())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("records") / "x.tfrecord"
    path.write_bytes(content)
    with pytest.raises(DamagedRecordError, match=r"x\.tfrecord: the record at byte"):
        list(read_records(path))


@given(payloads=st.lists(st.binary(max_size=30), min_size=1, max_size=4), data=st.data())
def test_a_cut_inside_a_record_is_noticed(payloads, data, tmp_path_factory):
    file, places = written(payloads)
    content = file.getvalue()
    boundaries = {0, *(offset + length for offset, length in places)}
    kept = data.draw(st.integers(0, len(content) - 1).filter(lambda kept: kept not in boundaries))
    path = tmp_path_factory.mktemp("records") / "x.tfrecord"
    path.write_bytes(content[:kept])
    with pytest.raises(DamagedRecordError):
        list(read_records(path))


@pytest.mark.parametrize(("offset", "length"), [(0, 5), (1, 20), (0, 19), (0, 21), (100, 20)])
def test_a_wrong_place_is_noticed(offset, length):
    file, places = written([b"four"])
    assert places == [(0, 20)]
    with pytest.raises(DamagedRecordError):
        read_record(Path("x"), file, offset=offset, length=length)


@given(payload=st.binary(max_size=50), more=st.binary(max_size=50))
def test_an_extended_record_is_the_record_of_the_longer_payload(payload, more):
    content = written([payload])[0].getvalue()
    buffer = memoryview(bytearray(content + bytes(len(more))))
    extend_record(Path("x"), buffer, offset=0, length=len(content), more=more)
    assert bytes(buffer) == written([payload + more])[0].getvalue()


@given(payload=st.binary(max_size=50), data=st.data())
def test_a_damaged_record_is_not_extended(payload, data):
    content = bytearray(written([payload])[0].getvalue())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedRecordError, match="the record at byte 7"):
        extend_record(Path("x"), memoryview(content + b"more"), offset=7, length=len(content), more=b"more")


@pytest.mark.parametrize("length", [0, 5, 15, 19, 21])
def test_a_record_of_another_length_is_not_extended(length):
    buffer = memoryview(bytearray(written([b"four"])[0].getvalue() + bytes(10)))
    with pytest.raises(DamagedRecordError):
        extend_record(Path("x"), buffer, offset=0, length=length, more=b"")
