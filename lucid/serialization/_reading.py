"""Getting the arrays out of a file: lazily by MLX wherever it can, else with numpy."""

from __future__ import annotations

import io
import math
import os
from typing import Any, BinaryIO

import mlx.core as mx
import numpy as np

from lucid.serialization import _header
from lucid.serialization._header import CheckpointError, Entry, Header

# What makes `mx.load` (MLX 0.32.4) refuse a whole file.
_NOT_BY_MLX = frozenset(("F64", "F8_E5M2", "F8_E8M0"))


def from_path(path: str) -> tuple[dict[str, mx.array], dict[str, str]]:
    """The arrays and the metadata of a file. Arrays are read when they are first used, where MLX can."""
    with open(path, "rb") as file:
        header = _header.read(file, os.fstat(file.fileno()).st_size)
        if any(entry.code in _NOT_BY_MLX for entry in header.entries.values()):
            return {name: _read(file, header.data, entry) for name, entry in header.entries.items()}, header.metadata
    return _lazily(path, header), header.metadata


def from_stream(stream: Any) -> tuple[dict[str, mx.array], dict[str, str]]:
    """The arrays and the metadata in the rest of a binary stream, read now: it may be closed before they are used."""
    content = stream.read()
    if not isinstance(content, bytes):
        raise TypeError(
            f"load: expected a file opened for binary reading ('rb'), got one that gives {type(content).__name__}"
        )
    file = io.BytesIO(content)
    header = _header.read(file, len(content))
    return {name: _read(file, header.data, entry) for name, entry in header.entries.items()}, header.metadata


def _lazily(path: str, header: Header) -> dict[str, mx.array]:
    # MLX 0.32.4 hands out one file descriptor that all arrays of the file share, so replacing the file later changes
    # nothing.
    found: Any = {}
    if any(entry.end > entry.start for entry in header.entries.values()):
        try:
            found = mx.load(path, format="safetensors")
        except RuntimeError as error:
            raise CheckpointError(str(error)) from None
    arrays = {}
    for name, entry in header.entries.items():
        if entry.end == entry.start:
            arrays[name] = _shaped(mx.zeros(0), entry)
        elif name not in found or found[name].shape != entry.shape:
            raise CheckpointError("it was changed while it was being loaded")
        else:
            arrays[name] = _decoded(found[name], entry.code)
    return arrays


def _read(file: BinaryIO, data: int, entry: Entry) -> mx.array:
    file.seek(data + entry.start)
    raw = np.frombuffer(file.read(entry.end - entry.start), np.uint8)
    if entry.code in _header.SMALL_FLOATS:
        return _shaped(_decoded(mx.array(raw), entry.code), entry)
    dtype = _header.DTYPES[entry.code]
    if dtype == mx.bfloat16:  # numpy has none
        return _shaped(mx.array(raw.view(np.uint16)).view(mx.bfloat16), entry)
    if dtype == mx.bool_:
        return _shaped(mx.array(raw != 0), entry)
    kind = {"U": "u", "I": "i", "F": "f", "C": "c"}[entry.code[0]]
    return _shaped(mx.array(raw.view(f"<{kind}{dtype.size}"), dtype), entry)


def _shaped(array: mx.array, entry: Entry) -> mx.array:
    if math.prod(entry.shape) == 0:
        return mx.zeros(entry.shape, _header.DTYPES.get(entry.code, mx.float16))
    return array.reshape(entry.shape)


def _decoded(array: mx.array, code: str) -> mx.array:
    """Eight-bit floats as the smallest dtype of MLX that holds all of their values."""
    return array if code not in _header.SMALL_FLOATS else mx.take(_values(code), array.astype(mx.uint32))


def _values(code: str) -> mx.array:
    """The values of the 256 bytes."""
    byte = np.arange(256)
    if code == "F8_E8M0":  # a power of two; no sign
        with np.errstate(over="ignore"):
            return mx.array(np.where(byte == 255, np.nan, 2.0 ** (byte - 127.0)).astype(np.float32))
    if code == "F8_E5M2":  # the upper half of a float16
        return mx.array((byte.astype(np.uint16) << 8).view(np.float16))
    exponent, fraction = byte >> 3 & 15, byte & 7
    size = np.where(exponent == 0, fraction / 8 * 2.0**-6, (1 + fraction / 8) * 2.0 ** (exponent - 7.0))
    size[byte & 127 == 127] = np.nan
    return mx.array(np.where(byte < 128, size, -size).astype(np.float16))
