"""PyTorch's own files, read and written without PyTorch: `.pt`, `.pth` and `.bin` of `torch.save`.

Reading runs no code of the file: see `_machine` and `_allowed`. All values are read at once, straight into the memory
of their arrays, so that the file may be replaced or removed afterwards.
"""

from __future__ import annotations

import os
import struct
from typing import Any, BinaryIO, NamedTuple

from lucid.serialization._archive import Archive
from lucid.serialization._header import CheckpointError
from lucid.serialization._pieces import Progress
from lucid.serialization._torch._emitter import Emitter
from lucid.serialization._torch._filling import Place, fill, wanted
from lucid.serialization._torch._legacy import Legacy
from lucid.serialization._torch._walk import Found, look
from lucid.serialization._torch._writing import Writer
from lucid.serialization._torch._zip import Zip

__all__ = ["Described", "describe", "is_checkpoint", "read", "write"]


class Described(NamedTuple):
    """A tensor of a file: its name, shape, dtype as PyTorch names it, and size in bytes."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    nbytes: int


def is_checkpoint(file: BinaryIO) -> bool:
    """Whether the content of `file` looks like a file of `torch.save`, also a damaged one. Its place is kept."""
    place = file.tell()
    try:
        file.seek(0)
        head = file.read(512)
        if _is_pickle(head) or _is_tar(head):
            return True
        if head[:4] != b"PK\x03\x04" or len(head) < 30:
            return False
        (length,) = struct.unpack_from("<H", head, 26)
        if head[30 : 30 + length].endswith(b"/data.pkl"):
            return True
        return any(name.endswith("/data.pkl") for name in Archive(file, file.seek(0, os.SEEK_END)).records)
    except CheckpointError:
        return False
    finally:
        file.seek(place)


def read(file: BinaryIO, place: Place) -> Any:
    """What `torch.save` put into `file`, with tensors of lucid.

    Tensors that share memory share it here too. Attributes of dicts, as the `_metadata` of state dicts, are kept;
    eight-bit floats become float16 or float32, and complex32 becomes complex64.

    Args:
        file: a file that can seek.
        place: makes a tensor of an array; it is called once for each storage, with the name of its first tensor.

    Raises CheckpointError with the reason alone for files that are damaged or contain what is not read.
    """
    content, found, size = _run(file)
    fill(content.blanks, found, size, content.open, content.order, place)
    return content.value


def describe(file: BinaryIO) -> list[Described]:
    """The tensors in `file`, in their order, without reading their values. Raises CheckpointError as `read` does."""
    content, found, size = _run(file)
    return [
        Described(one.name, one.blank.size, one.blank.kind.name, one.blank.numel * one.blank.kind.itemsize)
        for one in wanted(content.blanks, found, size)
    ]


def write(file: BinaryIO, obj: Any, progress: Progress | None = None) -> None:
    """Write `obj` so that `torch.load(path, weights_only=True)` reads it.

    Tensors, parameters, numbers, text, bytes, None, dtypes, devices, sizes, and lists, tuples, sets, dicts, ordered
    dicts and counters of them. Tensors that share memory share it in the file. Devices become PyTorch's, tensors are on
    the CPU. `progress` is told how many more bytes were written.

    Raises TypeError, with the place in `obj`, for what PyTorch would not read, ValueError for what contains itself.
    """
    emitter = Emitter()
    pickle = emitter.pickle(obj)
    Writer(file, progress).checkpoint(pickle, emitter.storages)


def _run(file: BinaryIO) -> tuple[Zip | Legacy, Found, int]:
    """The content of the file, without values; its tensors; and its size."""
    size = file.seek(0, os.SEEK_END)
    try:
        content = _open(file, size)
        return content, look(content.value), size
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, struct.error) as error:
        raise CheckpointError(f"its pickle is broken: {type(error).__name__}: {error}") from None


def _open(file: BinaryIO, size: int) -> Zip | Legacy:
    file.seek(0)
    head = file.read(512)
    if head[:4] == b"PK\x03\x04":
        return Zip(file, size)
    if _is_tar(head):
        raise CheckpointError(
            "it is a tar archive, as PyTorch wrote before 0.1.10; save it again with torch.save where PyTorch is "
            "installed"
        )
    if not _is_pickle(head):
        raise CheckpointError("it is no file of torch.save")
    return Legacy(file, size)


def _is_pickle(head: bytes) -> bool:
    return head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"
