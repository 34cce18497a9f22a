"""The modified Bessel functions I of orders 0 and 1 and K, as formulas for float32 and float64.

Near 0 by their power series, whose terms are all positive; far out exp(-abs(a)) sqrt(abs(a)) times the function is
expanded in 1 / abs(a).
"""

from __future__ import annotations

import functools
import math

import mlx.core as mx
import numpy as np

from lucid.ops import _precise
from lucid.ops._chebyshev import Floats, clenshaw, falling_tail, fitted
from lucid.ops._derived import Fn, derived

_EDGE = 8.0  # between the two forms of I; those of K meet at 1
_GAMMA = 0.5772156649015329


@functools.cache
def _rising_tail(order: int) -> tuple[float, ...]:
    """exp(-x) sqrt(x) I(x) for x >= 8, from the integral of exp(x (cos t - 1)) cos(order t) over a turn."""
    t = np.pi * (np.arange(4096) + 0.5) / 4096

    def values(y: Floats) -> Floats:
        x = 2 * _EDGE / (1 + y)[:, None]
        found: Floats = (np.sqrt(x) * np.exp(-2 * x * np.sin(t / 2) ** 2) * np.cos(order * t)).mean(axis=1)
        return found

    return fitted(values, 28)


@functools.cache
def _falling_tail(order: int) -> tuple[float, ...]:
    """exp(x) sqrt(x) K(x) for x >= 1."""
    return fitted(lambda y: math.sqrt(math.pi / 2) * np.asarray(falling_tail(order, 2 / (1 + y))), 32)


@functools.cache
def _power_series(order: int, terms: int) -> list[float]:
    """I(x) / (x / 2)^order in powers of x^2 / 4."""
    return [1 / (math.factorial(k) * math.factorial(k + order)) for k in range(terms)]


def _parts(order: int, a: mx.array) -> tuple[mx.array, mx.array, mx.array, mx.array]:
    """Where `abs(a)` is small, exp(abs(a)) there, I of abs(a) there, and exp(-abs(a)) I(abs(a)) elsewhere."""
    x = mx.abs(a)
    near = x <= _EDGE
    small, large = mx.where(near, x, 1.0).astype(a.dtype), mx.where(near, _EDGE, x).astype(a.dtype)
    inner = _precise.series(mx.square(small) / 4, _power_series(order, 27))
    outer = clenshaw(2 * _EDGE / large - 1, _rising_tail(order)) / mx.sqrt(large)
    return near, 1 + mx.expm1(mx.where(near, small, large)), inner * small / 2 if order else inner, outer


def _unscaled(order: int, a: mx.array) -> mx.array:
    near, power, inner, outer = _parts(order, a)
    value = mx.where(near, inner, power * outer)
    return value if not order else mx.where(a < 0, -value, value)


def _scaled(order: int, a: mx.array) -> mx.array:
    near, power, inner, outer = _parts(order, a)
    value = mx.where(near, inner / power, outer)
    return value if not order else mx.where(a < 0, -value, value)


def _i1_slope(a: mx.array) -> mx.array:
    return _around_0(a, lambda x: i0(x) - i1(x) / x)


def _i1e_slope(a: mx.array) -> mx.array:
    return _around_0(a, lambda x: i0e(x) - i1e(x) * (mx.sign(x) + 1 / x))


def _around_0(a: mx.array, slope: Fn) -> mx.array:
    """`slope(a)`, and 0.5 where `a` is next to 0, as for PyTorch where it is NaN."""
    apart = mx.abs(a) > mx.finfo(a.dtype).eps
    return mx.where(apart, slope(mx.where(apart, a, 1.0).astype(a.dtype)), 0.5).astype(a.dtype)


i0: Fn = derived(functools.partial(_unscaled, 0), lambda a: i1(a))
i1: Fn = derived(functools.partial(_unscaled, 1), _i1_slope)
i0e: Fn = derived(functools.partial(_scaled, 0), lambda a: i1e(a) - mx.sign(a) * i0e(a))
i1e: Fn = derived(functools.partial(_scaled, 1), _i1e_slope)


def k0(a: mx.array, scaled: bool = False) -> mx.array:
    """K of order 0, times exp(a) if `scaled`: infinite at 0, NaN below."""
    small = mx.where(a <= 1, a, 1.0).astype(a.dtype)
    q = mx.square(small) / 4
    terms = _power_series(0, 10)
    harmonic = [math.fsum(1 / j for j in range(1, k + 1)) for k in range(10)]
    inner = _precise.series(q, [c * (h + math.log(2) - _GAMMA) for c, h in zip(terms, harmonic, strict=True)])
    return _joined(0, a, small, inner - mx.log(small) * _precise.series(q, terms), scaled)


def k1(a: mx.array, scaled: bool = False) -> mx.array:
    """K of order 1, times exp(a) if `scaled`: infinite at 0, NaN below."""
    small = mx.where(a <= 1, a, 1.0).astype(a.dtype)
    q = mx.square(small) / 4
    terms = _power_series(1, 10)
    harmonic = [math.fsum(1 / j for j in range(1, k + 1)) for k in range(11)]
    pairs = [c * ((harmonic[k] + harmonic[k + 1]) / 2 - _GAMMA + math.log(2)) for k, c in enumerate(terms)]
    inner = mx.log(small) * _precise.series(q, terms) - _precise.series(q, pairs)
    return _joined(1, a, small, 1 / small + inner * small / 2, scaled)


def _joined(order: int, a: mx.array, small: mx.array, inner: mx.array, scaled: bool) -> mx.array:
    near = a <= 1
    large = mx.where(near, 1.0, a).astype(a.dtype)
    outer = clenshaw(2 / large - 1, _falling_tail(order)) / mx.sqrt(large)
    if scaled:
        inner = inner * (1 + mx.expm1(small))
    else:
        half = 1 + mx.expm1(large / 2)  # in two steps, which may end below the smallest normal number
        outer = outer / half / half
    value = mx.where(near, inner, outer)
    return mx.where(a < 0, mx.nan, mx.where(a == 0, mx.inf, value)).astype(a.dtype)
