"""Zip archives as torch.save and numpy write them: records one after the other and a list of them at the end.

Python's own `zipfile` believes more than is good: here records must not overlap or have the same name, every size is
held against the file before room is made for it, and a compressed record has to be of a size that can be true.
"""

from __future__ import annotations

import struct
import zlib
from typing import Any, NamedTuple

from lucid.serialization._header import CheckpointError

_MOST = 500_000  # records
_END = 65_557  # the longest end of an archive: 22 bytes and a comment
_RATIO = 20  # how many times the size of the file may come of what is compressed in it; weights do not get to twice
_SMALL = 1 << 20  # bytes that may come of any file
_STORED, _DEFLATED = 0, 8
_PIECE = 1 << 20


class Record(NamedTuple):
    """Where a record is: the place of its header and the first that is not its own, and its sizes."""

    header: int
    end: int
    packed: int
    size: int
    checksum: int
    method: int
    flags: int


class Archive:
    """The records of the zip archive `file`.

    Args:
        file: an open file that can seek.
        size: how many bytes it has.
        ratio: how many times that may come of what is compressed in it.

    Raises CheckpointError with the reason alone for what is damaged.

    Attributes:
        records: each by its name, in the order of the list.
    """

    def __init__(self, file: Any, size: int, ratio: int = _RATIO) -> None:
        self._file, self._size = file, size
        self.records: dict[str, Record] = {}
        count, start, length = self._find_list()
        if count > _MOST:
            raise CheckpointError(f"it claims to have {count} records; {_MOST} are the most")
        self._read_list(self._at(start, length), count)
        self._bound(start)
        total = sum(record.size for record in self.records.values() if record.method != _STORED)
        if total > _SMALL + ratio * size:
            raise CheckpointError(
                f"it is a zip bomb: {total} bytes would come of what is compressed in its {size}, more than can be true"
            )

    def _at(self, start: int, length: int) -> bytes:
        if not 0 <= start <= start + length <= self._size:
            raise CheckpointError("its list of records points beyond its end: it was not written or copied completely")
        self._file.seek(start)
        pieces = []
        while length:
            piece = self._file.read(length)
            if not piece:
                raise CheckpointError("it became shorter while it was being read")
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def _find_list(self) -> tuple[int, int, int]:
        """How many records are listed, where the list starts, and how long it is."""
        tail = self._at(max(0, self._size - _END), min(self._size, _END))
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < 22:
            raise CheckpointError("the list of its records is missing: it was not written or copied completely")
        disk, other, here, count, length, start, comment = struct.unpack_from("<4H2IH", tail, at + 4)
        if at + 22 + comment != len(tail):
            raise CheckpointError("something follows the list of its records")
        place = self._size - len(tail) + at
        if at >= 20 and tail[at - 20 : at - 16] == b"PK\x06\x07":
            (large,) = struct.unpack_from("<Q", tail, at - 12)
            found = self._at(large, 56)
            if found[:4] != b"PK\x06\x06":
                raise CheckpointError("the list of its records is broken")
            disk, other, here, count, length, start = struct.unpack_from("<2I4Q", found, 16)
            place = large
        if disk or other or here != count or start + length != place:
            raise CheckpointError("the list of its records is broken")
        return count, start, length

    def _read_list(self, listed: bytes, count: int) -> None:
        at = 0
        for _ in range(count):
            if len(listed) - at < _LISTED.size:
                raise CheckpointError("the list of its records is broken")
            mark, _, _, flags, method, _, _, checksum, packed, size, name, extra, comment, disk, _, _, header = (
                _LISTED.unpack_from(listed, at)
            )
            at += _LISTED.size
            if mark != b"PK\x01\x02" or disk or at + name + extra + comment > len(listed):
                raise CheckpointError("the list of its records is broken")
            text = _text(listed[at : at + name])
            size, packed, header = _enlarged([size, packed, header], listed[at + name : at + name + extra])
            if text in self.records:
                raise CheckpointError(f"it has two records named {text!r}")
            self.records[text] = Record(header, 0, packed, size, checksum, method, flags)
            at += name + extra + comment
        if at != len(listed):
            raise CheckpointError("the list of its records is broken")

    def _bound(self, end: int) -> None:
        """Say of each record where the next one starts, from the last to the first; it must not reach into it."""
        for name, record in sorted(self.records.items(), key=lambda item: -item[1].header):
            if record.header + _HEADER.size + len(name) + record.packed > end:
                raise CheckpointError(f"its record {name!r} overlaps what follows it")
            self.records[name] = record._replace(end=end)
            end = record.header

    # ---- one record --------------------------------------------------------------------------------------------------

    def size_of(self, name: str) -> int:
        """How many bytes the record has. Raises CheckpointError if it is not there, or cannot have that many."""
        record = self.records.get(name)
        if record is None:
            raise CheckpointError(f"its record {name!r} is missing")
        if record.flags & 1:
            raise CheckpointError(f"its record {name!r} is encrypted")
        if record.method not in (_STORED, _DEFLATED):
            raise CheckpointError(f"its record {name!r} is compressed in the way {record.method}, which is not read")
        if record.method == _STORED and record.packed != record.size:
            raise CheckpointError(f"its record {name!r} has {record.packed} bytes and should have {record.size}")
        return record.size

    def open(self, name: str) -> Reader:
        """The record, to be read from its first byte to its last."""
        self.size_of(name)
        record = self.records[name]
        header = self._at(record.header, _HEADER.size)
        mark, _, _, method, _, _, _, _, _, length, extra = _HEADER.unpack(header)
        start = record.header + _HEADER.size + length + extra
        if mark != b"PK\x03\x04" or method != record.method or start + record.packed > record.end:
            raise CheckpointError(f"the header of its record {name!r} is broken")
        if _text(self._at(record.header + _HEADER.size, length)) != name:
            raise CheckpointError(f"its record {name!r} has another name in its header")
        return Reader(self._file, name, record, start)

    def check(self, name: str) -> None:
        """Read the record for its checksum alone."""
        reader, piece = self.open(name), bytearray(min(_PIECE, self.size_of(name)))
        while reader.readinto(piece):
            pass

    def read(self, name: str) -> bytes:
        """All of the record."""
        reader, found = self.open(name), bytearray(self.size_of(name))
        view = memoryview(found)
        while view:
            view = view[reader.readinto(view) :]
        return bytes(found)


class Reader:
    """A record that is being read. At its end its checksum is compared."""

    def __init__(self, file: Any, name: str, record: Record, start: int) -> None:
        self._file, self._name, self._record = file, name, record
        self._next, self._left = start, record.size
        self._sum = 0
        self._packed, self._unpacker = record.packed, zlib.decompressobj(-15)
        self._waiting = b""  # compressed bytes that were read, but did not fit

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`, or as much of it as there is, and say how many bytes that was."""
        view = memoryview(buffer).cast("B")[: self._left]
        if not view:
            return 0
        got = self._unpack(view) if self._record.method == _DEFLATED else self._copy(view)
        self._sum = zlib.crc32(view[:got], self._sum)
        self._left -= got
        # PyTorch writes no sum, but 0, if it was told so.
        if not self._left and self._sum != self._record.checksum and self._record.checksum:
            raise CheckpointError(f"its record {self._name!r} is damaged: the checksum is wrong")
        return got

    def _copy(self, view: memoryview) -> int:
        self._file.seek(self._next)
        got: int = self._file.readinto(view)
        if not got:
            raise CheckpointError("it became shorter while it was being read")
        self._next += got
        return got

    def _unpack(self, view: memoryview) -> int:
        while True:
            if not self._waiting:
                self._file.seek(self._next)
                self._waiting = self._file.read(min(_PIECE, self._packed))
                self._next += len(self._waiting)
                self._packed -= len(self._waiting)
            try:
                found = self._unpacker.decompress(self._waiting, min(len(view), _PIECE))
            except zlib.error as error:
                raise CheckpointError(f"its record {self._name!r} is damaged: {error}") from None
            ended = self._unpacker.eof or not self._waiting
            self._waiting = self._unpacker.unconsumed_tail
            if found:
                view[: len(found)] = found
                return len(found)
            if ended:
                raise CheckpointError(f"its record {self._name!r} is damaged: it ends {self._left} bytes too early")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _enlarged(numbers: list[int], extra: bytes) -> list[int]:
    """The sizes and the place of a record, those that do not fit into four bytes from its further fields."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            large = extra[at + 4 : at + 4 + length]
            for k, number in enumerate(numbers):
                if number == 0xFFFFFFFF and len(large) >= 8:
                    (numbers[k],) = struct.unpack_from("<Q", large)
                    large = large[8:]
            break
        at += 4 + length
    return numbers


# In the list: mark, versions, flags, method, time, sum, sizes, three lengths, disk, attributes, place.
_LISTED = struct.Struct("<4s6H3I5H2I")
# Before each record: mark, version, flags, method, time, sum, sizes, lengths of the name and of further fields.
_HEADER = struct.Struct("<4s5H3I2H")
