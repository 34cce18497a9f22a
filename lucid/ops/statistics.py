"""Spread: variance, standard deviation, covariance and correlation."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import apply, wrap
from lucid.dtypes import INEXACT, OF_MX, get_default_dtype
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give, give_pair
from lucid.ops._promotion import result_type
from lucid.ops._reduce import HALF, average, axes_of, host, reduced_count, reduced_shape, total

__all__ = ["corrcoef", "cov", "std", "std_mean", "var", "var_mean"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Number = int | float
Dims = int | tuple[int, ...] | list[int] | None


def moments(a: mx.array, axes: tuple[int, ...] | None, correction: float, keepdim: bool) -> tuple[mx.array, mx.array]:
    """The variance and the mean over `axes`, float32 for half precision."""
    if a.dtype == mx.complex64:
        (u, p), (v, q) = (moments(f(a), axes, correction, keepdim) for f in (mx.real, mx.imag))
        return u + v, p + q * mx.array(1j, mx.complex64)
    if a.dtype in HALF:
        a = a.astype(mx.float32)
    middle = average(a, axes, True)
    freedom = reduced_count(a.shape, axes) - correction
    squares = total(mx.square(a - middle), axes, keepdim)
    spread = squares / mx.array(max(0.0, freedom), a.dtype)
    if freedom < 0:  # no variance, but PyTorch has a gradient
        spread = mx.stop_gradient(spread) + (squares - mx.stop_gradient(squares)) / freedom
    return spread, middle.reshape(reduced_shape(a.shape, axes, keepdim))


def deviation(spread: mx.array) -> mx.array:
    """The square root of a variance; where that is 0 its gradient is 0, not NaN."""
    still = spread == 0
    root = mx.sqrt(mx.where(still, mx.ones((), spread.dtype), spread))
    return mx.where(still, mx.zeros((), spread.dtype), root)


def _settings(
    operation: str, input: Tensor, dim: Any, unbiased: bool | None, correction: Number | None
) -> tuple[tuple[int, ...] | None, float]:
    """The axes and the correction, from the forms `(dim, correction=)`, `(dim, unbiased)` and `(unbiased)`."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        if correction is not None:
            raise TypeError(f"{operation}(): got both unbiased and correction; pass correction only")
        correction = int(unbiased)
    if input._data.dtype not in INEXACT:
        raise RuntimeError(
            f"{operation}: only support floating point and complex dtypes, got {OF_MX[input._data.dtype]!r}"
        )
    axes = None if dim is None else axes_of(dim, input._data.ndim, operation)
    amount = 1.0 if correction is None else float(correction)
    if (input._data.size and reduced_count(input._data.shape, axes) - amount <= 0) or not reduced_count(
        input._data.shape, axes
    ):
        warnings.warn(
            f"{operation}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
            "(input numel divided by output numel).",
            UserWarning,
            stacklevel=4,
        )
    return axes, amount


@numpy_names
def var(
    input: Tensor,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The variance over `dim`.

    That is the sum of the squared distances from the mean, divided by their number less `correction` (1).
    `unbiased=False` is the old name of `correction=0`.

    >>> import lucid
    >>> lucid.var(lucid.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    axes, amount = _settings("var", input, dim, unbiased, correction)
    kind = _real(input)
    return give(apply(lambda a: moments(a, axes, amount, keepdim)[0].astype(kind), input), out, "var")


@numpy_names
def std(
    input: Tensor,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The standard deviation over `dim`, the square root of `var`. Its gradient is 0 where all elements are equal."""
    axes, amount = _settings("std", input, dim, unbiased, correction)
    kind = _real(input)
    return give(apply(lambda a: deviation(moments(a, axes, amount, keepdim)[0]).astype(kind), input), out, "std")


@numpy_names
def var_mean(
    input: Tensor,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
    out: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """The variance and the mean over `dim`, as `(var, mean)`."""
    axes, amount = _settings("var_mean", input, dim, unbiased, correction)
    return _both("var_mean", lambda v: v, input, axes, amount, keepdim, out)


@numpy_names
def std_mean(
    input: Tensor,
    dim: Dims | bool = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: Number | None = None,
    out: tuple[Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor]:
    """The standard deviation and the mean over `dim`, as `(std, mean)`."""
    axes, amount = _settings("std_mean", input, dim, unbiased, correction)
    return _both("std_mean", deviation, input, axes, amount, keepdim, out)


def _real(input: Tensor) -> mx.Dtype:
    return mx.float32 if input._data.dtype == mx.complex64 else input._data.dtype


def _both(
    operation: str,
    finish: Callable[[mx.array], mx.array],
    input: Tensor,
    axes: tuple[int, ...] | None,
    correction: float,
    keepdim: bool,
    out: tuple[Tensor, Tensor] | None,
) -> tuple[Tensor, Tensor]:
    real, kind = _real(input), input._data.dtype

    def fn(a: mx.array) -> tuple[mx.array, mx.array]:
        spread, middle = moments(a, axes, correction, keepdim)
        return finish(spread).astype(real), middle.astype(kind)

    fn.__qualname__ = operation
    return give_pair(apply(fn, input), out, operation)  # type: ignore[return-value]


# ---- of several variables --------------------------------------------------------------------------------------------


def _matrix(operation: str, input: Tensor) -> mx.Dtype:
    if input._data.ndim > 2:
        raise RuntimeError(
            f"{operation}(): expected input to have two or fewer dimensions but got {input._data.ndim} dimensions"
        )
    kind = input._data.dtype
    if kind == mx.bool_:
        raise RuntimeError(f"{operation}(): bool dtype is not supported for input")
    return kind if kind in INEXACT else get_default_dtype().mx


def _weights(name: str, weights: Tensor | None, count: int, integers: bool) -> list[Tensor]:
    if weights is None:
        return []
    kind = OF_MX[weights._data.dtype]
    if weights._data.ndim > 1 or weights._data.size != count:
        raise RuntimeError(
            f"cov(): expected {name} to have one element for each of {count} observations, got {weights._data.shape}"
        )
    if kind.rank != 1 if integers else kind.rank != 2:
        raise RuntimeError(
            f"cov(): expected {name} to have {'integral' if integers else 'floating point'} dtype but got {kind!r}"
        )
    seen = host(weights)
    if (seen < 0).any():
        raise RuntimeError(f"cov(): {name} cannot be negative")
    if not seen.sum() > 0:
        raise RuntimeError(f"cov(): expected {name} to sum to more than zero")
    return [weights]


@numpy_names
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None, aweights: Tensor | None = None
) -> Tensor:
    """The covariance matrix of variables in rows, observed in columns; of a single row its variance, 0-dim.

    Args:
        input: 2-d, or 1-d for one variable.
        correction: what is taken off the number of observations.
        fweights: how often each observation occurred, integers.
        aweights: how much each observation counts, floats.
    """
    to, data = _matrix("cov", input), input._data
    if aweights is not None:
        to = result_type(wrap(mx.zeros((1,), to)), aweights).mx
    count = data.shape[-1] if data.ndim else 1
    weights = _weights("fweights", fweights, count, True) + _weights("aweights", aweights, count, False)
    apart = len(weights) == 2 or aweights is not None

    def fn(a: mx.array, *scales: mx.array) -> mx.array:
        rows = a.astype(to).reshape(1, -1) if a.ndim < 2 else a.astype(to)
        return _covariance(rows, [w.reshape(-1) for w in scales], correction, apart).reshape(
            () if rows.shape[0] == 1 else (rows.shape[0],) * 2
        )

    if count - correction <= 0 and not weights:
        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.",
            stacklevel=3,
        )
    return apply(fn, input, *weights)  # type: ignore[no-any-return]


def _covariance(rows: mx.array, scales: list[mx.array], correction: float, apart: bool) -> mx.array:
    n, kind = rows.shape[1], rows.dtype
    if rows.size == 0:
        return mx.full((rows.shape[0],) * 2, mx.nan).astype(kind)
    real = mx.float32 if kind == mx.complex64 else kind
    if not scales:
        centred = rows - average(rows, (1,), True)
        norm = mx.array(max(n - correction, 0), kind)
        weighted = centred
    else:
        scales = [w.astype(real) for w in scales]
        w = scales[0] * scales[1] if len(scales) == 2 else scales[0]
        whole = total(w, None)
        centred = rows - total(rows * w, (1,), True) / whole
        lost = total(w * scales[-1], None) / whole if apart else 1
        norm = whole - correction * lost
        norm = mx.maximum(norm, 0).astype(kind)
        weighted = centred * w
    transposed = mx.conj(centred).T if kind == mx.complex64 else centred.T
    return mx.matmul(weighted, transposed) / norm


@numpy_names
def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables in rows, observed in columns: a matrix with ones on its diagonal."""
    to = _matrix("corrcoef", input)

    def fn(a: mx.array) -> mx.array:
        rows = a.astype(to).reshape(1, -1) if a.ndim < 2 else a.astype(to)
        c = _covariance(rows, [], 1, False)
        if rows.shape[0] == 1:
            return (c / c).reshape(())
        root = mx.sqrt(mx.real(mx.diagonal(c)))
        c = c / root[:, None] / root[None, :]
        if to == mx.complex64:
            return mx.clip(mx.real(c), -1, 1) + mx.clip(mx.imag(c), -1, 1) * mx.array(1j, mx.complex64)
        return mx.clip(c, -1, 1)

    return apply(fn, input)  # type: ignore[no-any-return]
