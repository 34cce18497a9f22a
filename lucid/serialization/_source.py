"""A file that is being read: opened once, looked at, and read into MLX's memory."""

from __future__ import annotations

import io
import math
import os
import stat
from typing import Any, BinaryIO

import mlx.core as mx
import numpy as np

from lucid.serialization._header import CheckpointError

_PIECE = 1 << 24  # bytes of one read; a longer one delays Ctrl-C


class Source:
    """An open file: a name for messages, a size, and its content from the start.

    Attributes:
        name: what messages call it.
        path: where it can be opened again; None for a stream.
        file: the open file, which can seek.
        size: how many bytes it has.
        head: the first 512 of them.
    """

    def __init__(self, name: str, path: str | None, file: BinaryIO, size: int) -> None:
        self.name, self.path, self.file, self.size = name, path, file, size
        self._identity = None if path is None else _identity(os.fstat(file.fileno()))
        file.seek(0)
        self.head = file.read(512)
        file.seek(0)

    @classmethod
    def open(cls, f: Any) -> Source:
        """The file at the path `f`, or what follows in the stream `f`. Use it in a `with` statement.

        Raises TypeError for what is neither, FileNotFoundError and its kin as `open` does.
        """
        if not isinstance(f, (str, bytes, os.PathLike)):
            return cls._of_stream(f)
        path = os.fsdecode(f)
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed at the end of the `with` that has the source
        mode = os.fstat(file.fileno()).st_mode
        if stat.S_ISREG(mode):
            return cls(path, path, file, os.fstat(file.fileno()).st_size)
        with file:
            if not stat.S_ISFIFO(mode):
                raise CheckpointError("it is no regular file")
            content = file.readall()
        return cls(path, None, io.BytesIO(content), len(content))

    @classmethod
    def _of_stream(cls, f: Any) -> Source:
        if not hasattr(f, "read"):
            raise TypeError(f"load: expected a path or a file opened for binary reading, got {type(f).__name__}")
        name = getattr(f, "name", None)
        name = name if isinstance(name, str) else "the stream"
        if isinstance(f, (io.BufferedReader, io.FileIO)) and f.seekable() and f.tell() == 0:
            return cls(name, None, _Kept(f), f.seek(0, os.SEEK_END))  # type: ignore[arg-type]
        content = f.read()
        if not isinstance(content, bytes):
            raise TypeError(
                f"load: expected a file opened for binary reading ('rb'), got one that gives {type(content).__name__}"
            )
        return cls(name, None, io.BytesIO(content), len(content))

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def is_at(self, path: str) -> bool:
        """True if opening `path` would open this very file, as it was when it was opened."""
        try:
            now = os.stat(path)
        except FileNotFoundError:
            return False
        return _identity(now) == self._identity

    def changed(self) -> bool:
        """True if somebody wrote into the file after it was opened."""
        return self._identity is not None and _identity(os.fstat(self.file.fileno())) != self._identity

    def reopen(self) -> None:
        """Open the path again, whose file was replaced."""
        fresh = Source.open(self.path)
        self.file.close()
        vars(self).update(vars(fresh))

    def read(self, start: int, count: int) -> bytes:
        """`count` bytes from `start` on. Raises CheckpointError if there are fewer."""
        self.file.seek(start)
        found = self.file.read(count)
        if len(found) < count:
            raise CheckpointError(f"it ends {count - len(found)} bytes too early")
        return found

    def array(self, start: int, shape: tuple[int, ...], dtype: mx.Dtype = mx.uint8) -> mx.array:
        """The array whose elements lie row by row from `start` on, read straight into its memory."""
        count = math.prod(shape) * dtype.size
        if not 0 <= start <= start + count <= self.size:
            raise CheckpointError(f"it should have {start + count} bytes and has {self.size}")
        self.file.seek(start)
        return filled(self.file, shape, dtype)


def _identity(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class _Kept(io.RawIOBase):
    """The file of somebody else, who closes it."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        found: int = self._file.seek(offset, whence)
        return found

    def tell(self) -> int:
        found: int = self._file.tell()
        return found

    def readinto(self, buffer: Any) -> int | None:
        found: int | None = self._file.readinto(buffer)
        return found


def filled(file: Any, shape: tuple[int, ...], dtype: mx.Dtype, turned: int = 1) -> mx.array:
    """An array of the elements that `file` gives next, row by row. `computed` does what is left to do.

    `turned` is how many bytes at a time are in the wrong order. Raises CheckpointError if the file ends too early.
    """
    count = math.prod(shape) * dtype.size
    if not count:
        return mx.zeros(shape, dtype, stream=mx.cpu)
    # Not as bytes that are viewed later: MLX 0.32.4 has no dimension of 2**31 of them. Unsigned integers are what a
    # memoryview can cast.
    found = mx.zeros(shape or (1,), _UNSIGNED[dtype.size], stream=mx.cpu)
    mx.eval(found)
    memory = memoryview(found).cast("B")  # type: ignore[arg-type]
    done = 0
    while done < count:
        got = file.readinto(memory[done : done + _PIECE])
        if not got:
            raise CheckpointError(f"it ends {count - done} bytes too early")
        done += got
    if turned > 1:
        np.frombuffer(memory, f"u{turned}").byteswap(inplace=True)
    found = found if shape else found.reshape((), stream=mx.cpu)
    if dtype == mx.bool_:
        return mx.not_equal(found, 0, stream=mx.cpu)  # a byte may hold more than 0 and 1
    return found if dtype == found.dtype else found.view(dtype, stream=mx.cpu)


def computed(arrays: dict[str, mx.array]) -> dict[str, mx.array]:
    """`arrays`, which need nothing else any more: MLX 0.32.4 lets no other thread compute them."""
    mx.eval(list(arrays.values()))
    return arrays


_UNSIGNED = {1: mx.uint8, 2: mx.uint16, 4: mx.uint32, 8: mx.uint64}
