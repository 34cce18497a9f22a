"""Putting files in place: complete or not at all."""

from __future__ import annotations

import contextlib
import io
import os
import re
import secrets
import stat
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, BinaryIO

from lucid.serialization._header import CheckpointError

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]

_EARLY = 1 << 26  # bytes after which those before are sent to the disk
_DRAFT = re.compile(r"\.(.*)\.[0-9a-f]{12}\.tmp", re.DOTALL)


class _Early(io.BufferedWriter):
    """A file whose bytes go to the disk while further ones are being written, so that little is left to wait for."""

    _since = 0  # bytes that were written since the last time
    _thread: threading.Thread | None = None
    _error: OSError | None = None  # the system tells of it only once

    def write(self, data: Any) -> int:
        done = super().write(data)
        self._since += done
        if self._since >= _EARLY and (self._thread is None or not self._thread.is_alive()):
            self._since = 0
            self._thread = threading.Thread(target=self._sync, name="lucid.save", daemon=True)
            self._thread.start()
        return done

    def _sync(self) -> None:
        try:
            getattr(os, "fdatasync", os.fsync)(self.fileno())
        except OSError as error:
            self._error = error

    def finish(self) -> None:
        """Have all of it on the disk."""
        self.flush()
        self._wait()
        os.fsync(self.fileno())
        if self._error is not None:
            raise self._error

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        self._wait()
        super().close()


class Draft:
    """A file that is being written beside its place. Use it in a `with` statement; unless it is published it goes.

    It is locked as long as it is open, so that others can tell a file that is being written from what a killed
    process left.
    """

    file: _Early

    def __init__(self, folder: str, name: str) -> None:
        self._folder, self._name = folder, name[:200]
        while True:
            self.path = os.path.join(folder, f".{self._name}.{secrets.token_hex(6)}.tmp")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self.file = _Early(io.FileIO(os.open(self.path, flags, 0o666), "wb"))
            if _lock(self.file.fileno()) is not False and os.fstat(self.file.fileno()).st_nlink:
                return
            self.file.close()  # somebody who cleans up was quicker than the lock

    def __enter__(self) -> Draft:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.file.close()
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def finish(self) -> None:
        """Have all of it on the disk."""
        self.file.finish()

    def replace(self, path: str) -> None:
        """Become the file at `path`, in one step.

        The file before is held open and closed by another thread: freeing a gigabyte takes a third of a second.
        """
        before = None
        with contextlib.suppress(OSError):
            before = os.open(path, os.O_RDONLY)
        try:
            os.replace(self.path, path)
        finally:
            if before is not None:
                threading.Thread(target=os.close, args=(before,), name="lucid.save", daemon=True).start()


def _lock(descriptor: int) -> bool | None:
    """Lock an open file. False if somebody else did; None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def clean_up(folder: str, name: str) -> None:
    """Remove what killed processes left of earlier drafts of the file `name`."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        drafts = [e.path for e in entries if (m := _DRAFT.fullmatch(e.name)) and m[1] == name[:200]]
        for path in drafts:
            with contextlib.suppress(OSError), open(path, "rb") as file:
                if _lock(file.fileno()):
                    os.unlink(path)


def place_of(path: str) -> tuple[str, str]:
    """The folder and the name of the file that is opened at `path`, through links.

    Raises CheckpointError if there is no path or its folder does not exist, IsADirectoryError for a folder.
    """
    if not path:
        raise CheckpointError("save: the path is empty; name a file")
    folder, name = os.path.split(os.path.realpath(path))
    if not os.path.isdir(folder):
        raise CheckpointError(f"save: {path}: the folder {folder} does not exist")
    if os.path.isdir(path):
        raise IsADirectoryError(f"save: {path} is a folder; name a file in it")
    return folder, name


def in_place_of(path: str, fill: Callable[[BinaryIO], None]) -> None:
    """Have `fill` write the file at `path`. It is written beside it and renamed: a failure leaves what was there.

    Raises CheckpointError if the folder does not exist.
    """
    folder, name = place_of(path)
    path = os.path.join(folder, name)
    mode = mode_of(path)
    if mode is not None and not stat.S_ISREG(mode):  # a pipe or a device cannot be replaced
        with open(path, "wb") as file:
            fill(file)
        return
    clean_up(folder, name)
    with Draft(folder, name) as draft:
        fill(draft.file)
        if mode is not None:
            os.chmod(draft.path, stat.S_IMODE(mode))
        draft.finish()
        draft.replace(path)
    sync_folder(folder)


def mode_of(path: str) -> int | None:
    """The kind and the permissions of the file at `path`; None if there is none."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def sync_folder(folder: str) -> None:
    """Make what was renamed durable, where folders can be synchronised."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
