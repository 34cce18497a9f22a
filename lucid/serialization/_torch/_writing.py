"""The zip archive around a pickle, byte by byte as PyTorch lays it out.

Every record begins at a multiple of 64 bytes, so that whoever maps the file finds it aligned, and PyTorch can compute
the places of the storages instead of looking them up.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from lucid import _tape
from lucid.serialization._pieces import Piece, Progress
from lucid.serialization._torch._emitter import Stored

_ALIGNMENT = 64
_ROOT = "archive"
_CHUNK = 1 << 24  # bytes of one write, after which progress is told and Ctrl-C is heard
_FULL = 0xFFFFFFFF  # numbers from here on do not fit into four bytes
_SUM_FOLLOWS, _UNICODE = 8, 1 << 11


class Writer:
    """Writes an archive to `file` from its place on, which has to be its start, and tells `progress` about it."""

    def __init__(self, file: BinaryIO, progress: Progress | None = None) -> None:
        self._file, self._progress = file, progress
        self._at = 0
        self._listed: list[bytes] = []
        self._names = self._sums = 0  # checksums of the names, and of the checksums

    def checkpoint(self, pickle: bytes, storages: list[Stored]) -> None:
        """Write the records of a checkpoint, and the list of them."""
        self._record("data.pkl", len(pickle), [pickle])
        self._record(".format_version", 1, [b"1"])
        self._record(".storage_alignment", 2, [str(_ALIGNMENT).encode()])
        self._record("byteorder", len(sys.byteorder), [sys.byteorder.encode()])
        for k, stored in enumerate(storages):
            self._record(f"data/{k}", stored.numel * stored.tensor.dtype.itemsize, _content(stored))
        self._record("version", 2, [b"3\n"])
        self._record(".data/serialization_id", 40, [f"{self._names:020}{self._sums:020}".encode()])
        self._list()

    def _write(self, data: Any) -> None:
        self._file.write(data)
        self._at += len(data)
        if self._progress is not None:
            self._progress(len(data))

    def _record(self, name: str, size: int, pieces: Iterable[Any]) -> None:
        title, header = f"{_ROOT}/{name}".encode(), self._at
        large = _large(size, header)
        start = header + 30 + len(title) + len(large) + 4
        padding = -start % _ALIGNMENT
        extra = large + struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        flags = _UNICODE | (_SUM_FOLLOWS if size else 0)
        self._write(
            struct.pack("<4s5H3I2H", b"PK\x03\x04", 0, flags, 0, 0, 0, 0, 0, 0, len(title), len(extra)) + title + extra
        )
        total = 0
        for piece in pieces:
            total = zlib.crc32(piece, total)
            self._write(piece)
        if size:  # the checksum is known only now
            self._write(struct.pack("<4sI2Q" if large else "<4s3I", b"PK\x07\x08", total, size, size))
        self._names = zlib.crc32(title, self._names)
        self._sums = zlib.crc32(struct.pack("<I", total), self._sums)
        sizes = (_FULL if size >= _FULL else size,) * 2
        lengths = (len(title), len(large), 0, 0, 0)
        self._listed.append(
            struct.pack(
                "<4s6H3I5H2I", b"PK\x01\x02", 0, 0, flags, 0, 0, 0, total, *sizes, *lengths, 0, min(header, _FULL)
            )
            + title
            + large
        )

    def _list(self) -> None:
        start, count = self._at, len(self._listed)
        for entry in self._listed:
            self._write(entry)
        length, end = self._at - start, self._at
        self._write(struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 798, 45, 0, 0, count, count, length, start))
        self._write(struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1))
        short, at = min(count, 0xFFFF), min(start, _FULL)
        self._write(struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, short, short, min(length, _FULL), at, 0))


def _large(size: int, header: int) -> bytes:
    """The field for numbers that need eight bytes: the size, twice, and the place."""
    numbers = ([size, size] if size >= _FULL else []) + ([header] if header >= _FULL else [])
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers) if numbers else b""


def _content(stored: Stored) -> Iterator[memoryview]:
    """The bytes of a tensor in the order in which they are stored."""
    array = _tape.array(stored.tensor)
    content = Piece(array[stored.parts].transpose(stored.order) if array.ndim else array).bytes()
    for start in range(0, len(content), _CHUNK):
        yield content[start : start + _CHUNK]
