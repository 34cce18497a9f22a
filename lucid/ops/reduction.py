"""Reductions: sum, mean, prod, any and all, logsumexp."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import dtypes
from lucid._tape import apply
from lucid.dtypes import INEXACT, OF_MX, dtype
from lucid.ops import _precise
from lucid.ops._arguments import numpy_names
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops._reduce import (
    HALF,
    Axes,
    average,
    axes_of,
    product,
    reduced_shape,
    total,
)

__all__ = [
    "all",
    "any",
    "count_nonzero",
    "logsumexp",
    "mean",
    "nanmean",
    "nansum",
    "prod",
    "sum",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Dims = int | tuple[int, ...] | list[int] | None


@numpy_names
def sum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """The sum of all elements, or over `dim`: an int, several, or None for all. Integers and bools add up in int64.

    `dtype` converts the elements first. float16 and bfloat16 accumulate in float32.

    >>> import lucid
    >>> lucid.sum(lucid.tensor([[1, 2], [3, 4]]), dim=0)
    tensor([4, 6])
    """
    axes = None if dim is None else axes_of(dim, input._data.ndim, "sum")
    if out is not None:
        dtype = dtype_for(out, dtype)
    if dtype is None:
        result = apply(_sum, input, axes, keepdim)
    else:
        to = dtype.mx
        result = apply(lambda a: total(a.astype(to), axes, keepdim).astype(to), input)
    return result if out is None else give(result, out, "sum", exact=True)


def dtype_for(out: Tensor | None, dtype: dtype | None) -> dtype | None:
    """What the elements are converted to first: `dtype`, or else the dtype of the place for the result."""
    return OF_MX[out._data.dtype] if dtype is None and out is not None else dtype


def _sum(a: mx.array, axes: Axes, keepdim: bool) -> mx.array:
    return total(a, axes, keepdim)


def _mean(a: mx.array, axes: Axes, keepdim: bool) -> mx.array:
    return average(a, axes, keepdim)


@numpy_names
def nansum(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """`sum` with NaN counted as zero. Raises RuntimeError for complex tensors."""
    axes = axes_of(dim, input._data.ndim, "nansum")
    if input._data.dtype == mx.complex64:
        raise RuntimeError("nansum does not support complex inputs")
    if dtype is dtypes.complex64 and input._data.dtype in INEXACT and input._data.size:
        raise NotImplementedError("nansum: not implemented for complex64; convert the result instead")
    dtype = dtype_for(out, dtype)
    to = None if dtype is None else dtype.mx

    def fn(a: mx.array) -> mx.array:
        if a.dtype in INEXACT:
            a = mx.where(mx.isnan(a), mx.zeros((), a.dtype), a)
        return total(a, axes, keepdim) if to is None else total(a.astype(to), axes, keepdim).astype(to)

    return give(apply(fn, input), out, "nansum", exact=True)


def _mean_dtype(input: Tensor, dtype: dtype | None, operation: str) -> dtype:
    have = OF_MX[input._data.dtype]
    want = have if dtype is None else dtype
    if not want.is_inexact:
        what = "Input dtype" if dtype is None else "Optional dtype"
        raise RuntimeError(
            f"{operation}(): could not infer output dtype. {what} must be either a floating point or complex dtype, "
            f"got {want!r}; pass dtype=lucid.float32 or call .float() first"
        )
    return want


@numpy_names
def mean(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """The mean of all elements, or over `dim`. Of no elements it is NaN.

    Raises RuntimeError for integers and bools unless `dtype` names a floating one to convert them to first.

    >>> import lucid
    >>> lucid.mean(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=1)
    tensor([1.5000, 3.5000])
    """
    to = None if dtype is None and input._data.dtype in INEXACT else _mean_dtype(input, dtype, "mean").mx
    axes = None if dim is None else axes_of(dim, input._data.ndim, "mean")
    if to is None:
        result = apply(_mean, input, axes, keepdim)
    else:
        result = apply(lambda a: average(a.astype(to), axes, keepdim), input)
    return result if out is None else give(result, out, "mean")


@numpy_names
def nanmean(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, dtype: dtype | None = None, out: Tensor | None = None
) -> Tensor:
    """The mean of the elements that are not NaN. Raises RuntimeError for integers and bools."""
    if input._data.dtype not in INEXACT:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {OF_MX[input._data.dtype]!r}"
        )
    axes = axes_of(dim, input._data.ndim, "nanmean")
    if input._data.dtype == mx.complex64 or dtype is dtypes.complex64:
        raise RuntimeError("nanmean does not support complex inputs")
    to = _mean_dtype(input, dtype, "nanmean").mx

    def fn(a: mx.array) -> mx.array:
        wide = mx.float32 if to in HALF else to
        a = a.astype(wide)
        known = mx.logical_not(mx.isnan(a))
        counts = total(known, axes, keepdim).astype(wide)
        return (total(mx.where(known, a, mx.zeros((), wide)), axes, keepdim) / counts).astype(to)

    return give(apply(fn, input), out, "nanmean")


@numpy_names
def prod(
    input: Tensor,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    dtype: dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The product of all elements, or along the one dimension `dim`. Integers and bools multiply in int64.

    >>> import lucid
    >>> lucid.prod(lucid.tensor([2, 3, 4]))
    tensor(24)
    """
    axes = None if dim is None else (wrap_dim(dim, input._data.ndim, "prod"),)
    if input._data.ndim == 0:
        axes = None
    dtype = dtype_for(out, dtype)
    to = None if dtype is None else dtype.mx

    def fn(a: mx.array) -> mx.array:
        result = product(a if to is None else a.astype(to), axes, keepdim)
        return result if to is None else result.astype(to)

    return give(apply(fn, input), out, "prod", exact=True)


# ---- truth -----------------------------------------------------------------------------------------------------------


def _truth_axes(dim: Any, ndim: int, operation: str) -> tuple[int, ...] | None:
    # An empty sequence of dimensions reduces nothing here, unlike in every other reduction of PyTorch's.
    return () if isinstance(dim, (tuple, list)) and not dim and ndim else axes_of(dim, ndim, operation)


@numpy_names
def all(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """True where all elements over `dim` are nonzero (NaN is); bool, for uint8 tensors uint8. True for no elements."""
    axes = _truth_axes(dim, input._data.ndim, "all")

    def fn(a: mx.array) -> mx.array:
        result = (
            mx.ones(reduced_shape(a.shape, axes, keepdim), mx.bool_) if a.size == 0 else mx.all(a != 0, axes, keepdim)
        )
        return result.astype(mx.uint8) if a.dtype == mx.uint8 else result

    return _give_truth(apply(fn, input), out, "all")


@numpy_names
def any(input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """True where any element over `dim` is nonzero (NaN is); bool, for uint8 tensors uint8. False for no elements."""
    axes = _truth_axes(dim, input._data.ndim, "any")

    def fn(a: mx.array) -> mx.array:
        result = (
            mx.zeros(reduced_shape(a.shape, axes, keepdim), mx.bool_) if a.size == 0 else mx.any(a != 0, axes, keepdim)
        )
        return result.astype(mx.uint8) if a.dtype == mx.uint8 else result

    return _give_truth(apply(fn, input), out, "any")


def _give_truth(result: Tensor, out: Tensor | None, operation: str) -> Tensor:
    if out is not None and out._data.dtype in (mx.bool_, mx.uint8):
        to = out._data.dtype
        result = apply(lambda a: a.astype(to), result)
    return give(result, out, operation, exact=True)


@numpy_names
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements are not zero, in int64."""
    axes = axes_of(dim, input._data.ndim, "count_nonzero")
    return apply(lambda a: total(a != 0, axes), input)  # type: ignore[no-any-return]


@numpy_names
def logsumexp(input: Tensor, dim: Dims, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The log of the summed exponentials over `dim`, without overflow. Integers become the default floating dtype.

    >>> import lucid
    >>> lucid.logsumexp(lucid.tensor([0.0, 0.0]), dim=0)
    tensor(0.6931)
    """
    axes = axes_of(dim, input._data.ndim, "logsumexp")
    kind = input._data.dtype
    to = kind if kind in INEXACT else dtypes.get_default_dtype().mx

    def fn(a: mx.array) -> mx.array:
        a = a.astype(to)
        if a.size == 0:
            return mx.full(reduced_shape(a.shape, axes, keepdim), -mx.inf).astype(to)
        if to == mx.float64 or to == mx.complex64:
            top = mx.stop_gradient(mx.max(mx.real(a), axis=axes, keepdims=True))
            top = mx.where(mx.isinf(top), mx.zeros((), top.dtype), top)
            shifted = mx.log(mx.sum(_precise.exp(a - top), axis=axes, keepdims=True)) + top
            return shifted.reshape(reduced_shape(a.shape, axes, keepdim))
        return mx.logsumexp(a, axis=axes, keepdims=keepdim)

    return give(apply(fn, input), out, "logsumexp")
