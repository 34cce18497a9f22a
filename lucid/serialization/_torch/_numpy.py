"""numpy's arrays, scalars and dtypes in pickles, rebuilt where their elements are plain numbers or text."""

from __future__ import annotations

import math
import re
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

from lucid.serialization._header import CheckpointError

_PLAIN = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|c8|c16|[SU]\d{1,6}|\?|[bBhHiIlLqQefdFD])")


def plain(d: np.dtype[Any]) -> bool:
    """True for bools, integers, floats, complex numbers and text of a fixed length."""
    return d.kind in "biufcSU" and d.fields is None and d.subdtype is None and d.itemsize > 0


def dtype(code: Any, align: Any = False, copy: Any = True) -> np.dtype[Any]:
    """`numpy.dtype` as pickles call it; the byte order comes later, see `build`."""
    if isinstance(code, np.dtype):
        return code
    text = code if isinstance(code, str) else ""
    if not _PLAIN.fullmatch(text):
        raise CheckpointError(
            f"it contains a numpy array of the dtype {text[:40]!r}, which is not read: elements have to be numbers or "
            "text of a fixed length. Leave the array out of the checkpoint, or convert it"
        )
    return np.dtype(text, False, True)  # a copy of its own, since `fill_dtype` changes it


def fill_dtype(d: np.dtype[Any], state: Any) -> None:
    """Give a dtype, just made, the byte order that its pickle says."""
    if not isinstance(state, tuple) or len(state) < 8 or state[1] not in ("<", ">", "=", "|") or not plain(d):
        raise CheckpointError("its pickle describes a dtype of numpy wrongly")
    if not all(part is None for part in state[2:5]) or (d.kind in "SU" and state[5] != d.itemsize):
        raise CheckpointError("it contains a numpy array of a dtype with fields, which is not read")
    size, alignment = (d.itemsize, d.alignment) if d.kind in "SU" else (-1, -1)
    flags = 8 if d.kind == "U" else 0
    d.__setstate__((3, state[1], None, None, None, size, alignment, flags))  # type: ignore[attr-defined]


def empty(cls: Any, shape: Any = (0,), code: Any = b"b") -> npt.NDArray[Any]:
    """The array that `numpy.core.multiarray._reconstruct` makes, to be filled by `fill`."""
    return np.zeros(0, np.int8)


def fill(array: npt.NDArray[Any], state: Any) -> None:
    """Give an array, just made, the shape, dtype and values that its pickle says."""
    if array.dtype != np.int8 or array.shape != (0,) or not isinstance(state, tuple) or len(state) != 5:
        raise CheckpointError("its pickle describes a numpy array wrongly")
    _, shape, kind, fortran, data = state
    array.__setstate__((1, tuple(shape), _checked(shape, kind, data), bool(fortran), bytes(data)))  # type: ignore[arg-type]


def from_buffer(data: Any, kind: Any, shape: Any, order: Any = "C", *rest: Any) -> npt.NDArray[Any]:
    """The array that `numpy._core.numeric._frombuffer` makes."""
    if order not in ("C", "F") or rest:
        raise CheckpointError("its pickle describes a numpy array wrongly")
    return np.frombuffer(bytearray(data), _checked(shape, kind, data)).reshape(shape, order=order)


def scalar(kind: Any, data: Any) -> np.generic:
    """The scalar that `numpy.core.multiarray.scalar` makes."""
    found: np.generic = np.frombuffer(bytes(data), _checked((), kind, data))[0]
    return found


def _checked(shape: Any, kind: Any, data: Any) -> np.dtype[Any]:
    """`kind`, if `data` are values of that dtype and shape: one more like it, for that of the pickle may change."""
    if not isinstance(kind, np.dtype) or not plain(kind):
        raise CheckpointError("it contains a numpy array of a dtype that is not read")
    if not isinstance(data, (bytes, bytearray)):
        raise CheckpointError("it contains a numpy array whose values are not bytes, which is not read")
    sizes = shape if isinstance(shape, tuple) else (shape,)
    if len(sizes) > 32 or not all(type(n) is int and 0 <= n < 1 << 62 for n in sizes):
        raise CheckpointError("its pickle describes the shape of a numpy array wrongly")
    if math.prod(sizes) * kind.itemsize != len(data):
        raise CheckpointError(
            f"it contains a numpy array of shape {sizes} and dtype {kind} with {len(data)} bytes of values"
        )
    letters = np.frombuffer(data, f"{kind.byteorder}u4") if kind.kind == "U" else None
    if letters is not None and letters.size and letters.max() > sys.maxunicode:
        raise CheckpointError("it contains a numpy array of text that is no Unicode")
    return np.dtype(kind.str)
