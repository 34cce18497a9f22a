"""Files of torch.save since PyTorch 1.6: a zip archive of a pickle and a record for each storage."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lucid.serialization._archive import Archive, Reader
from lucid.serialization._header import CheckpointError
from lucid.serialization._torch._blanks import Blanks
from lucid.serialization._torch._budget import Budget
from lucid.serialization._torch._machine import Machine
from lucid.serialization._torch._stream import Stream


class Zip:
    """A checkpoint in an archive, whose pickle was run.

    Attributes:
        value: what it contains; the tensors have no values yet.
        blanks: what is known of them.
        order: keys in the order of their records.
    """

    def __init__(self, file: Any, size: int) -> None:
        self._archive = Archive(file, size)
        self._root = _root(self._archive)
        self._turned = self._byte_order() != "little"
        pickle = f"{self._root}data.pkl"
        self._archive.check(pickle)
        budget = Budget(size)
        self.blanks = Blanks(budget)
        stream = Stream(_Sequential(self._archive.open(pickle)), 0, self._archive.size_of(pickle))
        self.value = Machine(stream, self.blanks, budget).run()
        self.order = list(self._keys())

    def _keys(self) -> Iterator[str]:
        start = f"{self._root}data/"
        for block in self.blanks.blocks.values():
            size = self._archive.size_of(start + block.key)
            if not block.nbytes <= size < block.nbytes + block.kind.itemsize:
                raise CheckpointError(
                    f"its storage {block.key!r} should have {block.nbytes} bytes and has {size}: it was not written or "
                    "copied completely"
                )
        for name, _ in sorted(self._archive.records.items(), key=lambda item: item[1].header):
            if name.startswith(start):
                yield name.removeprefix(start)

    def _byte_order(self) -> str:
        name = f"{self._root}byteorder"
        if name not in self._archive.records:
            return "little"
        order = self._archive.read(name) if self._archive.size_of(name) < 20 else b"?"
        if order not in (b"little", b"big"):
            raise CheckpointError(f"its byte order is {order!r}; 'little' and 'big' are known")
        return order.decode()

    def open(self, key: str) -> Turned:
        """The bytes of a storage."""
        return Turned(self._archive.open(f"{self._root}data/{key}"), self._turned)


class _Sequential:
    """A record as a file that is read from its start to its end."""

    def __init__(self, record: Reader) -> None:
        self._record = record

    def seek(self, place: int) -> None:
        """Nothing: the place is where the last piece ended."""

    def read(self, count: int) -> bytes:
        """The next bytes, at most `count`."""
        found = bytearray(count)
        return bytes(found[: self._record.readinto(found)])


class Turned:
    """A record of numbers, and whether their bytes are in the wrong order."""

    def __init__(self, record: Reader, turned: bool) -> None:
        self.turned = turned
        self.readinto = record.readinto


def _root(archive: Archive) -> str:
    found = [name for name in archive.records if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(found) != 1:
        raise CheckpointError("it is a zip archive, but not one of torch.save: it has no data.pkl")
    root = found[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in archive.records:
        raise CheckpointError(
            "it is a TorchScript program; save torch.jit.load(path).state_dict() with torch.save where PyTorch is "
            "installed"
        )
    return root
