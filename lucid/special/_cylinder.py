"""The Bessel functions of orders 0 and 1, and Airy's function, as formulas in float64.

Up to a border their Chebyshev expansions are fitted to their power series, summed with 40 digits; beyond it they are a
cosine and a sine times two slowly varying factors, which are fitted to an integral.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import mlx.core as mx
import numpy as np

from lucid.ops import _precise
from lucid.ops._chebyshev import Floats, clenshaw, falling_tail, fitted

_EDGE = 8.0  # between the two forms
_GAMMA = Decimal("0.5772156649015328606065120900824024310422")
_PI = Decimal("3.1415926535897932384626433832795028841972")
# Airy's function and its derivative at 0: 3^(-2/3) / gamma(2/3) and -3^(-1/3) / gamma(1/3)
_AIRY = Decimal("0.3550280538878172392600631860041831763980"), Decimal("-0.2588194037928067984051835601892039634791")
_AIRY_LOW, _AIRY_HIGH = -4.0, 2.0


def _exactly(fn: Callable[[Decimal], Decimal]) -> Callable[[Floats], Floats]:
    def values(y: Floats) -> Floats:
        with localcontext() as context:
            context.prec = 40
            return np.array([float(fn(Decimal(v))) for v in y.tolist()])

    return values


def _power_series(order: int, second: bool, y: Decimal) -> Decimal:
    """What is entire in x^2 = 32 (1 + y) of a Bessel function of an order, for x up to 8.

    Of the first kind that is J(x) / x^order; of the second Y(x) / x^order without the terms in log(x) and 1 / x.
    """
    q = -8 * (1 + y)  # -x^2 / 4
    term, total, k = Decimal(1) / 2**order, Decimal(0), 0
    harmonic, later = Decimal(0), Decimal(order)  # sums of 1 / j up to k and up to k + order
    while abs(term) > Decimal("1e-38"):
        factor = (2 * (_GAMMA - Decimal(2).ln()) - harmonic - later) / _PI if second else 1
        total += term * factor
        k += 1
        harmonic, later = harmonic + Decimal(1) / k, later + Decimal(1) / (k + order)
        term = term * q / (k * (k + order))
    return total


@functools.cache
def _inner(order: int, second: bool) -> tuple[float, ...]:
    return fitted(_exactly(functools.partial(_power_series, order, second)), 28)


@functools.cache
def _factors(order: float, edge: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """P and Q x / edge from `edge` on, in powers of (edge / x)^2, for P + i Q = K(-i x) without its leading term."""

    def tail(y: Floats) -> tuple[Floats, Floats]:
        x = edge / np.sqrt((1 + y) / 2)
        return falling_tail(order, -1j * x), x / edge

    return fitted(lambda y: tail(y)[0].real, 22), fitted(lambda y: tail(y)[0].imag * tail(y)[1], 22)


def _waves(order: float, edge: float, x: mx.array) -> tuple[mx.array, mx.array, mx.array, mx.array]:
    """P, Q, and the sum and the difference of sin(x) and cos(x)."""
    even, odd = _factors(order, edge)
    ratio = edge / x
    y = 2 * mx.square(ratio) - 1
    sine, cosine = _precise.sin(x), _precise.cos(x)
    return clenshaw(y, even), clenshaw(y, odd) * ratio, sine + cosine, sine - cosine


def _pieces(a: mx.array) -> tuple[mx.array, mx.array, mx.array, mx.array]:
    """Where `abs(a)` is small; it there; its place in [-1, 1]; and it elsewhere."""
    x = mx.abs(a)
    near = x <= _EDGE
    small = mx.where(near, x, 1.0)
    return near, small, mx.square(small) / (_EDGE**2 / 2) - 1, mx.where(near, _EDGE, x)


def _first_kind(order: int, small: mx.array, y: mx.array) -> mx.array:
    """J(x) / x^order: next to 0 by the series itself, which is exact there."""
    tiny = small < 1
    terms = [(-1) ** k / (math.factorial(k) * math.factorial(k + order) * 2**order) for k in range(10)]
    series = _precise.series(mx.square(mx.where(tiny, small, 0.0)) / 4, terms)
    return mx.where(tiny, series, clenshaw(y, _inner(order, False)))


def j0(a: mx.array) -> mx.array:
    """The Bessel function of the first kind, of order 0."""
    near, small, y, far = _pieces(a)
    p, q, plus, minus = _waves(0, _EDGE, far)
    return mx.where(near, _first_kind(0, small, y), (p * plus - q * minus) / mx.sqrt(math.pi * far))


def j1(a: mx.array) -> mx.array:
    """The Bessel function of the first kind, of order 1."""
    near, small, y, far = _pieces(a)
    p, q, plus, minus = _waves(1, _EDGE, far)
    value = mx.where(near, _first_kind(1, small, y) * small, (p * minus + q * plus) / mx.sqrt(math.pi * far))
    return mx.where(a < 0, -value, value)


def y0(a: mx.array) -> mx.array:
    """The Bessel function of the second kind, of order 0: -infinity at 0, NaN below."""
    near, small, y, far = _pieces(a)
    p, q, plus, minus = _waves(0, _EDGE, far)
    small = mx.where(small == 0, 1.0, small)
    inner = 2 / math.pi * mx.log(small) * _first_kind(0, small, y) + clenshaw(y, _inner(0, True))
    return _second_kind(a, mx.where(near, inner, (p * minus + q * plus) / mx.sqrt(math.pi * far)))


def y1(a: mx.array) -> mx.array:
    """The Bessel function of the second kind, of order 1: -infinity at 0, NaN below."""
    near, small, y, far = _pieces(a)
    p, q, plus, minus = _waves(1, _EDGE, far)
    small = mx.where(small == 0, 1.0, small)
    entire = 2 / math.pi * mx.log(small) * _first_kind(1, small, y) + clenshaw(y, _inner(1, True))
    inner = entire * small - 2 / (math.pi * small)
    return _second_kind(a, mx.where(near, inner, (q * minus - p * plus) / mx.sqrt(math.pi * far)))


def _second_kind(a: mx.array, value: mx.array) -> mx.array:
    return mx.where(a < 0, mx.nan, mx.where(a == 0, -mx.inf, value))


# ---- Airy's function -------------------------------------------------------------------------------------------------


def _airy_series(y: Decimal) -> Decimal:
    """Ai at y in [-1, 1], for _AIRY_LOW to _AIRY_HIGH: its equation is Ai'' = x Ai."""
    middle, half = Decimal((_AIRY_LOW + _AIRY_HIGH) / 2), Decimal((_AIRY_HIGH - _AIRY_LOW) / 2)
    x = middle + half * y
    total, terms, k = Decimal(0), [_AIRY[0], _AIRY[1] * x], 0
    while k < 20 or max(map(abs, terms)) > Decimal("1e-38"):
        total += terms[0] + terms[1]
        terms = [t * x**3 / ((3 * k + 2 + i) * (3 * k + 3 + i)) for i, t in enumerate(terms)]
        k += 1
    return total


@functools.cache
def _airy_inner() -> tuple[float, ...]:
    return fitted(_exactly(_airy_series), 36)


@functools.cache
def _airy_falling() -> tuple[float, ...]:
    edge = 2 / 3 * _AIRY_HIGH**1.5
    return fitted(lambda y: np.asarray(falling_tail(1 / 3, 2 * edge / (1 + y))), 32)


def airy(a: mx.array) -> mx.array:
    """Ai(a), of which PyTorch says that it is NaN at the infinities."""
    right, left = a > _AIRY_HIGH, a < _AIRY_LOW
    inner = mx.where(right | left, 0.0, a)
    middle, half = (_AIRY_LOW + _AIRY_HIGH) / 2, (_AIRY_HIGH - _AIRY_LOW) / 2
    between = clenshaw((inner - middle) / half, _airy_inner())
    x = mx.where(right, a, mx.where(left, -a, 4.0))
    root = mx.sqrt(x)
    phase = x * root * (2 / 3)
    over = math.sqrt(math.pi) * mx.sqrt(root)
    edge = 2 / 3 * _AIRY_HIGH**1.5
    falling = clenshaw(2 * edge / mx.maximum(phase, edge) - 1, _airy_falling()) * _precise.exp(-phase) / (2 * over)
    edge = 2 / 3 * (-_AIRY_LOW) ** 1.5
    p, q, plus, minus = _waves(1 / 3, edge, mx.maximum(phase, edge))
    wave = (p * plus - q * minus) / (math.sqrt(2) * over)
    return mx.where(mx.isinf(a), mx.nan, mx.where(right, falling, mx.where(left, wave, between)))
