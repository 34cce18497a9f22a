"""The bytes of a pickle, one by one or in pieces, from a file that need not be buffered."""

from __future__ import annotations

from typing import Any

from lucid.serialization._header import CheckpointError

_AT_ONCE = 1 << 16


class Stream:
    """What follows in `file` from the place `start` to the place `end`."""

    def __init__(self, file: Any, start: int, end: int) -> None:
        self._file, self._end = file, end
        self._next = start  # the place in the file of what is not in the buffer yet
        self._buffer, self._at = b"", 0

    def tell(self) -> int:
        """The place in the file of the next byte."""
        return self._next - len(self._buffer) + self._at

    def _fill(self, count: int) -> None:
        """Have at least `count` bytes in the buffer."""
        if count > self._end - self.tell():  # no room is made for what is not there
            raise CheckpointError("its pickle ends in the middle: it was not written or copied completely")
        pieces = [self._buffer[self._at :]]
        have, wanted = len(pieces[0]), min(max(count, _AT_ONCE), self._end - self.tell())
        self._file.seek(self._next)
        while have < wanted:
            piece = self._file.read(wanted - have)
            if not piece:
                break
            pieces.append(piece)
            have += len(piece)
            self._next += len(piece)
        if have < count:
            raise CheckpointError("its pickle ends in the middle: it was not written or copied completely")
        self._buffer, self._at = b"".join(pieces), 0

    def byte(self) -> int:
        """The next byte."""
        if self._at >= len(self._buffer):
            self._fill(1)
        self._at += 1
        return self._buffer[self._at - 1]

    def read(self, count: int) -> bytes:
        """The next `count` bytes. Raises CheckpointError if there are fewer."""
        end = self._at + count
        if end > len(self._buffer):
            self._fill(count)
            end = count
        found = self._buffer[self._at : end]
        self._at = end
        return found

    def line(self, longest: int) -> str:
        """The text up to the end of the line. Raises CheckpointError if that does not come within `longest` bytes."""
        if longest > len(self._buffer) - self._at:
            self._fill(min(longest, self._end - self.tell()))
        end = self._buffer.find(b"\n", self._at, self._at + longest)
        if end < 0:
            raise CheckpointError("its pickle has a name that does not end")
        found = self._buffer[self._at : end]
        self._at = end + 1
        return found.decode()
