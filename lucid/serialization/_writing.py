"""Putting a file in place: complete or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Callable
from typing import Any, BinaryIO

import mlx.core as mx
import numpy as np

from lucid.serialization import _header
from lucid.serialization._header import CODES, CheckpointError, Entry


def write(file: BinaryIO, arrays: dict[str, mx.array], metadata: dict[str, str]) -> None:
    """Write `arrays`, which are evaluated, and `metadata` to `file`."""
    # Wide elements first, so that each tensor is aligned for whoever maps the file. The header keeps the order of
    # `arrays`.
    order = sorted(arrays, key=lambda name: -arrays[name].dtype.size)
    entries, start = {}, 0
    for name in order:
        array = arrays[name]
        entries[name] = Entry(CODES[array.dtype], array.shape, start, start + array.nbytes)
        start += array.nbytes
    file.write(_header.pack({name: entries[name] for name in arrays}, metadata))
    for name in order:
        if arrays[name].size:
            file.write(_bytes(arrays[name]))


def _bytes(array: mx.array) -> Any:
    """The elements as they lie in memory where they lie in order, else copied in order."""
    if array.dtype == mx.bfloat16:  # numpy has none
        array = array.view(mx.uint16)
    return np.ascontiguousarray(np.array(array, copy=False)).reshape(-1).view(np.uint8).data


def in_place_of(path: str, fill: Callable[[BinaryIO], None]) -> None:
    """Have `fill` write the file at `path`. It is written beside it and renamed: a failure leaves what was there
    before.

    Raises CheckpointError if the folder does not exist.
    """
    path = os.path.realpath(path)  # through a link, as opening it would
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        raise CheckpointError(f"save: {path}: the folder {folder} does not exist")
    mode = _mode(path)
    if mode is not None and not stat.S_ISREG(mode):  # a pipe or a device cannot be replaced
        with open(path, "wb") as file:
            fill(file)
        return
    temporary = os.path.join(folder, f".{os.path.basename(path)[:200]}.{secrets.token_hex(6)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


def _mode(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _sync_folder(folder: str) -> None:
    """Make the rename itself durable, where folders can be synchronised."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
