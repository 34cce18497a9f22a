"""A progress bar: a few lines of text, on a terminal only."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from lucid.serialization._inspecting import amount

_WIDTH = 30
_EVERY = 0.1  # seconds


class Bar:
    """Shows how many of `total` bytes are done. Use it in a `with` statement, and call it with further bytes.

    Args:
        what: is done.
        total: bytes.
        stream: where it is shown, if that is a terminal.
    """

    def __init__(self, what: str, total: int, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._shown = self._stream.isatty()
        self._what, self._total, self._done = what, total, 0
        self._start = time.monotonic()
        self._last = 0.0

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __call__(self, count: int) -> None:
        """Show that `count` more bytes are done."""
        self._done += count
        now = time.monotonic()
        if not self._shown or (now - self._last < _EVERY and self._done < self._total):
            return
        self._last = now
        part = min(1.0, self._done / self._total) if self._total else 1.0
        bar = ("=" * round(_WIDTH * part)).ljust(_WIDTH)
        speed = self._done / max(now - self._start, 1e-3)
        self._stream.write(
            f"\r\x1b[K{self._what} [{bar}] {100 * part:3.0f}%  {amount(self._done)} of {amount(self._total)}, "
            f"{amount(round(speed))}/s"
        )
        self._stream.flush()
