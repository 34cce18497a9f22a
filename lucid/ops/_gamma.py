"""The gamma function's family, as formulas in float64."""

from __future__ import annotations

import functools
import math
from typing import Any

import mlx.core as mx

from lucid.ops import _precise
from lucid.ops._derived import Fn, derived

# Stirling's series, exact to float64 from 10 on, where its argument is brought by the recurrence: B(2k) / (2k (2k - 1))
STIRLING = [1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400, 43867 / 244188]
_SHIFT = 10
# B(2k) / (2k)!, for the Euler-Maclaurin sum of 1 / x^s from 10 on
_EULER = [1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000, 1 / 74724249600]


@functools.cache
def _log_gamma_series() -> list[float]:
    """Coefficients of log(gamma(2 + z)) / z: 1 - gamma, then (-1)^k (zeta(k) - 1) / k."""
    found = [1 - 0.5772156649015329]
    for k in range(2, 28):
        end = 200  # from there on by Euler and Maclaurin
        rest = (end / (k - 1) + 1 / 2 + k / (12 * end) - k * (k + 1) * (k + 2) / (720 * end**3)) * end**-k
        found.append((-1) ** k * math.fsum([rest, *(n**-k for n in range(2, end))]) / k)
    return found


def log_gamma_from_1(z: mx.array) -> mx.array:
    """log(gamma(1 + z)) for |z| <= 0.5, exact also where it is tiny."""
    return z * _precise.series(z, _log_gamma_series()) - mx.log1p(z)


def stirling_rest(x: mx.array) -> mx.array:
    """What Stirling's formula for log(gamma(x)) lacks, for x >= 10."""
    return _precise.series(1 / mx.square(x), STIRLING) / x


def _log_gamma(a: mx.array) -> mx.array:
    left = a < 0.5
    x = mx.where(left, 1 - a, a)
    x = mx.where(mx.isfinite(x), x, 1.0)
    first = x < 1.5
    z = mx.where(x < 2.5, x - mx.where(first, 1.0, 2.0), 0.0)
    near = z * _precise.series(z, _log_gamma_series()) - mx.log1p(mx.where(first, z, 0.0))
    small = x < _SHIFT
    product = mx.where(small, x, 1.0)
    for k in range(1, _SHIFT):
        product = product * mx.where(small, x + k, 1.0)
    up = mx.where(small, x + _SHIFT, x)
    far = (up - 0.5) * mx.log(up) - up + 0.5 * math.log(2 * math.pi) + stirling_rest(up) - mx.log(product)
    value = mx.where(x < 2.5, near, far)
    whole = left & (mx.floor(a) == a)
    folded = mx.where(left & ~whole, a, 0.25)
    tiny = mx.abs(a) < 1e-20  # where sin(pi a) / pi is a itself
    sine = mx.where(tiny, mx.abs(a), mx.abs(_sin_pi(folded)) / math.pi)
    value = mx.where(left, -mx.log(sine) - value, value)
    return mx.where(mx.isnan(a), a, mx.where(whole | mx.isinf(a), mx.inf, value))


def _sin_pi(a: mx.array) -> mx.array:
    """sin(pi a), exact also for large `a`."""
    return _precise.sin(math.pi * (a - 2 * mx.round(a / 2)))


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
    series = _precise.series(squared, [c * (2 * k + 1) for k, c in enumerate(STIRLING)]) * squared
    value = mx.log(up) - 0.5 / up - series - total
    whole = left & (mx.floor(a) == a)
    folded = mx.where(left & ~whole, a, 0.25)
    turn = math.pi * (folded - mx.round(folded))
    value = mx.where(left, value - math.pi * _precise.cos(turn) / _precise.sin(turn), value)
    special = mx.where(a == 0, mx.where(1 / a < 0, mx.inf, -mx.inf), mx.where(a == mx.inf, mx.inf, mx.nan))
    return mx.where(whole | infinite, special, value)


def _negative_power(x: mx.array, s: int | mx.array) -> mx.array:
    if not isinstance(s, int):
        return mx.power(x, -s)
    result = one = 1 / x
    for _ in range(s - 1):
        result = result * one
    return result


def hurwitz(s: int | mx.array, x: mx.array) -> mx.array:
    """The sum of `1 / (x + k)^s` over all k >= 0, for `x` > 0 and `s` > 1."""
    total = mx.zeros_like(x)
    for k in range(_SHIFT):
        total = total + _negative_power(x + k, s)
    up = x + _SHIFT
    last = _negative_power(up, s)
    tail = up / (s - 1) + 0.5
    rising, power = s * 1.0, 1 / up
    for k, c in enumerate(_EULER):
        tail = tail + c * rising * power
        rising = rising * ((s + (2 * k + 1)) * (s + (2 * k + 2)))
        power = power / mx.square(up)
    return mx.where((last == 0) & (total > 0), total, total + tail * last)


def zeta(s: int | mx.array, q: mx.array, positive: bool = False) -> mx.array:
    """Hurwitz' zeta function, with PyTorch's values outside of s > 1, q > 0.

    For `q` < 0 and whole `s` the terms below 0 are a sum of the same kind: of one over powers of what `q` lacks to the
    next whole number, cut off at -q. `positive` says that there is no such q.
    """
    whole = mx.floor(q) == q
    inside: Any
    sign: Any
    at_pole = (q <= 0) & whole
    negative = (q < 0) & ~whole
    if isinstance(s, int):
        inside, sign = True, (-1.0) ** s
        exponent: int | mx.array = s if s < 9 else mx.array(float(s), mx.float64)
    else:
        inside = s > 1
        exponent = mx.where(inside, s, 2.0)
        sign = mx.where(mx.remainder(exponent, 2) == 1, -1.0, 1.0)
    lack = mx.where(negative, mx.ceil(q) - q, 1.0)
    value = hurwitz(exponent, mx.where(negative, 1 - lack, mx.where(at_pole, 1.0, q)))
    if not positive:
        rest = hurwitz(exponent, mx.where(negative, 1 - q, 2.0))
        below = hurwitz(exponent, lack) - mx.where(mx.isnan(rest), 0.0, rest)
        value = mx.where(negative, value + sign * below, value)
    if not isinstance(s, int):
        value = mx.where(negative & (mx.floor(s) != s), mx.nan, value)
        value = mx.where(mx.isnan(s), mx.nan, value)
    value = mx.where(mx.isnan(q), mx.nan, mx.where(at_pole, mx.inf, value))
    return value if inside is True else mx.where(s == 1, mx.inf, mx.where(s < 1, mx.nan, value))


def _trigamma(single: bool, a: mx.array) -> mx.array:
    infinite = mx.isinf(a)
    value = zeta(2, mx.where(infinite, 1.0, a))
    # At the poles PyTorch has what pi / sin(pi a) gives when pi a is rounded.
    turn = (a.astype(mx.float32) * math.pi).astype(mx.float64) if single else a * math.pi
    at_pole = mx.square(math.pi / _precise.sin(mx.where(infinite, 0.0, turn)))
    value = mx.where((a < 0) & (mx.floor(a) == a), at_pole, value)
    return mx.where(infinite, mx.where(a > 0, 0.0, mx.nan), value)


def _higher(n: int, a: mx.array) -> mx.array:
    size = float(math.factorial(n)) if n <= 170 else math.inf
    return (size if n % 2 else -size) * zeta(n + 1, a)


@functools.lru_cache(64)
def polygamma(n: int, single: bool) -> Fn:
    """The derivative of order `n` of the digamma function; `single` if the result is to be rounded to float32."""

    def fn(a: mx.array) -> mx.array:
        return _digamma(a) if n == 0 else _trigamma(single, a) if n == 1 else _higher(n, a)

    return derived(fn, lambda a: polygamma(n + 1, single)(a))


@functools.lru_cache(2)
def log_gamma(single: bool) -> Fn:
    """log(abs(gamma(a))), and the digamma function as its derivative."""
    return derived(_log_gamma, lambda a: polygamma(0, single)(a))
