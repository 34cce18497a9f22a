"""Reductions of the elements that a mask leaves over.

All take `mask`, which broadcasts to `input` and is True where an element counts, `dim` (None or () is all), `keepdim`,
and `dtype`, the dtype of the result. Where no element counts, the result is that of no elements.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import dtypes, ops
from lucid._tape import apply, wrap
from lucid.dtypes import INEXACT
from lucid.masked._mask import Dims, axes_of, axis_of, dtype_of, filled, flags, lowest
from lucid.ops._reduce import first_true, product, reduced_count, reduced_shape, total

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "amax",
    "amin",
    "argmax",
    "argmin",
    "logsumexp",
    "mean",
    "median",
    "norm",
    "prod",
    "std",
    "sum",
    "var",
]

_dtype = dtypes.dtype


def sum(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: _dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The sum over `dim` of the elements where `mask` is True; 0 for none. Integers and bools add up in int64.

    >>> import lucid
    >>> lucid.masked.sum(lucid.tensor([1.0, 2.0, 4.0]), mask=lucid.tensor([True, False, True]))
    tensor(5.)
    """
    axes = axes_of("sum", input, dim)
    return ops.sum(filled("sum", input, mask, 0), axes or None, bool(keepdim), dtype=dtype)


def prod(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: _dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The product over `dim` of the elements where `mask` is True; 1 for none. Integers and bools multiply in int64."""
    axes = axes_of("prod", input, dim)
    to = None if dtype is None else dtypes.as_dtype(dtype, "prod").mx

    def fn(a: mx.array) -> mx.array:
        result = product(a if to is None else a.astype(to), axes or None, bool(keepdim))
        return result if to is None else result.astype(to)

    fn.__qualname__ = "prod"
    return apply(fn, filled("prod", input, mask, 1))  # type: ignore[no-any-return]


def _extreme(
    reduce: Callable[..., Tensor], sign: int, input: Tensor, dim: Any, keepdim: Any, dtype: Any, mask: Tensor | None
) -> Tensor:
    operation = reduce.__name__
    to = dtype_of(operation, input, dtype)
    rest = input if mask is None else filled(operation, input, mask, lowest(operation, input, sign))
    return reduce(rest, dim, bool(keepdim)).to(to)


def amax(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: _dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The largest element over `dim` where `mask` is True; for none -inf, or the smallest integer."""
    return _extreme(ops.amax, 1, input, axes_of("amax", input, dim), keepdim, dtype, mask)


def amin(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: _dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The smallest element over `dim` where `mask` is True; for none inf, or the largest integer."""
    return _extreme(ops.amin, -1, input, axes_of("amin", input, dim), keepdim, dtype, mask)


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool = False,
    dtype: _dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The index of the largest element along `dim` where `mask` is True; 0 for none.

    As in PyTorch it comes in the dtype of `input`: pass `dtype=lucid.int64` to index with it.
    """
    axes_of("argmax", input, dim)
    return _extreme(ops.argmax, 1, input, dim, keepdim, dtype, mask)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool = False,
    dtype: _dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The index of the smallest element along `dim` where `mask` is True; 0 for none. Its dtype is that of `argmax`."""
    axes_of("argmin", input, dim)
    return _extreme(ops.argmin, -1, input, dim, keepdim, dtype, mask)


def logsumexp(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: _dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The log of the sum of the exponentials over `dim` where `mask` is True; -inf for none.

    As in PyTorch that of integers is rounded to integers, unless `dtype` says otherwise.
    """
    axes = axes_of("logsumexp", input, dim)
    to = dtype_of("logsumexp", input, dtype)
    if mask is not None:
        nothing = -mx.inf if input._data.dtype == mx.complex64 else lowest("logsumexp", input)
        input = filled("logsumexp", input, mask, nothing)
    return ops.logsumexp(input, axes or None, bool(keepdim)).to(to)


def mean(
    input: Tensor, dim: Dims = None, *, keepdim: bool = False, dtype: _dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The mean over `dim` of the elements where `mask` is True; NaN for none.

    Raises ValueError for integers and bools unless `dtype` names a floating one.
    """
    axes = axes_of("mean", input, dim)
    to = dtype_of("mean", input, dtype)
    if not to.is_inexact:
        raise ValueError(f"mean(): expected a floating point or complex dtype, got {to!r}; pass dtype=lucid.float32")
    if mask is None:
        return ops.mean(input, axes or None, bool(keepdim), dtype=to)
    whole = ops.sum(filled("mean", input, mask, 0), axes or None, bool(keepdim), dtype=to)
    return whole / _count("mean", input, axes, keepdim, mask)


def _count(operation: str, input: Tensor, axes: tuple[int, ...], keepdim: Any, mask: Tensor | None) -> Tensor:
    """How many elements count."""
    if mask is None:
        shape = reduced_shape(input._data.shape, axes or None, bool(keepdim))
        return wrap(mx.full(shape, reduced_count(input._data.shape, axes), mx.int64))
    kept = flags(operation, input, mask)
    return apply(lambda m: total(m, axes or None, bool(keepdim)), kept)  # type: ignore[no-any-return]


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: _dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The median (the lower one of two) along `dim` of the elements where `mask` is True; NaN for none.

    NaN does not count. `dtype` is for integers, which are compared in float32. Raises ValueError if a row
    of them has no element left: they have no NaN.
    """
    axis = axis_of("median", input, dim)
    to = dtype_of("median", input, dtype)
    kind = input._data.dtype
    if kind == mx.complex64:
        raise TypeError("median: complex numbers have no order; use .abs(), .real or .imag")
    real = input if kind in INEXACT else input.float()
    result: Tensor = ops.nanmedian(filled("median", real, mask, mx.nan), axis, bool(keepdim)).values
    if kind in INEXACT:
        return result
    if mask is not None and first_true(empty=mx.isnan(result._data)):
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point, got one; pass .float()"
        )
    return result.to(to)


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Dims = None,
    *,
    keepdim: bool = False,
    dtype: _dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The norm of order `ord` over `dim` of the elements where `mask` is True, the others counting as 0.

    With `ord=-inf` they count as inf, so that the norm is the smallest magnitude that is left over.
    """
    axes = axes_of("norm", input, dim)
    if not isinstance(ord, (int, float)) or isinstance(ord, bool):
        raise TypeError(f"norm(): argument 'ord' must be a number, not {type(ord).__name__}")
    rest = filled("norm", input, mask, mx.inf if ord == -mx.inf else 0)
    return ops.norm(rest, ord, axes or None, bool(keepdim), dtype=dtype)


def _spread(
    operation: str,
    input: Tensor,
    dim: Dims,
    unbiased: bool | None,
    correction: float | None,
    keepdim: Any,
    dtype: Any,
    mask: Tensor | None,
) -> Tensor:
    """The variance, in a floating dtype."""
    if unbiased is not None and correction is not None:
        raise AssertionError(f"{operation}: only one of unbiased and correction may be given; pass correction")
    amount = correction if correction is not None else 1 if unbiased is None else int(unbiased)
    axes = axes_of(operation, input, dim)
    if input._data.dtype == mx.bool_:
        raise RuntimeError(f"{operation}: expected numbers, got a bool tensor; convert with .float()")
    to = dtype_of(operation, input, dtype)
    to = to if to.is_inexact else dtypes.float32
    kept = filled(operation, input, mask, 0)
    count = _count(operation, input, axes, True, mask)
    away = input - ops.sum(kept, axes or None, True, dtype=to) / count
    squares = ops.sum(filled(operation, away * away.conj(), mask, 0), axes or None, bool(keepdim), dtype=to)
    return (squares / ops.clamp(count - amount, min=0).reshape(squares.shape)).to(to)


def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: _dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance over `dim` of the elements where `mask` is True; NaN for none.

    The squared distances from the mean are divided by the number of elements less `correction` (1); `unbiased=False` is
    the old name of `correction=0`. Integers give the default dtype, complex numbers complex ones.
    """
    result = _spread("var", input, dim, unbiased, correction, keepdim, dtype, mask)
    return result if dtype is None else result.to(dtype)


def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: _dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The standard deviation over `dim` of the elements where `mask` is True: the root of `var`."""
    return ops.sqrt(_spread("std", input, dim, unbiased, correction, keepdim, dtype, mask))
