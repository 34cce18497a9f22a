"""Relatives of the error function, of the normal distribution, and of x log(x)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid.ops import _double, _precise
from lucid.ops._custom import custom
from lucid.ops._derived import Fn, derived, stream
from lucid.ops._out import give
from lucid.ops._promotion import Number, binary_float, require_one_tensor

__all__ = ["entr", "erfcx", "log_ndtr", "ndtr", "ndtri", "xlog1py"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def erfcx(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`exp(x ** 2) * erfc(x)`, exact where the second factor would be 0.

    >>> import lucid
    >>> lucid.special.erfcx(lucid.tensor([0.0, 100.0]))
    tensor([1.0000, 0.0056])
    """
    return give(_double.unary("erfcx", _erfcx, input, double=False, halves=False), out, "erfcx")


def _erfcx_slope(a: mx.array) -> mx.array:
    far = (a > 1) & (a < mx.inf)  # where the two terms of the closed form cancel
    _, (slope,) = mx.vjp(_precise.scaled_tail, [mx.where(far, a, 1.0).astype(a.dtype)], [mx.ones_like(a)])
    return mx.where(far, slope, 2 * a * _erfcx(a) - 2 / math.sqrt(math.pi)).astype(a.dtype)


_erfcx: Fn = derived(_precise.erfcx, _erfcx_slope)


def ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The probability that a standard normal number is below x: erfc(-x / sqrt(2)) / 2.

    >>> import lucid
    >>> lucid.special.ndtr(lucid.tensor([-1.0, 0.0, 1.0]))
    tensor([0.1587, 0.5000, 0.8413])
    """
    return give(_double.unary("ndtr", _ndtr, input, double=False), out, "ndtr")


def _ndtr(a: mx.array) -> mx.array:
    return _precise.erfc(a * -math.sqrt(0.5)) / 2


def log_ndtr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of `ndtr`, exact also where that is next to 0 or 1.

    >>> import lucid
    >>> lucid.special.log_ndtr(lucid.tensor([-100.0, 0.0]))
    tensor([-5.0055e+03, -6.9315e-01])
    """
    return give(_double.unary("log_ndtr", _log_ndtr, input, double=False, halves=False), out, "log_ndtr")


def _log_ndtr_value(a: mx.array) -> mx.array:
    left = a < -1
    x = a * math.sqrt(0.5)
    outer = mx.where(left, x, -1.0).astype(a.dtype)
    low = mx.log(_precise.erfcx(-outer) / 2) - mx.square(outer)
    high = mx.log1p(_precise.erfc(mx.where(left, 0.0, x).astype(a.dtype)) * -0.5)
    return mx.where(left, mx.where(a == -mx.inf, -mx.inf, low), high).astype(a.dtype)


def _log_ndtr_slope(a: mx.array) -> mx.array:
    left = a < 0
    x = mx.where(left, a, -1.0).astype(a.dtype) * -math.sqrt(0.5)
    low = math.sqrt(2 / math.pi) / _erfcx(mx.where(a == -mx.inf, mx.nan, x).astype(a.dtype))
    x = mx.where(left, 1.0, a).astype(a.dtype)
    high = _precise.exp(-mx.square(x) / 2) / (math.sqrt(2 * math.pi) * _ndtr(x))
    return mx.where(left, low, high).astype(a.dtype)


_log_ndtr: Fn = derived(_log_ndtr_value, _log_ndtr_slope)


def ndtri(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `ndtr`: infinite at 0 and 1, NaN beyond. Computed in float64, on the CPU.

    >>> import lucid
    >>> lucid.special.ndtri(lucid.tensor([0.1587, 0.5000, 1.0]))
    tensor([-0.9998,  0.0000,     inf])
    """
    return give(_double.unary("ndtri", _ndtri, input, halves=False), out, "ndtri")


_ndtri: Fn = derived(
    lambda a: math.sqrt(2) * _precise.erf_inverse(2 * a - 1, 2 * mx.minimum(a, 1 - a)),
    lambda a: math.sqrt(2 * math.pi) * _precise.exp(mx.square(_ndtri(a)) / 2),
)


def entr(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`-x log(x)`, 0 at 0 and -infinity below.

    >>> import lucid
    >>> lucid.special.entr(lucid.tensor([-1.0, 0.0, 0.5]))
    tensor([  -inf, 0.0000, 0.3466])
    """
    return give(_double.unary("entr", _entr, input, double=False), out, "entr")


def _entr_value(a: mx.array) -> mx.array:
    value = mx.where(a > 0, -a * mx.log(mx.where(a > 0, a, 1.0).astype(a.dtype)), mx.where(a == 0, 0.0, -mx.inf))
    return mx.where(mx.isnan(a), a, value).astype(a.dtype)


_entr: Fn = derived(_entr_value, lambda a: -1 - mx.log(a))


def xlog1py(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input * log(1 + other)`, which is 0 where `input` is 0 (unless `other` is NaN).

    >>> import lucid
    >>> lucid.special.xlog1py(lucid.tensor([0.0, 2.0]), -0.5)
    tensor([ 0.0000, -1.3863])
    """
    require_one_tensor("xlog1py", input, other)
    _double.refuse_complex("xlog1py", input, other)
    return give(binary_float(_xlog1py, input, other), out, "xlog1py")


def _xlog1py(a: mx.array, b: mx.array) -> mx.array:
    product: Any = _xlog1py_function(*mx.broadcast_arrays(a, b))
    return product  # type: ignore[no-any-return]


def _xlog1py_value(a: mx.array, b: mx.array) -> mx.array:
    zero = (a == 0) & ~mx.isnan(b)
    return mx.where(zero, 0, a * mx.log1p(mx.where(zero, 0, b)))


def _xlog1py_vjp(primals: Any, cotangent: mx.array, _: mx.array) -> tuple[mx.array, mx.array]:
    # `mx.vjp` would have 0 * inf where the value is 0 by definition
    a, b = primals
    with stream(a):
        factor = mx.where((a == 0) & (b <= -1), 0, mx.log1p(b))
        return cotangent * factor, cotangent * a / (1 + b)


_xlog1py_function: Any = custom(_xlog1py_value, _xlog1py_vjp)
