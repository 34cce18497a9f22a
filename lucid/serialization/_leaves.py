"""Values without parts as JSON: numbers, texts, and the small things that describe tensors."""

from __future__ import annotations

import base64
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import dtypes, ops
from lucid._device import device
from lucid._size import Size
from lucid.ops import memory_formats
from lucid.serialization._header import CheckpointError

_FORMATS = {f.name: f for f in vars(memory_formats).values() if isinstance(f, memory_formats.memory_format)}
NOT_A_LEAF = object()


def encode(value: Any) -> Any:
    """`value` as JSON, or NOT_A_LEAF."""
    if isinstance(value, np.generic):
        array = np.asarray(value)
        if array.dtype.hasobject:
            return NOT_A_LEAF
        return {"scalar": [encode_dtype(array.dtype), _text(array.tobytes())]}
    kind = type(value)
    if value is None or kind in (bool, str):
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": str(value)}
    if kind in _WRITE:
        name, parts = _WRITE[kind]
        return {name: parts(value)}
    if isinstance(value, np.dtype) and not value.hasobject:
        return {"numpy.dtype": encode_dtype(value)}
    return NOT_A_LEAF


def decode(kind: str, parts: Any) -> Any:
    """What `encode` made `{kind: parts}` of."""
    return _READ[kind](parts)


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _content(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def encode_dtype(dtype: np.dtype[Any]) -> Any:
    """A numpy dtype as JSON."""
    return np.lib.format.dtype_to_descr(dtype)


def decode_dtype(tree: Any) -> np.dtype[Any]:
    """The numpy dtype. Raises CheckpointError for one that holds Python objects."""
    found = _dtype(tree)
    if found.hasobject:
        raise CheckpointError("it holds a numpy array of Python objects, which are pickles: they are never loaded")
    return found


def _dtype(tree: Any) -> np.dtype[Any]:
    if isinstance(tree, str):
        return np.dtype(tree)
    return np.dtype([(str(name), _dtype(of), *map(tuple, shape)) for name, of, *shape in tree])


def check_texts(values: np.ndarray[Any, Any]) -> None:
    """Raise CheckpointError for numbers that are no characters: numpy crashes where it makes a str of them."""
    if values.dtype.names is not None:
        for name in values.dtype.names:
            check_texts(values[name])
    elif values.dtype.kind == "U" and values.size and values.dtype.itemsize:
        codes = np.ascontiguousarray(values).reshape(-1).view(np.dtype("u4").newbyteorder(values.dtype.byteorder))
        if codes.max() > sys.maxunicode:
            raise CheckpointError(f"it holds a numpy array of texts with the character {codes.max()}")


def _scalar(parts: Any) -> Any:
    values = np.frombuffer(_content(parts[1]), decode_dtype(parts[0]))
    check_texts(values)
    return values[0]


def _device(text: str) -> device:
    try:
        return device(text)
    except RuntimeError:
        kind, _, index = text.partition(":")
        if kind not in ("cpu", "metal", "cuda"):
            raise
        found = object.__new__(device)  # of another machine; whoever computes on it is told that it is not here
        found.type, found.index = kind, int(index) if index else None
        return found


_WRITE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    complex: ("complex", lambda v: [str(v.real), str(v.imag)]),
    bytes: ("bytes", _text),
    range: ("range", lambda v: [v.start, v.stop, v.step]),
    type(...): ("ellipsis", lambda v: None),
    Size: ("Size", list),
    dtypes.dtype: ("dtype", lambda v: v.name),
    device: ("device", str),
    memory_formats.memory_format: ("memory_format", lambda v: v.name),
    memory_formats.layout: ("layout", repr),
}
_READ: dict[str, Callable[[Any], Any]] = {
    "int": lambda v: int(v, 16),
    "float": float,
    "complex": lambda v: complex(float(v[0]), float(v[1])),
    "bytes": _content,
    "range": lambda v: range(*v),
    "ellipsis": lambda v: ...,
    "Size": lambda v: Size(map(int, v)),
    "dtype": dtypes.as_dtype,
    "device": _device,
    "memory_format": _FORMATS.__getitem__,
    "layout": {repr(ops.strided): ops.strided}.__getitem__,
    "scalar": _scalar,
    "numpy.dtype": decode_dtype,
}
