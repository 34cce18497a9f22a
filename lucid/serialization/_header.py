"""The safetensors format: 8 bytes with the length of the header, the header in JSON, then the data of all tensors."""

from __future__ import annotations

import json
import math
import struct
from typing import Any, BinaryIO, NamedTuple

import mlx.core as mx

LONGEST = 100_000_000  # bytes of header that the format allows
METADATA = "__metadata__"

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
SMALL_FLOATS = ("F8_E4M3", "F8_E5M2", "F8_E8M0")
_BYTES = {code: dtype.size for code, dtype in DTYPES.items()} | dict.fromkeys(SMALL_FLOATS, 1)


class CheckpointError(RuntimeError):
    """A file that cannot be loaded, or not be written. Says which file and why."""


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
            "allows"
        )
    return struct.pack("<Q", len(header)) + header


def read(file: BinaryIO, size: int) -> Header:
    """The header of the `size` bytes that follow in `file`, checked. Raises CheckpointError with the reason alone."""
    start = file.read(9)
    _refuse_others(start)
    if len(start) < 9:
        raise CheckpointError(f"it has {len(start)} bytes, too few for a safetensors file")
    (length,) = struct.unpack("<Q", start[:8])
    if start[8:] != b"{":
        raise CheckpointError("it is no safetensors file")
    if length > LONGEST:
        raise CheckpointError(f"its header claims {length} bytes, more than the {LONGEST} that the format allows")
    if length > size - 8:
        raise CheckpointError(
            f"its header claims {length} bytes, but only {size - 8} follow: it was not written or copied completely"
        )
    try:
        listed = json.loads(start[8:] + file.read(length - 1), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"its header is broken: {error}") from None
    metadata = listed.pop(METADATA, None) or {}
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        raise CheckpointError("its metadata is not text")
    entries = {name: _entry(name, found) for name, found in listed.items()}
    _check_layout(entries, size - 8 - length)
    return Header(entries, metadata, 8 + length)


def _refuse_others(start: bytes) -> None:
    if start[:4] == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")):
        raise CheckpointError(
            "it is a pickle, as torch.save writes it; loading one can run any program. Convert it where PyTorch is "
            "installed: safetensors.torch.save_file(torch.load(path, weights_only=True), 'model.safetensors')"
        )
    if start[:4] == b"GGUF":
        raise CheckpointError("it is a GGUF file; convert it to safetensors")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)!r} is listed twice")
    return found


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _entry(name: str, found: Any) -> Entry:
    shape = found.get("shape") if isinstance(found, dict) else None
    offsets = found.get("data_offsets") if isinstance(found, dict) else None
    if not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        raise CheckpointError(f"its header is broken: tensor {name!r} has no shape or no data_offsets")
    if not all(_is_count(n) for n in shape + offsets):
        raise CheckpointError(f"its header is broken: tensor {name!r} has shape {shape} and data_offsets {offsets}")
    code = found.get("dtype")
    if not isinstance(code, str) or code not in _BYTES:
        raise CheckpointError(
            f"tensor {name!r} has the dtype {code}, which MLX does not have; save it as BF16, F16 or F32"
        )
    entry = Entry(code, tuple(shape), offsets[0], offsets[1])
    expected = math.prod(shape) * _BYTES[code]
    if entry.end - entry.start != expected:
        raise CheckpointError(
            f"its header is broken: tensor {name!r} of dtype {code} and shape {shape} takes {expected} bytes, but has "
            f"{entry.end - entry.start}"
        )
    return entry


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
