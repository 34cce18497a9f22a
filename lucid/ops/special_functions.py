"""The error function and the gamma function's family."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import dtypes
from lucid._tape import apply
from lucid.dtypes import OF_MX
from lucid.ops import _precise
from lucid.ops._out import give
from lucid.ops._promotion import promoted, require_tensor, unary_float

__all__ = ["digamma", "erf", "erfc", "erfinv", "lgamma", "mvlgamma", "polygamma"]

if TYPE_CHECKING:
    from lucid.tensor import Tensor


def erf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The error function.

    >>> import lucid
    >>> lucid.erf(lucid.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8427])
    """
    return give(unary_float(mx.erf, _real("erf", input)), out, "erf")


def erfc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`1 - erf(input)`, exact also where it is tiny."""
    return give(unary_float(_erfc, _real("erfc", input)), out, "erfc")


def _erfc(a: mx.array) -> mx.array:
    if a.dtype in (mx.float16, mx.bfloat16):
        return _precise.erfc(a.astype(mx.float32)).astype(a.dtype)
    return _precise.erfc(a)


def erfinv(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `erf`: infinite at -1 and 1, NaN beyond."""
    return give(unary_float(mx.erfinv, _real("erfinv", input)), out, "erfinv")


def lgamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the absolute value of the gamma function. Computed in float64, on the CPU.

    >>> import lucid
    >>> lucid.lgamma(lucid.tensor([1.0, 5.0])).exp()
    tensor([ 1.0000, 24.0000])
    """
    return give(_in_double("lgamma", _lgamma, input), out, "lgamma")


def digamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The derivative of `lgamma`. Computed in float64, on the CPU."""
    return give(_in_double("digamma", _digamma, input), out, "digamma")


def polygamma(n: int, input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The derivative of order `n` of `digamma`.

    Computed in float64, on the CPU. Raises RuntimeError for a negative order.
    """
    if not isinstance(n, int):
        raise TypeError(f"polygamma(): argument 'n' must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError(f"polygamma: expected an order that is not negative, got {n}")
    return give(_in_double("polygamma", lambda a: _polygamma(n, a), input), out, "polygamma")


def polygamma_method(self: Tensor, n: int) -> Tensor:
    """The derivative of order `n` of `digamma`: see `lucid.polygamma`."""
    return polygamma(n, self)


def mvlgamma(input: Tensor, p: int, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension `p`.

    Raises RuntimeError unless all elements are above (p - 1) / 2.
    """
    if p < 1:
        raise RuntimeError(f"mvlgamma: p has to be greater than or equal to 1, got {p}")

    def summed(a: mx.array) -> mx.array:
        total = mx.full(a.shape, p * (p - 1) / 4 * math.log(math.pi), a.dtype)
        for k in range(p):
            total = total + _lgamma(a - k / 2)
        return total

    return give(_in_double("mvlgamma", summed, input), out, "mvlgamma")


def _real(name: str, input: Tensor) -> Tensor:
    if require_tensor(name, input)._data.dtype == mx.complex64:
        raise NotImplementedError(f"{name}: not implemented for complex tensors")
    return input


def _in_double(name: str, fn: Callable[[mx.array], mx.array], input: Tensor) -> Tensor:
    d = OF_MX[_real(name, input)._data.dtype]
    to = d if d.is_floating_point else dtypes.get_default_dtype()

    def computed(a: mx.array) -> mx.array:
        with mx.stream(mx.cpu):
            return fn(a.astype(mx.float64)).astype(to.mx)

    computed.__qualname__ = name
    return apply(computed, input) if to is d else promoted(computed, to, input)


# Stirling's series at x >= 10, where its first eight terms are exact to float64; below, the recurrence goes up to
# there; for x < 0.5
# the reflection formula applies. B(2k) / (2k (2k - 1)):
_STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400, 43867 / 244188]
_SHIFT = 10


def _lgamma(a: mx.array) -> mx.array:
    left = a < 0.5
    x = mx.where(left, 1 - a, a)
    x = mx.where(mx.isfinite(x), x, 1.0)
    small = x < _SHIFT
    product = mx.where(small, x, 1.0)
    for k in range(1, _SHIFT):
        product = product * mx.where(small, x + k, 1.0)
    up = mx.where(small, x + _SHIFT, x)
    series = _precise.series(1 / mx.square(up), _STIRLING) / up
    value = (up - 0.5) * mx.log(up) - up + 0.5 * math.log(2 * math.pi) + series - mx.log(product)
    whole = left & (mx.floor(a) == a)
    folded = mx.where(left & ~whole, a, 0.25)
    reflected = math.log(math.pi) - mx.log(mx.abs(_sin_pi(folded))) - value
    value = mx.where(left, reflected, value)
    return mx.where(mx.isnan(a), a, mx.where(whole | mx.isinf(a), mx.inf + 0 * mx.stop_gradient(value), value))


def _sin_pi(a: mx.array) -> mx.array:
    """sin(pi a), exact also for large `a`."""
    return _precise.sin(math.pi * (a - 2 * mx.stop_gradient(mx.round(a / 2))))


def _digamma(a: mx.array) -> mx.array:
    left = a < 0.5
    x = mx.where(left, 1 - a, a)
    infinite = ~mx.isfinite(x)
    x = mx.where(infinite, 1.0, x)
    small = x < _SHIFT
    total = mx.zeros_like(x)
    for k in range(_SHIFT):
        total = total + mx.where(small, 1 / (x + k), 0.0)
    up = mx.where(small, x + _SHIFT, x)
    squared = 1 / mx.square(up)
    series = _precise.series(squared, [c * (2 * k + 1) for k, c in enumerate(_STIRLING)]) * squared
    value = mx.log(up) - 0.5 / up - series - total
    whole = left & (mx.floor(a) == a)
    folded = mx.where(left & ~whole, a, 0.25)
    turn = math.pi * (folded - mx.stop_gradient(mx.round(folded)))
    value = mx.where(left, value - math.pi * _precise.cos(turn) / _precise.sin(turn), value)
    special = mx.where(a == 0, mx.where(1 / a < 0, mx.inf, -mx.inf), mx.where(a == mx.inf, mx.inf, mx.nan))
    return mx.where(whole | infinite, special, value)


# B(2k) / (2k)!, for the Euler-Maclaurin sum of 1 / x^s from 10 on
_EULER = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600]


def _zeta(s: int, x: mx.array) -> mx.array:
    """The Hurwitz zeta function, the sum of `1 / (x + k)^s` over all k >= 0, for `x` > 0."""
    total = mx.zeros_like(x)
    for k in range(_SHIFT):
        total = total + _reciprocal_power(x + k, s)
    up = x + _SHIFT
    tail = up / (s - 1) + 0.5
    rising, power = float(s), 1 / up
    for k, c in enumerate(_EULER):
        tail = tail + c * rising * power
        rising *= (s + 2 * k + 1) * (s + 2 * k + 2)
        power = power / mx.square(up)
    return total + tail * _reciprocal_power(up, s)


def _reciprocal_power(x: mx.array, s: int) -> mx.array:
    result = one = 1 / x
    for _ in range(s - 1):
        result = result * one
    return result


def _polygamma(n: int, a: mx.array) -> mx.array:
    if n == 0:
        return _digamma(a)
    left = a < 0.5
    x = mx.where(left, 1 - a, a)
    infinite = ~mx.isfinite(x)
    sign = 1.0 if n % 2 else -1.0
    value = sign * math.factorial(n) * _zeta(n + 1, mx.where(infinite, 1.0, x))
    whole = left & (mx.floor(a) == a)
    folded = mx.where(left & ~whole, a, 0.25)
    turn = math.pi * (folded - mx.stop_gradient(mx.round(folded)))
    cotangent = _precise.cos(turn) / _precise.sin(turn)
    reflected = -sign * value - math.pi ** (n + 1) * _precise.series(cotangent, _cotangent_derivative(n))
    value = mx.where(left, reflected, value)
    at_inf, at_minus_inf = (0.0, mx.nan) if n == 1 else (mx.nan, sign * mx.inf)  # what PyTorch gives
    elsewhere = mx.where(mx.isnan(a), mx.nan, mx.where(a == -mx.inf, at_minus_inf, sign * mx.inf))
    ends = mx.where(a == mx.inf, at_inf, elsewhere)
    return mx.where(whole | infinite, ends, value)


def _cotangent_derivative(n: int) -> list[float]:
    """The derivative of order `n` of cot as a polynomial of cot: that of cot itself is -1 - cot^2."""
    found = [0.0, 1.0]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(found)][1:]
        found = [-(a + b) for a, b in zip([*slope, 0.0, 0.0], [0.0, 0.0, *slope], strict=True)]
    return found


def polygamma_of(input: Tensor, n: int) -> Tensor:
    """`polygamma` as a method, where the tensor comes first."""
    return polygamma(n, input)
