"""Reductions of pieces of different lengths."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _views
from lucid._tape import apply, escape
from lucid.dtypes import FLOATING
from lucid.ops._check import check_tensor
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops._reduce import HALF, host

__all__ = ["segment_reduce"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_IDENTITY = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "max": -np.inf, "min": np.inf}


def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The sum, mean, product, maximum or minimum of each of several pieces of `data` that follow each other on `axis`.

    Args:
        data: a floating tensor.
        reduce: "sum", "mean", "prod", "max" or "min".
        lengths: how long the pieces are, (..., pieces): the leading sizes are those of `data` before `axis`. Evaluated.
        indices: not supported, as in PyTorch.
        offsets: instead of lengths where the pieces begin, with the end of the last one behind them.
        axis: the last dimension of `lengths`.
        unsafe: do not check that the lengths add up to the size of `data` along `axis`.
        initial: what each reduction starts from; by default the identity, and NaN for the mean of nothing.
        out: where to put the result.

    >>> import lucid
    >>> lucid.segment_reduce(lucid.tensor([1.0, 2.0, 3.0]), "sum", lengths=lucid.tensor([1, 2]))
    tensor([1., 5.])
    """
    check_tensor("segment_reduce", data, "data")
    if reduce not in _IDENTITY:
        raise RuntimeError(f"segment_reduce: expected one of {', '.join(_IDENTITY)} for reduce, got {reduce!r}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet; pass lengths")
    if (given := lengths if lengths is not None else offsets) is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    kind, shape = data._data.dtype, tuple(data._data.shape)
    if kind not in FLOATING:
        raise NotImplementedError(f"segment_reduce: expected a floating tensor, got {data.dtype!r}")
    d = wrap_dim(axis, len(shape), "segment_reduce")
    starts, stops = _bounds(given, lengths is None, shape, d, unsafe)
    index, missing = _places(starts, stops)
    counts, start = (stops - starts)[..., None], _IDENTITY[reduce] if initial is None else float(initial)
    tail = shape[d + 1 :]

    def segment_reduce(a: mx.array) -> mx.array:
        rows = a.reshape(*shape[: d + 1], math.prod(tail))
        if kind in HALF:
            rows = rows.astype(mx.float32)
        if rows.size == 0 or index.size == 0:
            reduced = mx.full((*starts.shape, rows.shape[-1]), start, rows.dtype)
        else:
            flat = mx.array(index.reshape(*index.shape[:-2], -1, 1))
            picked = mx.take_along_axis(rows, mx.broadcast_to(flat, (*flat.shape[:-1], rows.shape[-1])), d)
            picked = picked.reshape(*index.shape, rows.shape[-1])
            reduced = _reduced(reduce, picked, mx.array(missing)[..., None], start)
        if reduce == "mean":
            reduced = reduced / mx.array(np.maximum(counts, 1)).astype(reduced.dtype)
            if initial is None:
                reduced = mx.where(mx.array(counts) > 0, reduced, mx.array(mx.nan, reduced.dtype))
        return reduced.reshape(*starts.shape, *tail).astype(kind)

    return give(_views.pin(apply(segment_reduce, data), _views.device_of(data)), out, "segment_reduce")


def _bounds(given: Tensor, offsets: bool, shape: tuple[int, ...], d: int, unsafe: bool) -> Any:
    """Where the pieces begin and end, checked against the shape of the data."""
    what = "offsets" if offsets else "lengths"
    if given._data.dtype not in (mx.int32, mx.int64):
        raise NotImplementedError(f"segment_reduce: expected int32 or int64 {what}, got {given.dtype!r}")
    if given._data.ndim != d + 1:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of {what} but got {d}.")
    if tuple(given._data.shape[:-1]) != shape[:d]:
        raise RuntimeError(
            f"segment_reduce(): Expected {what} to have the sizes {shape[:d]} of data before the axis, got "
            f"{tuple(given._data.shape[:-1])}"
        )
    escape(given)
    values = host(given).astype(np.int64)
    if offsets:
        starts, stops = values[..., :-1], values[..., 1:]
        good = values.size == 0 or ((stops >= starts).all() and values.min() >= 0 and values.max() <= shape[d])
    else:
        stops = np.cumsum(values, axis=-1)
        starts = stops - values
        good = values.size == 0 or (values.min() >= 0 and stops.max() <= shape[d])
        if not unsafe and good and (stops[..., -1:] != shape[d]).any():
            good = False
    if not good:  # PyTorch reads beyond the data where it is told not to check
        raise RuntimeError(
            f"segment_reduce(): Expected {what} that are not negative and add up to data.size({d}) = {shape[d]}, got "
            f"{values.tolist()}"
        )
    return starts, stops


def _places(starts: Any, stops: Any) -> tuple[Any, Any]:
    """For each piece the positions of its elements, padded to the longest, and where that padding is."""
    longest = int((stops - starts).max()) if starts.size else 0
    index = starts[..., None] + np.arange(longest)
    missing = index >= stops[..., None]
    return np.where(missing, 0, index), missing


def _reduced(reduce: str, a: mx.array, missing: mx.array, start: float) -> mx.array:
    """The reduction over the last dimension but one of `a`, without what is `missing`, from `start` on."""
    fill = mx.array(_IDENTITY[reduce], a.dtype)
    a = mx.where(missing, fill, a)
    first = mx.array(start, a.dtype)
    if reduce in ("sum", "mean"):
        return mx.sum(a, axis=-2) + first
    if reduce == "prod":
        return mx.prod(a, axis=-2) * first
    pick = (mx.max, mx.maximum) if reduce == "max" else (mx.min, mx.minimum)
    value = mx.stop_gradient(pick[1](pick[0](a, axis=-2), first))
    wide = mx.expand_dims(value, -2)
    same = mx.logical_not(missing) & ((a == wide) | (mx.isnan(a) & mx.isnan(wide)))
    count = mx.sum(same, axis=-2).astype(a.dtype)
    share = mx.sum(mx.where(same, a, mx.zeros((), a.dtype)), axis=-2) / mx.maximum(count, 1)
    # equal elements share the gradient; where none is the extreme, nothing does
    return mx.where(mx.isfinite(value) | (count == 0), value + (share - mx.stop_gradient(share)), share)
