"""The framing of TFRecord files: length, its checksum, the payload, its checksum.

Source: tensorflow/core/lib/io/record_writer.h; checksums are CRC-32C, rotated and offset ("masked").
"""

import struct
from collections.abc import Iterable, Iterator
from functools import reduce
from pathlib import Path
from typing import BinaryIO, Protocol

import google_crc32c

from slidemill.errors import SlidemillError

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8


class DamagedRecordError(SlidemillError):
    """A record whose checksum is wrong, or which ends before its stated length."""

    def __init__(self, path: Path, offset: int) -> None:
        super().__init__(path, offset)
        self.path = path
        self.offset = offset

    def __str__(self) -> str:
        return (
            f"{self.path}: the record at byte {self.offset} is damaged. Delete the file and run again to make it anew."
        )


class _Writable(Protocol):
    def writelines(self, parts: Iterable[bytes], /) -> None: ...


class RecordWriter:
    """Append records to an open file and know where each one went."""

    def __init__(self, file: _Writable) -> None:
        self._file = file
        self._offset = 0

    def write(self, *payload: bytes) -> tuple[int, int]:
        """Append one record, whose payload may come in parts.

        Returns:
            Offset and length, in bytes, of the framed record; `read_record` takes both.
        """
        offset = self._offset
        payload_length = sum(map(len, payload))
        crc = reduce(google_crc32c.extend, payload, 0)
        self._file.writelines((_header(payload_length), *payload, _FOOTER.pack(_masked(crc))))
        length = _HEADER.size + payload_length + _FOOTER.size
        self._offset += length
        return offset, length


def read_record(path: Path, file: BinaryIO, *, offset: int, length: int) -> bytes:
    """Read the payload of one record by its place.

    Args:
        path: names the file in errors.
        file: the open file.
        offset, length: place of the framed record in bytes, as `RecordWriter.write` gave them.

    Raises:
        DamagedRecordError: a checksum or the length is wrong.
    """
    file.seek(offset)
    framed = file.read(length)
    if len(framed) < _HEADER.size + _FOOTER.size:
        raise DamagedRecordError(path, offset)
    payload_length = _payload_length(framed[: _HEADER.size], path, offset)
    if payload_length != length - _HEADER.size - _FOOTER.size or len(framed) != length:
        raise DamagedRecordError(path, offset)
    payload = framed[_HEADER.size : -_FOOTER.size]
    _check_payload(payload, framed[-_FOOTER.size :], path, offset)
    return payload


def read_checksum(path: Path, file: BinaryIO, *, offset: int, length: int) -> int:
    """Read the checksum of one record's payload as the file states it, and nothing else of it; see `read_record`."""
    file.seek(offset + length - _FOOTER.size)
    footer = file.read(_FOOTER.size)
    if len(footer) != _FOOTER.size:
        raise DamagedRecordError(path, offset)
    return int(_FOOTER.unpack(footer)[0])


def extend_record(path: Path, buffer: memoryview, *, offset: int, length: int, more: bytes) -> None:
    """Check a record in memory, and let its payload go on with more bytes, without another copy of it.

    Args:
        path, offset: name the record in errors.
        buffer: starts with the framed record and is longer by the length of `more`; changed in place.
        length: of the framed record in bytes, as `RecordWriter.write` gave it.
        more: what is appended to the payload.

    Raises:
        DamagedRecordError: a checksum or the length is wrong.
    """
    end = length - _FOOTER.size
    header, payload, footer = (
        bytes(buffer[: _HEADER.size]),
        bytes(buffer[_HEADER.size : end]),
        bytes(buffer[end:length]),
    )
    if length < _HEADER.size + _FOOTER.size or _payload_length(header, path, offset) != len(payload):
        raise DamagedRecordError(path, offset)
    crc = google_crc32c.value(payload)
    if _FOOTER.unpack(footer)[0] != _masked(crc):
        raise DamagedRecordError(path, offset)
    buffer[: _HEADER.size] = _header(len(payload) + len(more))
    buffer[end : end + len(more)] = more
    buffer[end + len(more) :] = _FOOTER.pack(_masked(google_crc32c.extend(crc, more)))


def read_records(path: Path) -> Iterator[bytes]:
    """Read the payloads of all records of a file, in order.

    Raises:
        DamagedRecordError: a checksum is wrong or the file ends inside a record.
    """
    with path.open("rb") as file:
        yield from records_in(file, path)


def records_in(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Read the payloads of the records of an open file, in order.

    Args:
        file: at the start of a record.
        path: names the file in errors.

    Raises:
        DamagedRecordError: a checksum is wrong or the file ends inside a record.
    """
    offset = 0
    while header := file.read(_HEADER.size):
        payload_length = _payload_length(header, path, offset)
        body = file.read(payload_length + _FOOTER.size)
        if len(body) != payload_length + _FOOTER.size:
            raise DamagedRecordError(path, offset)
        payload = body[: -_FOOTER.size]
        _check_payload(payload, body[-_FOOTER.size :], path, offset)
        yield payload
        offset += len(header) + len(body)


def _payload_length(header: bytes, path: Path, offset: int) -> int:
    if len(header) != _HEADER.size:
        raise DamagedRecordError(path, offset)
    payload_length, crc = _HEADER.unpack(header)
    if crc != _masked_crc(header[:8]):
        raise DamagedRecordError(path, offset)
    return int(payload_length)


def _check_payload(payload: bytes, footer: bytes, path: Path, offset: int) -> None:
    if _FOOTER.unpack(footer)[0] != _masked_crc(payload):
        raise DamagedRecordError(path, offset)


def _header(payload_length: int) -> bytes:
    packed = struct.pack("<Q", payload_length)
    return packed + _FOOTER.pack(_masked_crc(packed))


def _masked_crc(content: bytes) -> int:
    return _masked(google_crc32c.value(content))


def _masked(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF
