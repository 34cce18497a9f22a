"""Arrays from what Python and numpy have: numbers, nested sequences, numpy arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import dtypes
from lucid._known import know
from lucid._tape import TensorCore, array

_dtype = dtypes.dtype


def from_data(data: Any, dtype: _dtype | None = None) -> mx.array:
    """The array of `data`: numbers, nested sequences, numpy arrays, tensors. Floats become the default dtype, ints int64.

    Raises ValueError for ragged sequences, TypeError for what is no number, RuntimeError for an int beyond 64 bits.
    """
    if isinstance(data, TensorCore):
        found = array(data)
        return found if dtype is None else found.astype(dtype.mx)
    if isinstance(data, mx.array):
        return data if dtype is None else data.astype(dtype.mx)
    if dtype is None and data.__class__ in (float, int, bool):
        dtype = dtypes.as_dtype(data.__class__)
    if not isinstance(data, (np.ndarray, np.generic)):
        data = _host(data)
        if dtype is None and data.dtype == np.float64:
            dtype = dtypes.get_default_dtype()
    if dtype is None:
        dtype = dtypes.as_dtype(data.dtype, "tensor")
    if data.dtype.byteorder not in "=|<":
        raise ValueError("tensor: given numpy array has byte order different from the native byte order; use .astype with a native one")
    return from_numpy_array(data, dtype)


def from_numpy_array(data: Any, dtype: _dtype) -> mx.array:
    """A numpy array or scalar as an array of `dtype`."""
    if data.dtype.kind == "c" and not dtype.is_complex:
        raise TypeError(f"tensor: cannot convert complex values to {dtype!r}")
    with np.errstate(invalid="ignore", over="ignore"):
        return know(mx.array(np.asarray(data).astype(dtype.numpy), dtype=dtype.mx))


def _host(data: Any) -> np.ndarray[Any, Any]:
    """Nested sequences of numbers and tensors as one numpy array."""
    if isinstance(data, (str, bytes)) or data is None:
        raise TypeError(f"tensor: expected numbers or nested sequences of them, got {type(data).__name__}")
    if isinstance(data, Sequence) and data and any(isinstance(d, TensorCore) for d in data):
        data = [d.numpy(force=True) if isinstance(d, TensorCore) else _host(d) for d in data]
    try:
        found = np.array(data)
    except ValueError as error:
        raise ValueError(f"tensor: expected sequences of equal length at each depth: {error}") from None
    if found.size == 0 and found.dtype == np.float64:
        return found
    if found.dtype.kind == "O":
        if all(isinstance(v, int) for v in found.flat):
            raise RuntimeError("tensor: Overflow when unpacking long: an int does not fit in 64 bits")
        found = _elements(found)
    if found.dtype.kind == "u" and found.dtype.itemsize == 8 and not isinstance(data, np.ndarray):
        raise RuntimeError("tensor: Overflow when unpacking long: an int does not fit in 64 bits")
    if found.dtype.kind not in "biufc":
        raise TypeError(f"tensor: expected numbers or nested sequences of them, got elements of {found.dtype}")
    return found


def _elements(found: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    bad = next((v for v in found.flat if not isinstance(v, (int, float, complex, np.generic))), None)
    if bad is None:
        return found.astype(np.result_type(*[np.asarray(v).dtype for v in found.flat]))
    raise TypeError(f"tensor: expected numbers or nested sequences of them, got an element of type {type(bad).__name__}")
