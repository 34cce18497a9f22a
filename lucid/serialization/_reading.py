"""Getting the arrays out of a safetensors file: lazily by MLX where it can, else at once."""

from __future__ import annotations

import math

import mlx.core as mx

from lucid.serialization import _header, _small_floats
from lucid.serialization._header import CheckpointError, Entry, Header
from lucid.serialization._source import Source, computed

# What `mx.load` (MLX 0.32.4) reads; any other dtype makes it refuse the whole file. Eight-bit floats come as bytes.
_BY_MLX = frozenset(_header.DTYPES.values()) - {mx.float64}
_LAZY_CODES = frozenset(_header.CODES[dtype] for dtype in _BY_MLX) | {"F8_E4M3", "F8_E8M0"}

# Bytes of data from which on a file is read late. Below, it takes less time than a look at it, and a file that is read
# keeps no descriptor open and may be written into by anybody.
LATE = 4_000_000
_ATTEMPTS = 100


def read(source: Source, lazy: bool) -> tuple[dict[str, mx.array], dict[str, str]]:
    """The arrays and the metadata of a file; with `lazy` arrays may be read when they are first used."""
    for _ in range(_ATTEMPTS):
        source.file.seek(0)
        header = _header.read(source.file, source.size)
        header.check_dtypes()
        if source.path is None or not _worth_it(source, header):
            arrays = {name: _now(source, header.data, e) for name, e in header.entries.items()}
            return computed(arrays), header.metadata
        found = _late(source, source.path, header)
        if found is not None:
            if not lazy:
                _evaluate(source, found)
            return found, header.metadata
        source.reopen()  # it was replaced between our look at it and MLX's
    raise CheckpointError("it is being written to")


def _worth_it(source: Source, header: Header) -> bool:
    return source.size - header.data > LATE and all(e.code in _LAZY_CODES for e in header.entries.values())


def _late(source: Source, path: str, header: Header) -> dict[str, mx.array] | None:
    # MLX 0.32.4 keeps one file descriptor that all arrays of the file share, so replacing the file later changes
    # nothing.
    try:
        found = mx.load(path, format="safetensors")
    except RuntimeError as error:
        if not source.is_at(path):
            return None
        raise CheckpointError(str(error)) from None
    if not source.is_at(path):
        return None
    assert isinstance(found, dict)
    return {name: _decoded(found[name], e) if e.end > e.start else _empty(e) for name, e in header.entries.items()}


def _evaluate(source: Source, arrays: dict[str, mx.array]) -> None:
    try:
        mx.eval(list(arrays.values()))
    except RuntimeError as error:
        raise CheckpointError(str(error)) from None
    if source.changed():
        raise CheckpointError("it was written to while it was being read")


def _now(source: Source, data: int, entry: Entry) -> mx.array:
    if entry.end == entry.start:
        return _empty(entry)
    dtype = _header.DTYPES.get(entry.code, mx.uint8)
    return _decoded(source.array(data + entry.start, entry.shape, dtype), entry)


def _empty(entry: Entry) -> mx.array:
    return _decoded(mx.zeros(entry.shape, _header.DTYPES.get(entry.code, mx.uint8), stream=mx.cpu), entry)


def _decoded(array: mx.array, entry: Entry) -> mx.array:
    """Eight-bit floats as the smallest dtype of MLX that holds all of their values."""
    if entry.code == "BOOL":
        return mx.not_equal(array.view(mx.uint8), 0)  # a byte may hold more than 0 and 1
    if entry.code not in _header.SMALL_FLOATS:
        return array
    values = mx.array(_small_floats.values(_header.SMALL_FLOATS[entry.code]))
    return mx.take(values, array) if math.prod(entry.shape) else mx.zeros(entry.shape, values.dtype)
