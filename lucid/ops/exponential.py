"""Exponentials and logarithms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import TensorCore
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give
from lucid.ops._precise import exp as _exp
from lucid.ops._promotion import (
    binary,
    binary_float,
    require_one_tensor,
    require_tensor,
    result_type,
    unary_float,
)

__all__ = [
    "exp",
    "exp2",
    "expm1",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "logit",
    "sigmoid",
    "xlogy",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.ops._promotion import Number


@numpy_names
def exp(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """e to the power of `input`.

    >>> import lucid
    >>> lucid.exp(lucid.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """
    result = unary_float(mx.exp, input)
    return result if out is None else give(result, out, "exp")


@numpy_names
def exp2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """2 to the power of `input`."""
    return give(unary_float(_exp2, input), out, "exp2")


def _exp2(a: mx.array) -> mx.array:
    return mx.power(mx.array(2, a.dtype), a) if a.dtype != mx.complex64 else mx.exp(a * math.log(2))


@numpy_names
def expm1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`exp(input) - 1`, exact for small inputs."""
    return give(unary_float(mx.expm1, input), out, "expm1")


@numpy_names
def log(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The natural logarithm; -inf at 0, NaN below."""
    result = unary_float(mx.log, input)
    return result if out is None else give(result, out, "log")


@numpy_names
def log1p(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`log(1 + input)`, exact for small inputs."""
    return give(unary_float(mx.log1p, input), out, "log1p")


@numpy_names
def log2(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to base 2."""
    return give(unary_float(mx.log2, input), out, "log2")


@numpy_names
def log10(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm to base 10."""
    return give(unary_float(mx.log10, input), out, "log10")


@numpy_names
def logaddexp(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`log(exp(input) + exp(other))` without overflow."""
    return give(_log_of_sum("logaddexp", _logaddexp, input, other), out, "logaddexp")


@numpy_names
def logaddexp2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`log2(2 ** input + 2 ** other)` without overflow."""

    def base_2(a: mx.array, b: mx.array) -> mx.array:
        return _logaddexp(a * math.log(2), b * math.log(2)) / math.log(2)

    base_2.__qualname__ = "logaddexp2"
    return give(_log_of_sum("logaddexp2", base_2, input, other), out, "logaddexp2")


def _log_of_sum(name: str, fn: Any, a: Tensor, b: Tensor) -> Tensor:
    to = result_type(require_tensor(name, a), require_tensor(name, b, "other"))
    if not (to.is_floating_point or (to.is_complex and name == "logaddexp")):
        raise NotImplementedError(f"{name}: not implemented for {to!r}; convert to a floating dtype first")
    return binary(fn, a, b)


def _logaddexp(a: mx.array, b: mx.array) -> mx.array:
    if a.dtype == mx.complex64:
        larger = mx.stop_gradient(mx.real(a) >= mx.real(b))
        high, low = mx.where(larger, a, b), mx.where(larger, b, a)
        same = mx.isinf(mx.real(high)) & (high == low)  # infinity less itself is no number
        return high + mx.log(1 + mx.exp(mx.where(same, mx.zeros_like(low), low - high)))
    if a.dtype != mx.float64:
        return mx.logaddexp(a, b)
    high = mx.stop_gradient(mx.maximum(a, b))
    infinite = mx.isinf(high)
    high = mx.where(infinite, 0, high)
    x, y = mx.where(infinite, 0, a), mx.where(infinite, 0, b)
    return mx.where(infinite, mx.maximum(a, b), high + mx.log(_exp(x - high) + _exp(y - high)))


@numpy_names
def sigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`1 / (1 + exp(-input))`.

    >>> import lucid
    >>> lucid.sigmoid(lucid.tensor([0.0, 100.0]))
    tensor([0.5000, 1.0000])
    """
    result = unary_float(mx.sigmoid, input)
    return result if out is None else give(result, out, "sigmoid")


@numpy_names
def logit(input: Tensor, eps: float | None = None, *, out: Tensor | None = None) -> Tensor:
    """`log(p / (1 - p))`, the inverse of `sigmoid`.

    Args:
        input: probabilities.
        eps: where given, `input` is clamped to [eps, 1 - eps] first; without it, what is outside of [0, 1] gives NaN.
        out: where to put the result.
    """

    if isinstance(input, TensorCore) and input._data.dtype == mx.complex64:
        raise NotImplementedError("logit: not implemented for complex tensors")

    if not (eps is None or isinstance(eps, (int, float))):
        raise TypeError(f"logit(): argument 'eps' must be float, not {type(eps).__name__}")
    low = -1.0 if eps is None else float(eps)

    def log_odds(a: mx.array) -> mx.array:
        x = a.astype(mx.float32) if a.dtype in (mx.float16, mx.bfloat16) else a
        if low < 0:
            outside = (x < 0) | (x > 1)
            inside = mx.where(outside, 0.5, x)
            # outside the root has no value, nor has its derivative
            odds = mx.where(outside, mx.sqrt(mx.where(outside, -mx.abs(x), 1)), mx.log(inside) - mx.log1p(-inside))
            return odds.astype(a.dtype)
        below, above = mx.array(low, x.dtype), mx.array(1 - low, x.dtype)
        clamped = mx.stop_gradient(mx.where(x < below, below, mx.where(x > above, above, x)))
        moved = clamped != x
        inside = mx.where(moved & ~mx.isnan(x), 0.5, x)  # a clamped number at 0 or 1 would have the gradient 0 * inf
        odds = mx.where(moved, mx.log(clamped) - mx.log1p(-clamped), mx.log(inside) - mx.log1p(-inside))
        return odds.astype(a.dtype)

    log_odds.__qualname__ = "logit"
    return give(unary_float(log_odds, input), out, "logit")


@numpy_names
def xlogy(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input * log(other)`, which is 0 where `input` is 0 (unless `other` is NaN)."""
    require_one_tensor("xlogy", input, other)
    if result_type(input, other).is_complex:
        raise NotImplementedError("xlogy: not implemented for complex tensors")
    return give(binary_float(_xlogy, input, other), out, "xlogy")


def _xlogy(a: mx.array, b: mx.array) -> mx.array:
    # the logarithm is taken of 1 where it is infinite and its factor 0, so that neither value nor gradient is 0 * inf
    zero = (a == 0) & ~mx.isnan(b)
    at_zero = a * mx.stop_gradient(mx.log(mx.where((b <= 0) | mx.isinf(b), 1, b)))
    # the gradient of `other` is input / other: NaN where both are 0
    at_zero = at_zero + 0 * mx.sqrt(mx.where(zero & (b == 0), b, 1))
    return mx.where(zero, at_zero, a * mx.log(mx.where(zero, 1, b)))
