"""The safetensors format: 8 bytes with the length of the header, the header in JSON, then the data of all tensors."""

from __future__ import annotations

import json
import math
import struct
from typing import Any, BinaryIO, NamedTuple

import mlx.core as mx

LONGEST = 100_000_000  # bytes of header that the format allows
METADATA = "__metadata__"
MOST_DIMENSIONS, LARGEST_DIMENSION = 64, 2**31 - 1  # numpy's limit, MLX's limit

CODES = {
    mx.bool_: "BOOL",
    mx.uint8: "U8",
    mx.uint16: "U16",
    mx.uint32: "U32",
    mx.uint64: "U64",
    mx.int8: "I8",
    mx.int16: "I16",
    mx.int32: "I32",
    mx.int64: "I64",
    mx.float16: "F16",
    mx.bfloat16: "BF16",
    mx.float32: "F32",
    mx.float64: "F64",
    mx.complex64: "C64",
}
DTYPES = {code: dtype for dtype, code in CODES.items()}
SMALL_FLOATS = {  # by PyTorch's names
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
}
BITS = {code: 8 * dtype.size for code, dtype in DTYPES.items()} | dict.fromkeys(SMALL_FLOATS, 8)
BITS |= {"F6_E2M3": 6, "F6_E3M2": 6, "F4": 4}  # known to the format, not to MLX


class CheckpointError(RuntimeError):
    """A file that cannot be loaded, or not be written. Says which file and why.

    Attributes:
        report: the `LoadReport`, if a checkpoint does not fit a model.
    """

    report: Any = None


class Entry(NamedTuple):
    """Where a tensor is in a file: its dtype code, its shape, and its first and last byte in the data."""

    code: str
    shape: tuple[int, ...]
    start: int
    end: int


class Header(NamedTuple):
    """What a file says of itself: its tensors in the order they are listed, its metadata, and where the data starts."""

    entries: dict[str, Entry]
    metadata: dict[str, str]
    data: int

    def check_dtypes(self) -> None:
        """Raise CheckpointError for a tensor whose elements MLX has no dtype for."""
        for name, entry in self.entries.items():
            if entry.code not in DTYPES and entry.code not in SMALL_FLOATS:
                raise CheckpointError(
                    f"tensor {name!r} has the dtype {entry.code}, which MLX does not have; save it as BF16, F16 or F32"
                )


def pack(entries: dict[str, Entry], metadata: dict[str, str]) -> bytes:
    """The first bytes of a file. Raises ValueError if a name or text is no valid Unicode, or the header too long."""
    listed: dict[str, Any] = {METADATA: metadata}
    for name, e in entries.items():
        listed[name] = {"dtype": e.code, "shape": e.shape, "data_offsets": (e.start, e.end)}
    try:
        header = json.dumps(listed, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"save: a name or text is no valid Unicode: {error}") from None
    header += b" " * (-len(header) % 8)  # the data starts aligned
    if len(header) > LONGEST:
        raise ValueError(
            f"save: the names, numbers and texts take {len(header)} bytes, more than the {LONGEST} that the format "
            "allows; store long lists of numbers as tensors"
        )
    return struct.pack("<Q", len(header)) + header


def read(file: BinaryIO, size: int) -> Header:
    """The header of the `size` bytes of `file`, which stands at their start, checked.

    Raises CheckpointError with the reason alone.
    """
    start = file.read(9)
    if len(start) < 9:
        raise CheckpointError(f"it has {len(start)} bytes, too few for a safetensors file")
    (length,) = struct.unpack("<Q", start[:8])
    if start[8:] != b"{":
        raise CheckpointError("it is no safetensors file, nor one of PyTorch, numpy or GGUF")
    if length > LONGEST:
        raise CheckpointError(f"its header claims {length} bytes, more than the {LONGEST} that the format allows")
    if length > size - 8:
        raise CheckpointError(
            f"its header claims {length} bytes, but only {size - 8} follow: it was not written or copied completely"
        )
    listed = parse(start[8:] + file.read(length - 1), "its header")
    metadata = listed.pop(METADATA, None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise CheckpointError("its metadata is not text")
    entries = {name: _entry(name, found) for name, found in listed.items()}
    _check_layout(entries, size - 8 - length)
    return Header(entries, metadata, 8 + length)


def parse(text: bytes | str, what: str) -> Any:
    """The value of a JSON text. Raises CheckpointError saying that `what` is broken."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{what} is broken: {error}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"{name!r} is listed twice")
            seen.add(name)
    return found


def is_count(value: Any) -> bool:
    """True for an int that can count bytes."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


def check_shape(name: str, shape: Any) -> tuple[int, ...]:
    """`shape` as MLX can have it. Raises CheckpointError naming the tensor."""
    if len(shape) > MOST_DIMENSIONS:
        raise CheckpointError(f"tensor {name!r} has {len(shape)} dimensions, more than {MOST_DIMENSIONS}")
    for n in shape:
        if n > LARGEST_DIMENSION:
            raise CheckpointError(
                f"tensor {name!r} has a dimension of {n}; the largest that MLX has is {LARGEST_DIMENSION}"
            )
    return tuple(shape)


def _entry(name: str, found: Any) -> Entry:
    shape = found.get("shape") if isinstance(found, dict) else None
    offsets = found.get("data_offsets") if isinstance(found, dict) else None
    if not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        raise CheckpointError(f"its header is broken: tensor {name!r} has no shape or no data_offsets")
    if not all(map(is_count, shape + offsets)):
        raise CheckpointError(
            f"its header is broken: tensor {name!r} has shape {_cut(shape)} and data_offsets {_cut(offsets)}"
        )
    code = found.get("dtype")
    if not isinstance(code, str) or code not in BITS:
        raise CheckpointError(f"tensor {name!r} has the dtype {_cut(code)}, which the safetensors format does not have")
    entry = Entry(code, check_shape(name, shape), offsets[0], offsets[1])
    expected = math.prod(shape) * BITS[code] / 8 if BITS[code] < 8 else math.prod(shape) * BITS[code] // 8
    if entry.end - entry.start != expected:
        raise CheckpointError(
            f"its header is broken: tensor {name!r} of dtype {code} and shape {shape} takes {expected} bytes, but has "
            f"{entry.end - entry.start}"
        )
    return entry


def _cut(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _check_layout(entries: dict[str, Entry], available: int) -> None:
    """The data has to be covered without overlaps and holes, as the format demands."""
    end, before = 0, ""
    for name, entry in sorted(entries.items(), key=lambda item: item[1][2:]):
        if entry.start < end:
            raise CheckpointError(f"its header is broken: tensors {before!r} and {name!r} overlap")
        if entry.start > end:
            raise CheckpointError(
                f"its header is broken: {entry.start - end} bytes before tensor {name!r} belong to none"
            )
        end, before = entry.end, name
    if end > available:
        raise CheckpointError(
            f"it should have {end} bytes of data and has {available}: it was not written or copied completely"
        )
    if end < available:
        raise CheckpointError(f"it should have {end} bytes of data and has {available}")
