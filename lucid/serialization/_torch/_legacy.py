"""Files of torch.save before PyTorch 1.6: five pickles, then the storages one after the other."""

from __future__ import annotations

import struct
from typing import Any

from lucid.serialization._header import CheckpointError
from lucid.serialization._torch._blanks import Blanks
from lucid.serialization._torch._budget import Budget
from lucid.serialization._torch._machine import Machine
from lucid.serialization._torch._stream import Stream

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001


class Legacy:
    """A checkpoint as a stream of pickles, which were run.

    Attributes:
        value: what it contains; the tensors have no values yet.
        blanks: what is known of them.
        order: keys in the order of their storages.
    """

    def __init__(self, file: Any, size: int) -> None:
        self._file, self._stream = file, Stream(file, 0, size)
        self._budget = Budget(size)
        if self._run() != _MAGIC:
            raise CheckpointError(
                "it is a pickle, but not one of torch.save; load it with the program that wrote it, and save its "
                "tensors with safetensors"
            )
        if (version := self._run()) != _VERSION:
            raise CheckpointError(f"it is of version {version!r} of PyTorch's format; {_VERSION} is known")
        self._run()  # about the machine that wrote it; numbers are little-endian whatever it was
        self.blanks = Blanks(self._budget)
        self.value = Machine(self._stream, self.blanks, self._budget).run()
        self.order = self._run()
        self._places = dict(self._find(size))

    def _run(self) -> Any:
        found = Machine(self._stream, Blanks(self._budget), self._budget).run()
        if not isinstance(found, (int, dict, list)):
            raise CheckpointError("it is a pickle, but not one of torch.save")
        return found

    def _find(self, size: int) -> Any:
        """Where each storage starts."""
        if not isinstance(self.order, list) or not all(type(key) is str for key in self.order):
            raise CheckpointError("its list of storages is broken")
        if len(set(self.order)) != len(self.order) or not set(self.blanks.blocks) <= set(self.order):
            raise CheckpointError("its list of storages is not complete, or names one twice")
        at = self._stream.tell()
        for key in self.order:
            block = self.blanks.blocks.get(key)
            if block is None:
                raise CheckpointError(f"its list of storages has {key!r}, which no tensor uses")
            if at + 8 + block.nbytes > size:
                raise CheckpointError(
                    f"it ends before its storage {key!r} does: it was not written or copied completely"
                )
            self._file.seek(at)
            (count,) = struct.unpack("<q", self._file.read(8))
            if count * block.kind.itemsize != block.nbytes:
                raise CheckpointError(
                    f"its storage {key!r} should have {block.nbytes} bytes and has {count * block.kind.itemsize}"
                )
            yield key, at + 8
            at += 8 + block.nbytes

    def open(self, key: str) -> Slice:
        """The bytes of a storage."""
        return Slice(self._file, self._places[key])


class Slice:
    """What follows in a file from a place on."""

    def __init__(self, file: Any, start: int) -> None:
        self._file, self._next = file, start

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer`, or as much of it as there is, and say how many bytes that was."""
        self._file.seek(self._next)
        got: int = self._file.readinto(buffer)
        self._next += got
        return got
