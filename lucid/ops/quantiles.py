"""Ranks: median, quantile and mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import return_types
from lucid._tape import TensorCore, apply, array
from lucid.dtypes import INEXACT, OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give, give_pair
from lucid.ops._reduce import evenly, first_true, front, need_elements, on_rows, pick
from lucid.ops.sorting import order

__all__ = ["median", "mode", "nanmedian", "nanquantile", "quantile"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _isnan(a: mx.array) -> mx.array:
    return mx.isnan(a) if a.dtype in INEXACT else mx.zeros(a.shape, mx.bool_)


def _median_index(a: mx.array, axis: int, ignore_nan: bool) -> mx.array:
    """Where the lower median of each row is, or its first NaN. The axis is kept."""
    sequence, nan = order(a, axis), _isnan(a)
    if ignore_nan:
        known = mx.sum(mx.logical_not(nan), axis=axis, keepdims=True)
        return mx.take_along_axis(sequence, mx.maximum(known - 1, 0) // 2, axis)
    n = a.shape[axis]
    middle = front(sequence, axis, (n - 1) // 2, (n + 1) // 2)
    return mx.where(mx.any(nan, axis=axis, keepdims=True), mx.argmax(nan, axis=axis, keepdims=True), middle)


def _median(operation: str, input: Tensor, dim: int | None, keepdim: bool, out: Any) -> Any:
    ignore_nan, kind = operation == "nanmedian", input._data.dtype
    if kind == mx.complex64 or kind == mx.bool_:
        raise NotImplementedError(f"{operation}(): expected an integer or floating tensor, got {OF_MX[kind]!r}")
    if dim is None:
        if keepdim:
            raise TypeError(f"{operation}(): keepdim needs a dim; without one the result is 0-dim")

        def whole(a: mx.array) -> mx.array:
            if a.size == 0:
                if kind not in INEXACT:  # what PyTorch's NaN becomes when cast to an integer
                    return mx.array(_NOTHING.get(kind, 0), kind)
                return mx.array(mx.nan, kind)
            flat = a.reshape(-1)
            return evenly(flat, pick(flat, _median_index(flat, 0, ignore_nan), 0).reshape(()))

        whole.__qualname__ = operation
        return give(apply(whole, input), out, operation, exact=True)
    axis = wrap_dim(dim, input._data.ndim, operation)
    if input._data.ndim:
        need_elements(input._data.shape, (axis,), operation)

    def fn(a: mx.array) -> tuple[mx.array, mx.array]:
        if a.size == 0:
            empty = front(a, axis, 0, 1)
            return (
                (empty, empty.astype(mx.int64))
                if keepdim
                else (empty.squeeze(axis), empty.squeeze(axis).astype(mx.int64))
            )
        index = _median_index(a, axis, ignore_nan)
        values, index = pick(a, index, axis), index.astype(mx.int64)
        return (values, index) if keepdim else (values.squeeze(axis), index.squeeze(axis))

    fn.__qualname__ = operation
    return give_pair(apply(on_rows(fn, input._data.ndim), input), out, operation, exact=True)


_NOTHING = {mx.int64: -(2**63), mx.int32: -(2**31)}


@numpy_names
def median(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """The middle element, the lower one of two: of all, or along `dim` as `(values, indices)`. NaN if there is one.

    >>> import lucid
    >>> lucid.median(lucid.tensor([4, 1, 3, 2]))
    tensor(2)
    """
    found = _median("median", input, dim, keepdim, out)
    return found if dim is None else return_types.median(*found)


@numpy_names
def nanmedian(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Any = None) -> Any:
    """`median` of the elements that are not NaN; NaN if there are none."""
    found = _median("nanmedian", input, dim, keepdim, out)
    return found if dim is None else return_types.nanmedian(*found)


@numpy_names
def mode(
    input: Tensor, dim: int = -1, keepdim: bool = False, *, out: tuple[Tensor, Tensor] | None = None
) -> return_types.mode:
    """The most frequent element along `dim`, of several the smallest, and its last index, as `(values, indices)`."""
    if input._data.dtype == mx.complex64:
        raise NotImplementedError("mode(): complex numbers have no order, got a complex64 tensor")
    axis = wrap_dim(dim, input._data.ndim, "mode")
    if input._data.ndim:
        need_elements(input._data.shape, (axis,), "mode")

    def fn(a: mx.array) -> tuple[mx.array, mx.array]:
        if a.size == 0:
            return _squeezed(front(a, axis, 0, 1), front(a, axis, 0, 1).astype(mx.int64), axis, keepdim)
        n = a.shape[axis]
        sequence = order(a, axis)
        values = mx.stop_gradient(pick(a, sequence, axis))
        positions = mx.arange(n, dtype=mx.int32).reshape((-1,) + (1,) * (a.ndim - axis - 1))
        changed = front(values, axis, 1, n) != front(values, axis, 0, n - 1)
        starts = mx.concatenate(
            [mx.ones_like(front(changed, axis, 0, 1)) if n > 1 else mx.ones(a.shape, mx.bool_), changed], axis=axis
        )
        run = positions - mx.cummax(mx.where(starts, positions, mx.array(0, mx.int32)), axis=axis)
        index = mx.take_along_axis(sequence, mx.argmax(run, axis=axis, keepdims=True), axis)
        return _squeezed(pick(a, index, axis), index.astype(mx.int64), axis, keepdim)

    return return_types.mode(*give_pair(apply(on_rows(fn, input._data.ndim), input), out, "mode", exact=True))


def _squeezed(values: mx.array, index: mx.array, axis: int, keepdim: bool) -> tuple[mx.array, mx.array]:
    return (values, index) if keepdim else (values.squeeze(axis), index.squeeze(axis))


# ---- quantiles -------------------------------------------------------------------------------------------------------

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(
    operation: str, input: Tensor, q: Any, dim: int | None, keepdim: bool, interpolation: str, out: Tensor | None
) -> Tensor:
    kind = input._data.dtype
    if kind != mx.float32 and kind != mx.float64:
        raise RuntimeError(f"{operation}() input tensor must be either float or double dtype, got {OF_MX[kind]!r}")
    if input._data.size == 0:
        raise RuntimeError(f"{operation}() input tensor must be non-empty")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{operation}() interpolation must be one of {', '.join(_INTERPOLATIONS)}, but got {interpolation}"
        )
    if isinstance(q, TensorCore):
        if q._data.dtype != kind:
            raise RuntimeError(
                f"{operation}() q tensor must be same dtype as the input tensor, got {OF_MX[q._data.dtype]!r}"
            )
        if q._data.ndim > 1:
            raise RuntimeError(f"{operation}() q must be a scalar or 1D tensor, got shape {tuple(q._data.shape)}")
        wanted_ranks = array(q)
        if first_true(outside=mx.logical_not((wanted_ranks >= 0) & (wanted_ranks <= 1))):
            raise RuntimeError(f"{operation}() q values must be in the range [0, 1]")
    elif not isinstance(q, (int, float, np.number)):
        raise TypeError(f"{operation}(): argument 'q' must be float or Tensor, not {type(q).__name__}")
    elif not 0 <= q <= 1:
        raise RuntimeError(f"{operation}() q must be in the range [0, 1] but got {q}")
    scalar = not isinstance(q, TensorCore) or not q._data.ndim
    ndim = input._data.ndim
    axis = None if dim is None or not ndim else wrap_dim(dim, ndim, operation)
    if dim is not None:
        wrap_dim(dim, ndim, operation)

    def fn(a: mx.array, wanted: mx.array) -> mx.array:
        rows = a.reshape(-1) if axis is None else mx.moveaxis(a, axis, -1)
        n = rows.shape[-1]
        rows = mx.take_along_axis(rows, mx.stop_gradient(order(rows, rows.ndim - 1)), -1)
        nan = mx.isnan(mx.stop_gradient(rows))
        if operation == "nanquantile":
            ranks = wanted.reshape(-1) * (mx.sum(mx.logical_not(nan), axis=-1, keepdims=True) - 1).astype(a.dtype)
            ranks = mx.maximum(ranks, 0)
        else:
            ranks = wanted.reshape(-1) * (n - 1)
            ranks = mx.where(mx.any(nan, axis=-1, keepdims=True), mx.array(n - 1, a.dtype), ranks)
        if interpolation in ("lower", "higher", "nearest"):
            ranks = {"lower": mx.floor, "higher": mx.ceil, "nearest": mx.round}[interpolation](ranks)
        below = mx.floor(mx.stop_gradient(ranks))
        result = pick(rows, below.astype(mx.int32), -1)
        if interpolation in ("linear", "midpoint"):
            above = pick(rows, mx.ceil(mx.stop_gradient(ranks)).astype(mx.int32), -1)
            part = mx.full(ranks.shape, 0.5, a.dtype) if interpolation == "midpoint" else ranks - below
            span = above - result
            result = mx.where(part < 0.5, result + part * span, above - span * (1 - part))
        if keepdim:
            result = result.reshape((1,) * ndim + (-1,)) if axis is None else mx.expand_dims(result, axis)
        result = mx.moveaxis(result, -1, 0)
        return result[0] if scalar else result

    fn.__qualname__ = operation
    return give(apply(fn, input, q if isinstance(q, TensorCore) else mx.array(q, kind)), out, operation)


@numpy_names
def quantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """The `q`-th quantiles of all elements or along `dim`, NaN if there is one. A 1-d `q` comes first in the shape.

    Between two elements, `interpolation` is "linear", "lower", "higher", "midpoint" or "nearest".

    >>> import lucid
    >>> lucid.quantile(lucid.tensor([1.0, 2.0, 3.0, 4.0]), 0.5)
    tensor(2.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, out)


@numpy_names
def nanquantile(
    input: Tensor,
    q: float | Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
    out: Tensor | None = None,
) -> Tensor:
    """`quantile` of the elements that are not NaN; NaN if there are none."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, out)
