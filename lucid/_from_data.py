"""Arrays from what Python and numpy have: numbers, nested sequences, numpy arrays."""

from __future__ import annotations

import functools
from typing import Any

import mlx.core as mx
import numpy as np

from lucid import dtypes
from lucid._known import know
from lucid._tape import TensorCore, array
from lucid.ops._promotion import number_dtype, promote_types

_dtype = dtypes.dtype
_OF_NUMPY = {d.numpy: d for d in dtypes.ALL if d is not dtypes.bfloat16}
_NUMBERS = (bool, int, float, complex)


def from_data(data: Any, dtype: _dtype | None = None) -> mx.array:
    """The array of `data`: numbers, nested sequences, numpy arrays, tensors.

    Python's floats become the default dtype, its ints int64, its complex numbers complex64; numpy's keep their dtype.
    Raises ValueError for ragged sequences and for ints beyond 64 bits, TypeError or RuntimeError for what is no number,
    RuntimeError for numbers that the integer dtype asked for does not hold.
    """
    if isinstance(data, TensorCore):
        found = array(data)
        return found if dtype is None else found.astype(dtype.mx)
    if isinstance(data, mx.array):
        return data if dtype is None else data.astype(dtype.mx)
    if isinstance(data, (np.ndarray, np.generic)):
        if data.dtype.kind not in "biufc":
            _of_numpy(data)
        return from_numpy_array(data, _of_numpy(data) if dtype is None else dtype)
    host = _host(data, dtype)
    kind = host.dtype.kind
    if dtype is None:
        if _holds(data, TensorCore):
            dtype = _common(data)
        elif kind == "f" and not _is_numpy(data):
            dtype = dtypes.get_default_dtype()
        else:
            dtype = dtypes.complex64 if kind == "c" else _OF_NUMPY[host.dtype]
    elif dtype.rank == 1 and host.size:
        _need_range(host, dtype)
    elif dtype.rank == 0:
        host = host != 0
    return from_numpy_array(host, dtype)


def as_number(value: Any) -> Any:
    """`value`, which may be a tensor of one element, as a number."""
    return value.item() if isinstance(value, TensorCore) else value


def from_numpy_array(data: Any, dtype: _dtype) -> mx.array:
    """A numpy array or scalar as an array of `dtype`."""
    if data.dtype.kind == "c" and not dtype.is_complex:
        raise TypeError(f"tensor: must be real numbers for {dtype!r}, got complex ones; pass dtype=lucid.complex64")
    with np.errstate(invalid="ignore", over="ignore"):
        if data.dtype != dtype.numpy:
            data = data.astype(dtype.numpy, order="C")
        elif not data.flags.c_contiguous:  # MLX 0.32 refuses negative strides
            data = np.array(data, order="C")
        return know(mx.array(data, dtype=dtype.mx))


def _of_numpy(data: Any) -> _dtype:
    found = _OF_NUMPY.get(data.dtype)
    if found is not None:
        return found
    if data.dtype.byteorder not in "=|<":
        raise ValueError(
            "tensor: given numpy array has byte order different from the native byte order; use .astype with one"
        )
    if data.dtype == np.complex128:
        raise TypeError("tensor: MLX has no complex128; use .astype(numpy.complex64) or pass dtype=lucid.complex64")
    raise TypeError(
        f"tensor: can't convert a numpy array of type {data.dtype}; expected bools, integers, floats or complex64"
    )


def _common(data: Any) -> _dtype:
    """The dtype that holds all numbers and 0-dim tensors in nested sequences."""
    if isinstance(data, TensorCore):
        return dtypes.OF_MX[data._data.dtype]
    if isinstance(data, (np.ndarray, np.generic)) and not isinstance(data, float):
        return _of_numpy(data)
    if isinstance(data, _NUMBERS):
        return number_dtype(data)
    return functools.reduce(promote_types, map(_common, data))


def _is_numpy(data: Any) -> bool:
    """True if the numbers in nested sequences are numpy's float64, which stay that, and not Python's floats."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, (np.ndarray, np.generic)) and data.dtype == np.float64


def _need_range(host: np.ndarray[Any, Any], dtype: _dtype) -> None:
    top = int(np.iinfo(dtype.numpy).max)
    bottom = int(np.iinfo(dtype.numpy).min)
    if not bottom and host.dtype.kind != "f":
        bottom = -top  # unsigned dtypes take negative integers, wrapped
    if host.dtype.kind in "iuf" and not (host.min() >= bottom and host.max() <= top):
        raise RuntimeError(f"tensor: value cannot be converted to type {dtype!r} without overflow")


def _host(data: Any, dtype: _dtype | None = None) -> np.ndarray[Any, Any]:
    """Nested sequences of numbers and tensors as one numpy array."""
    if not isinstance(data, _NUMBERS):
        if isinstance(data, (str, bytes)):
            raise TypeError(
                f"tensor: invalid data type {type(data).__name__!r}; expected numbers or nested sequences of them"
            )
        if not hasattr(data, "__len__") or not hasattr(data, "__getitem__") or isinstance(data, dict):
            if dtype is not None:
                raise TypeError(f"tensor: expected numbers for {dtype!r}, got {type(data).__name__}")
            raise RuntimeError(
                f"tensor: Could not infer dtype of {type(data).__name__}; expected numbers or nested sequences of them"
            )
        if any(isinstance(d, TensorCore) for d in data):
            data = [_scalar(d) if isinstance(d, TensorCore) else d for d in data]
    try:
        found = np.array(data)
    except ValueError:
        raise _ragged(data) or ValueError("tensor: expected sequences of equal length at each depth") from None
    except OverflowError:
        raise ValueError("tensor: Overflow when unpacking long long: an int does not fit in 64 bits") from None
    kind = found.dtype.kind
    if kind == "O" or (kind == "u" and found.dtype.itemsize == 8 and not _holds(data, (np.ndarray, np.generic))):
        found = _objects(found, dtype)
    elif kind not in "biufc":
        numbers = any(isinstance(d, _NUMBERS) for d in data)
        raise (TypeError if numbers or kind == "S" else ValueError)(
            "tensor: too many dimensions 'str'; expected numbers or nested sequences of them, got strings"
        )
    return found


def _scalar(t: Any) -> Any:
    if t._data.size != 1:
        raise (ValueError if t.dtype.is_inexact else TypeError)(
            "tensor: only one element tensors can be converted to Python scalars; use lucid.stack to join tensors, "
            f"got one of shape {tuple(t._data.shape)}"
        )
    return t.item()


def _holds(data: Any, kind: Any) -> bool:
    """True if the first number in nested sequences, or one of those at the top, is of a `kind`."""
    if isinstance(data, (list, tuple)) and any(isinstance(d, kind) for d in data):
        return True
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    return isinstance(data, kind)


def _objects(found: np.ndarray[Any, Any], dtype: _dtype | None) -> np.ndarray[Any, Any]:
    """Elements that numpy found no dtype for, or uint64 for, as float64 (or complex128), for a tensor of `dtype`."""
    for v in found.flat:
        if isinstance(v, TensorCore):
            continue
        if not isinstance(v, (*_NUMBERS, np.generic)):
            if dtype is not None:
                raise TypeError(f"tensor: expected numbers for {dtype!r}, got {type(v).__name__}")
            raise RuntimeError(
                f"tensor: Could not infer dtype of {type(v).__name__}; expected numbers or nested sequences of them"
            )
    values = [as_number(v) for v in found.flat]
    if (dtype is None or dtype.rank == 1) and all(isinstance(v, (int, np.integer)) for v in values):
        raise ValueError("tensor: Overflow when unpacking long long: an int does not fit in 64 bits")
    return np.array([complex(v) if isinstance(v, complex) else float(v) for v in values]).reshape(found.shape)


def _ragged(data: Any) -> Exception | None:
    """What is wrong with nested sequences that numpy could not make an array of."""
    shape, inner = [], data
    while isinstance(inner, (list, tuple, range, np.ndarray)):
        shape.append(len(inner))
        inner = inner[0] if len(inner) else None

    def check(value: Any, depth: int) -> Exception | None:
        nested = isinstance(value, (list, tuple, range, np.ndarray))
        if depth == len(shape):
            return (
                TypeError(f"tensor: expected a number, got {type(value).__name__} at depth {depth}") if nested else None
            )
        if not nested:
            return TypeError(
                f"tensor: not a sequence: expected length {shape[depth]} at dim {depth}, got {type(value).__name__}"
            )
        if len(value) != shape[depth]:
            return ValueError(f"tensor: expected sequence of length {shape[depth]} at dim {depth} (got {len(value)})")
        return next((error for v in value if (error := check(v, depth + 1)) is not None), None)

    return check(data, 0)
