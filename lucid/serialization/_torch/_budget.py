"""How much a file may make of itself, so that a small one cannot fill the memory."""

from __future__ import annotations

from lucid.serialization._header import CheckpointError

_FREE = 256_000_000  # bytes that any file may take for what is around its tensors


class Budget:
    """Counts the bytes of the objects that a pickle builds: as many as a few times its size, or what is free for all.

    What was counted is not given back, so that the time is bounded as well.
    """

    __slots__ = ("_limit", "left")

    def __init__(self, size: int) -> None:
        self.left = self._limit = _FREE + 2 * size

    def charge(self, count: int) -> None:
        """Count `count` more bytes. Raises CheckpointError if there are too many."""
        self.left -= count
        if self.left < 0:
            raise CheckpointError(
                f"what is around its tensors takes more than {self._limit // 10**6} MB of memory, much more than the "
                "file: it is damaged, or made to fill the memory"
            )
