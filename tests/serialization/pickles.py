"""Pickles put together by hand, and the files around them: what no honest program would write."""

from __future__ import annotations

import io
import struct
import zipfile
from typing import Any

PROTO = b"\x80\x02"
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
LEGACY = MAGIC + b"\x80\x02M\xe9\x03." + b"\x80\x02}."


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes((len(data),)) + data


def name(full: str) -> bytes:
    module, _, last = full.rpartition(".")
    return f"c{module}\n{last}\n".encode()


def part(value: Any) -> bytes:
    """Instructions for `value`: bytes are instructions already."""
    if isinstance(value, bytes):
        return value
    if value is None or isinstance(value, bool):
        return {None: b"N", True: b"\x88", False: b"\x89"}[value]
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, tuple):
        return b"(" + b"".join(map(part, value)) + b"t"
    return text(value) if isinstance(value, str) else number(value)


def call(function: str, *arguments: Any) -> bytes:
    """The result of a function."""
    return name(function) + part(arguments) + b"R"


def storage(kind: str = "torch.FloatStorage", key: Any = "0", count: Any = 6, *more: Any) -> bytes:
    return part(("storage", name(kind), key, "cpu", count, *more)) + b"Q"


def tensor(
    size: Any = (2, 3), stride: Any = (3, 1), offset: Any = 0, *more: Any, of: bytes = b"", grad: Any = False
) -> bytes:
    hooks = call("collections.OrderedDict")
    return call("torch._utils._rebuild_tensor_v2", of or storage(), offset, size, stride, grad, hooks, *more)


FLOATS = struct.pack("<6f", *range(6))


def zipped(
    body: bytes,
    storages: dict[str, bytes] | None = None,
    records: dict[str, bytes] | None = None,
    method: int = zipfile.ZIP_STORED,
) -> bytes:
    """A zip archive as torch.save writes it around the instructions `body`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("archive/data.pkl", PROTO + body + b".")
        for key, data in ({"0": FLOATS} if storages is None else storages).items():
            archive.writestr(f"archive/data/{key}", data)
        for title, data in (records or {"archive/version": b"3\n"}).items():
            archive.writestr(title, data)
    return buffer.getvalue()


def legacy(body: bytes, keys: Any = None, data: bytes = struct.pack("<q", 6) + FLOATS) -> bytes:
    """A file as torch.save wrote it before PyTorch 1.6; by default with a storage if the instructions name one."""
    if keys is None and b"storage" not in body:
        data = b""
    keys = (("0",) if data else ()) if keys is None else keys
    return LEGACY + PROTO + body + b"." + PROTO + b"](" + b"".join(map(part, keys)) + b"e." + data
