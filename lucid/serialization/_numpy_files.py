"""Numpy's files: `.npy` with one array, `.npz` with several. Arrays of Python objects are pickles and are refused."""

from __future__ import annotations

import io
import json
import math
import re
from typing import Any, BinaryIO, NamedTuple

import mlx.core as mx
import numpy as np

from lucid.serialization._archive import Archive
from lucid.serialization._header import CheckpointError, check_shape, parse
from lucid.serialization._pieces import Piece, Progress
from lucid.serialization._source import Source, computed, filled
from lucid.serialization._writing import put

_KEY, _START, _BFLOAT16 = "lucid.npz", b'{"lucid.npz"', "lucid.bfloat16"
_METADATA = "lucid.json"  # a record of the archive that is no array
_LONGEST = 10_000  # bytes of a header, numpy's own limit
_RATIO, _FREE = 100, 1 << 28  # how many times the size of the file may come of it, and how many bytes of any file
_DTYPE = re.compile(r"([<>|=])([biufc])(\d+)")
_HALF = "<V2"  # bfloat16 as MLX and ml_dtypes write it; numpy's own opaque bytes are "|V2"
_KINDS = {
    "b1": mx.bool_,
    "u1": mx.uint8,
    "u2": mx.uint16,
    "u4": mx.uint32,
    "u8": mx.uint64,
    "i1": mx.int8,
    "i2": mx.int16,
    "i4": mx.int32,
    "i8": mx.int64,
    "f2": mx.float16,
    "f4": mx.float32,
    "f8": mx.float64,
    "c8": mx.complex64,
}
_NO_KIND = {
    "O": "Python objects, which are pickles: they are never loaded. Save a plain array",
    "U": "texts; load them with numpy.load",
    "S": "texts; load them with numpy.load",
    "c16": "complex128, which MLX does not have; save complex64",
    "V2": "V2, opaque bytes to numpy; save float32",
}


class NpyHeader(NamedTuple):
    """What an array says of itself."""

    shape: tuple[int, ...]
    dtype: mx.Dtype
    turned: int  # how many bytes at a time are in the wrong order
    columns: bool  # whether the elements lie column by column
    length: int  # how many bytes come before the elements


def read_npy(source: Source) -> mx.array:
    """The array of a `.npy` file."""
    return computed({"array": _read(source.file, "array", source.size)})["array"]


def _read(file: Any, name: str, size: int) -> mx.array:
    """The array in the `size` bytes that `file` gives next. No room is made for more than there is."""
    header = npy_header(file, name)
    claimed, left = math.prod(header.shape) * header.dtype.size, size - header.length
    if claimed != left:
        raise CheckpointError(f"the array {name!r} should have {claimed} bytes and has {left}")
    found = filled(file, header.shape[::-1] if header.columns else header.shape, header.dtype, header.turned)
    return mx.transpose(found, stream=mx.cpu) if header.columns else found


def npy_header(file: Any, name: str) -> NpyHeader:
    """The header of the array that `file` gives next. Raises CheckpointError naming the array."""
    start = _exactly(file, 8, name)
    if start[:6] != b"\x93NUMPY" or start[6] not in (1, 2, 3):
        raise CheckpointError(f"{name!r} is no array as numpy writes it")
    length = int.from_bytes(_exactly(file, 2 if start[6] == 1 else 4, name), "little")
    if length > _LONGEST:
        raise CheckpointError(f"the header of {name!r} claims {length} bytes, more than {_LONGEST}")
    text = _exactly(file, length, name).decode("latin1" if start[6] < 3 else "utf-8", "replace").strip()
    found = {key: _value(key, pattern, text, name) for key, pattern in _FIELDS.items()}
    shape = tuple([int(n) for n in re.findall(r"\d+", found["shape"])])
    dtype, turned = _dtype(found["descr"], name)
    before = (10 if start[6] == 1 else 12) + length
    return NpyHeader(check_shape(name, shape), dtype, turned, found["fortran_order"] == "True", before)


# The header is a dict as Python writes it, of which no more is understood than what numpy puts there.
_FIELDS = {
    "descr": re.compile(r"""(["'])descr\1\s*:\s*(["'][^"']*["']|\[.*?\])\s*[,}]"""),
    "fortran_order": re.compile(r"""(["'])fortran_order\1\s*:\s*(True|False)\s*[,}]"""),
    "shape": re.compile(r"""(["'])shape\1\s*:\s*(\((?:\s*\d{1,19}L?\s*,)*(?:\s*\d{1,19}L?)?\s*\))\s*[,}]"""),
}


def _value(key: str, pattern: re.Pattern[str], text: str, name: str) -> str:
    found = pattern.findall(text) if text.startswith("{") and text.endswith("}") else []
    if len(found) != 1:
        raise CheckpointError(f"the header of {name!r} is broken: it has no {key} as numpy writes it")
    value: str = found[0][1]
    return value if value.startswith("[") else value.strip("\"'")


def _exactly(file: Any, count: int, name: str) -> bytes:
    found = bytearray(count)
    view = memoryview(found)
    while view:
        got = file.readinto(view)
        if not got:
            raise CheckpointError(f"the header of {name!r} is incomplete")
        view = view[got:]
    return bytes(found)


def _dtype(descr: str, name: str) -> tuple[mx.Dtype, int]:
    if descr == _HALF:
        return mx.bfloat16, 1
    match = _DTYPE.fullmatch(descr)
    kind = f"{match[2]}{match[3]}" if match else None
    if match is None or kind not in _KINDS:
        short = descr.lstrip("<>|=")
        why = next((text for start, text in _NO_KIND.items() if short.startswith(start)), None)
        raise CheckpointError(f"the array {name!r} is of {why or f'the dtype {descr[:50]}, which MLX does not have'}")
    dtype = _KINDS[kind]
    if match[1] != ">":
        return dtype, 1
    return dtype, 4 if dtype == mx.complex64 else dtype.size


def read_npz(source: Source) -> tuple[dict[str, mx.array], dict[str, str]]:
    """The arrays of a `.npz` file, and the metadata that `write_npz` put into it."""
    records = archive(source)
    about = _metadata(source, records)
    found = {}
    for member in _members(records):
        name = member.removesuffix(".npy")
        found[name] = _read(records.open(member), name, records.size_of(member))
    for name in parse(about.pop(_BFLOAT16, "[]"), "its metadata"):
        if name in found:
            found[name] = found[name].astype(mx.bfloat16, stream=mx.cpu)
    return computed(found), about


def archive(source: Source) -> Archive:
    """The records of a zip file. Arrays may be compressed well, but a small file must not fill the memory."""
    return Archive(source.file, source.size, max(_RATIO, _FREE // max(source.size, 1)))


def _members(records: Archive) -> list[str]:
    return [name for name in records.records if name != _METADATA]


def headers(source: Source, kind: str) -> dict[str, NpyHeader]:
    """What the arrays of a file say of themselves."""
    if kind == "npy":
        return {"array": npy_header(source.file, "array")}
    records = archive(source)
    names = [(member, member.removesuffix(".npy")) for member in _members(records)]
    return {name: npy_header(records.open(member), name) for member, name in names}


def metadata(source: Source) -> dict[str, str]:
    """What `write_npz` put into a `.npz` file beside the arrays."""
    return _metadata(source, archive(source))


def _metadata(source: Source, records: Archive) -> dict[str, str]:
    found = _comment(source)
    return found | _texts(records.read(_METADATA)) if _METADATA in records.records else found


def _comment(source: Source) -> dict[str, str]:
    tail = source.read(max(0, source.size - 65_557), min(source.size, 65_557))
    comment = tail[tail.rfind(b"PK\x05\x06") + 22 :]
    return _texts(comment) if comment.startswith(_START) else {}


def _texts(content: bytes) -> dict[str, str]:
    found = parse(content, "its metadata")
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise CheckpointError("its metadata is not text")
    return {name: text for name, text in found.items() if name != _KEY}


def write_npz(
    file: BinaryIO, pieces: dict[str, Piece], metadata: dict[str, str], progress: Progress | None = None
) -> None:
    """Write a `.npz` file, not compressed, as `numpy.savez` does. bfloat16 becomes float32.

    The metadata is the comment of the archive, which numpy does not show; or an array of its own if that is too long.
    """
    halves = [name for name, piece in pieces.items() if piece.code == "BF16"]
    if halves:
        metadata = {**metadata, _BFLOAT16: json.dumps(halves)}
    import zipfile  # late: it takes long to import

    comment = json.dumps({_KEY: "1", **metadata}, separators=(",", ":")).encode()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as packed:
        for name in list(pieces):
            piece = pieces.pop(name)
            piece = piece.as_float32() if piece.code == "BF16" else piece
            with packed.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(_npy_start(piece.numpy().dtype, piece.shape))
                put(member, piece, progress)  # type: ignore[arg-type]
        if len(comment) < 1 << 16:
            packed.comment = comment
        else:
            with packed.open(_METADATA, "w") as member:
                member.write(comment)


def _npy_start(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    start = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        start, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )
    return start.getvalue()
