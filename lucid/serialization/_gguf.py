"""GGUF files, as llama.cpp writes them, read without MLX's own reader: that one (0.32.4) crashes on damaged files."""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

import mlx.core as mx

from lucid.serialization import _gguf_blocks
from lucid.serialization._gguf_blocks import Blocks
from lucid.serialization._header import CheckpointError, check_shape
from lucid.serialization._source import Source, computed

_PIECE = 1 << 16
_MOST = 1_000_000  # tensors, or entries of the metadata
_SHOWN = 32  # elements of an array in the metadata; longer ones are only counted
_DEEPEST = 4  # arrays of arrays

# Types of values in the metadata.
_TEXT, _ARRAY = 8, 9
_NUMBERS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}

_PLAIN = {
    0: ("F32", mx.float32),
    1: ("F16", mx.float16),
    24: ("I8", mx.int8),
    25: ("I16", mx.int16),
    26: ("I32", mx.int32),
    27: ("I64", mx.int64),
    28: ("F64", mx.float64),
    30: ("BF16", mx.bfloat16),
}


class Info(NamedTuple):
    """A tensor of a file. `blocks` says how it is quantised, if it is."""

    kind: str
    shape: tuple[int, ...]
    start: int
    nbytes: int
    dtype: mx.Dtype
    blocks: Blocks | None


class _Cursor:
    """Reads what a file says one after the other, and never more than there is."""

    def __init__(self, source: Source) -> None:
        self._source, self._buffer, self._at, self._next = source, b"", 0, 0

    def tell(self) -> int:
        return self._next - len(self._buffer) + self._at

    def left(self) -> int:
        return self._source.size - self.tell()

    def skip(self, count: int) -> None:
        if count > self.left():
            raise CheckpointError("it ends within its header: it was not written or copied completely")
        if self._at + count <= len(self._buffer):
            self._at += count
        else:
            self._next = self.tell() + count
            self._buffer, self._at = b"", 0

    def bytes(self, count: int) -> bytes:
        start = self._at
        if start + count > len(self._buffer):
            here = self.tell()
            self.skip(count)
            wanted = min(max(count, _PIECE), self._source.size - here)
            self._buffer, self._at, self._next = self._source.read(here, wanted), count, here + wanted
            return self._buffer[:count]
        self._at += count
        return self._buffer[start : self._at]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.bytes(struct.calcsize(form)))[0]

    def text(self) -> str:
        try:
            return self.bytes(self.number("<Q")).decode()
        except UnicodeDecodeError as error:
            raise CheckpointError(f"a name or text of its header is no valid Unicode: {error}") from None

    def value(self, kind: int, depth: int = 0) -> Any:
        if kind in _NUMBERS:
            return self.number(_NUMBERS[kind])
        if kind == _TEXT:
            return self.text()
        if kind != _ARRAY or depth >= _DEEPEST:
            raise CheckpointError(f"its metadata has a value of type {kind}, which is unknown")
        inner, count = self.number("<I"), self.number("<Q")
        if count > self.left():
            raise CheckpointError(f"its metadata claims an array of {count} elements, more than its bytes")
        if count <= _SHOWN:
            return [self.value(inner, depth + 1) for _ in range(count)]
        if inner in _NUMBERS:
            self.skip(count * struct.calcsize(_NUMBERS[inner]))
        elif inner == _TEXT:
            for _ in range(count):
                self.skip(self.number("<Q"))
        else:
            for _ in range(count):
                self.value(inner, depth + 1)
        return f"[{count} elements]"


def header(source: Source) -> tuple[dict[str, Info], dict[str, Any]]:
    """The tensors of a file and its metadata, checked; long arrays in the metadata are only counted."""
    cursor = _Cursor(source)
    cursor.skip(4)
    version = cursor.number("<I")
    if version not in (2, 3):
        what = "big-endian; convert it" if version & 0xFFFF == 0 else f"of version {version}; 2 and 3 are read"
        raise CheckpointError(f"it is a GGUF file, but {what}")
    tensors, entries = cursor.number("<Q"), cursor.number("<Q")
    if max(tensors, entries) > _MOST:
        raise CheckpointError(f"its header claims {tensors} tensors and {entries} entries; {_MOST} are the most")
    metadata: dict[str, Any] = {}
    for _ in range(entries):
        key = cursor.text()
        metadata[key] = cursor.value(cursor.number("<I"))
    align = metadata.get("general.alignment", 32)
    if not isinstance(align, int) or isinstance(align, bool) or not 0 < align <= 1 << 20 or align & (align - 1):
        raise CheckpointError(f"its alignment is {align!r}, which is no power of two")
    listed: dict[str, tuple[tuple[int, ...], int, int]] = {}
    for _ in range(tensors):
        name = cursor.text()
        if name in listed:
            raise CheckpointError(f"its header is broken: {name!r} is listed twice")
        dimensions = cursor.number("<I")
        if dimensions > 8:
            raise CheckpointError(f"its header is broken: tensor {name!r} has {dimensions} dimensions")
        shape = tuple([cursor.number("<Q") for _ in range(dimensions)])[::-1]
        listed[name] = check_shape(name, shape), cursor.number("<I"), cursor.number("<Q")
    data = -(-cursor.tell() // align) * align
    infos = {name: _info(name, *found, data, align) for name, found in listed.items()}
    _check_layout(infos, source.size)
    return infos, metadata


def _info(name: str, shape: tuple[int, ...], kind: int, offset: int, data: int, align: int) -> Info:
    if offset % align:
        raise CheckpointError(f"its header is broken: the offset {offset} of tensor {name!r} is not aligned to {align}")
    count = math.prod(shape)
    if kind in _PLAIN:
        label, dtype = _PLAIN[kind]
        return Info(label, shape, data + offset, count * dtype.size, dtype, None)
    blocks = _gguf_blocks.BLOCKS.get(kind)
    if blocks is None:
        raise CheckpointError(
            f"tensor {name!r} is quantised as {_gguf_blocks.NOT_READ.get(kind, f'type {kind}')}, which is not read; "
            "take a file of another quantisation, such as Q8_0, Q6_K, Q4_K or F16"
        )
    if not shape or shape[-1] % blocks.elements:
        raise CheckpointError(
            f"its header is broken: tensor {name!r} of shape {shape} has no blocks of {blocks.elements} in its rows"
        )
    return Info(blocks.name, shape, data + offset, count // blocks.elements * blocks.nbytes, mx.float32, blocks)


def _check_layout(infos: dict[str, Info], size: int) -> None:
    end, before = 0, ""
    for name, info in sorted(infos.items(), key=lambda item: (item[1].start, item[1].nbytes)):
        if info.start < end:
            raise CheckpointError(f"its header is broken: tensors {before!r} and {name!r} overlap")
        end, before = info.start + info.nbytes, name
        if end > size:
            raise CheckpointError(
                f"tensor {name!r} ends at {end}, the file at {size}: it was not written or copied completely"
            )


def read(source: Source) -> dict[str, mx.array]:
    """The tensors of a file. Quantised ones are read as they are and become float32 when they are used."""
    infos, _ = header(source)
    found = {}
    for name, info in infos.items():
        if info.blocks is None:
            found[name] = source.array(info.start, info.shape, info.dtype)
        elif not info.nbytes:
            found[name] = mx.zeros(info.shape)
        else:
            raw = source.array(info.start, (info.nbytes // info.blocks.nbytes, info.blocks.nbytes))
            found[name] = info.blocks.values(raw).reshape(info.shape)
    computed({name: found[name] for name, info in infos.items() if info.blocks is None})
    return found
