"""Counting: unique values, bins and histograms. The sizes of results depend on values here, so inputs are evaluated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _views
from lucid._known import know
from lucid._tape import escape, wrap
from lucid.dtypes import FLOATING, INEXACT, OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops._reduce import host

__all__ = ["bincount", "histc", "unique", "unique_consecutive"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _values(input: Tensor) -> np.ndarray[Any, Any]:
    escape(input)
    return host(input)


def _back(values: np.ndarray[Any, Any], input: Tensor, kind: mx.Dtype = mx.int64) -> Tensor:
    t = wrap(know(mx.array(np.ascontiguousarray(values).reshape(values.shape), dtype=kind)))
    return t if input._extra is None else _views.pin(t, _views.device_of(input))


def _some(parts: list[Tensor | None]) -> Any:
    found = tuple([p for p in parts if p is not None])
    return found[0] if len(found) == 1 else found


def _no_complex(input: Tensor, operation: str) -> None:
    if input._data.dtype == mx.complex64:
        raise NotImplementedError(f"{operation}(): complex numbers have no order, got a complex64 tensor")


@numpy_names
def unique(
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different elements of `input`, or its different slices along `dim`, always sorted. Each NaN is its own.

    Args:
        input: the tensor; it is evaluated.
        sorted: accepted in either value.
        return_inverse: also return, for each element, where it is in the result.
        return_counts: also return how often each occurs.
        dim: compare slices along this dimension instead of elements.

    >>> import lucid
    >>> lucid.unique(lucid.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    _no_complex(input, "unique")
    values, kind = _values(input), input._data.dtype
    if dim is None:
        found, inverse, counts = np.unique(values.reshape(-1), return_inverse=True, return_counts=True, equal_nan=False)
        inverse = inverse.reshape(values.shape)
    else:
        axis = wrap_dim(dim, input._data.ndim, "unique")
        _need_slices(values, axis, "unique")
        rows, shape = _rows(values, axis)
        keys = np.lexsort(rows.T[::-1]) if rows.shape[1] else np.arange(rows.shape[0])
        first, group = _runs(rows[keys])
        inverse = np.empty(len(keys), np.int64)
        inverse[keys] = group
        found, counts = _slices(rows[keys][first], shape, axis), np.bincount(group)
    inverted = _back(inverse, input) if return_inverse else None
    return _some([_back(found, input, kind), inverted, _back(counts, input) if return_counts else None])


@numpy_names
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """`input` with runs of equal elements (or slices along `dim`) shortened to one.

    >>> import lucid
    >>> lucid.unique_consecutive(lucid.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    _no_complex(input, "unique_consecutive")
    values, kind = _values(input), input._data.dtype
    if dim is None:
        rows, axis = values.reshape(-1, 1), 0
        shape: tuple[int, ...] = (values.size,)
    else:
        axis = wrap_dim(dim, input._data.ndim, "unique_consecutive")
        _need_slices(values, axis, "unique_consecutive")
        rows, shape = _rows(values, axis)
    first, group = _runs(rows)
    found = _slices(rows[first], shape, axis)
    inverse = group.reshape(values.shape) if dim is None else group
    inverted = _back(inverse, input) if return_inverse else None
    counts = np.bincount(group, minlength=0) if group.size else np.zeros(0, np.int64)
    return _some([_back(found, input, kind), inverted, _back(counts, input) if return_counts else None])


def _need_slices(values: np.ndarray[Any, Any], axis: int, operation: str) -> None:
    if not values.ndim:
        raise IndexError(f"{operation}: Dimension specified as {axis} but tensor has no dimensions")
    if values.size == 0 and values.shape[axis]:
        raise RuntimeError(
            f"{operation}: There are 0 sized dimensions, and they aren't selected, so {operation} cannot be applied"
        )


def _rows(values: np.ndarray[Any, Any], axis: int) -> tuple[np.ndarray[Any, Any], tuple[int, ...]]:
    """The slices along `axis` as rows, and the shape that they have with the axis first."""
    moved = np.moveaxis(values, axis, 0)
    return moved.reshape(moved.shape[0], -1) if values.size else np.zeros(
        (moved.shape[0], 0), values.dtype
    ), moved.shape


def _slices(rows: np.ndarray[Any, Any], shape: tuple[int, ...], axis: int) -> np.ndarray[Any, Any]:
    return np.moveaxis(rows.reshape(len(rows), *shape[1:]), 0, axis)


def _runs(rows: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Where each run of equal rows starts, and which run each row is in."""
    if not len(rows):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    new = np.concatenate([[True], (rows[1:] != rows[:-1]).any(axis=1)])
    return np.flatnonzero(new), np.cumsum(new) - 1


@numpy_names
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2, ... occurs in the 1-d integer tensor `input`, or the sum of its `weights`.

    The result is int64, with float32 weights float32, with others float64. Raises RuntimeError for negative elements.

    >>> import lucid
    >>> lucid.bincount(lucid.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    if input._data.dtype in INEXACT or input._data.dtype == mx.bool_:
        raise NotImplementedError(f"bincount: expected an integer tensor, got {OF_MX[input._data.dtype]!r}")
    if minlength < 0:
        raise RuntimeError(f"bincount: minlength should be >= 0, got {minlength}")
    if input._data.ndim != 1:
        raise RuntimeError(
            f"bincount only supports 1-d non-negative integral inputs, got shape {tuple(input._data.shape)}"
        )
    values = _values(input).astype(np.int64)
    if (values < 0).any():
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs, got a negative element")
    if weights is None:
        return _back(np.bincount(values, minlength=minlength), input)
    if weights._data.shape != input._data.shape:
        raise RuntimeError(
            "bincount: weights should be 1-d and have the same length as input, "
            f"got shape {tuple(weights._data.shape)} for {values.size}"
        )
    if not values.size:
        return _back(np.zeros(minlength, np.int64), input)
    kind = mx.float32 if weights._data.dtype == mx.float32 else mx.float64
    return _back(np.bincount(values, _values(weights).astype(np.float64), minlength), input, kind)


@numpy_names
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Tensor | None = None) -> Tensor:
    """How many elements fall into each of `bins` equal intervals between `min` and `max`, in the dtype of `input`.

    Both 0 stand for the smallest and the largest element. Elements outside count nowhere.
    """
    kind = input._data.dtype
    if kind not in FLOATING:
        raise NotImplementedError(f"histc: expected a floating tensor, got {OF_MX[kind]!r}; call .float() first")
    if bins <= 0:
        raise RuntimeError(f"histc: bins must be > 0, got {bins}")
    values = _values(input).reshape(-1)
    low, high = values.dtype.type(min), values.dtype.type(max)
    if low == high and values.size:
        low, high = values.min(), values.max()
    if low == high:
        low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError(f"histc: max must be larger than min, got {min} and {max}")
    values = values[(values >= low) & (values <= high)]
    at = np.minimum(((values - low) / (high - low) * bins).astype(np.int64), bins - 1)
    return give(_back(np.bincount(at, minlength=bins), input, kind), out, "histc")
