"""The incomplete gamma function's two regularized halves, computed in float64."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid.dtypes import OF_MX
from lucid.ops import _double, _precise
from lucid.ops._custom import custom
from lucid.ops._derived import underivable
from lucid.ops._gamma import log_gamma, log_gamma_from_1, stirling_rest
from lucid.ops._out import give
from lucid.ops._promotion import require_tensor

__all__ = ["igamma", "igammac"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def igamma(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The lower half: the integral of t^(a - 1) exp(-t) from 0 to x, over gamma(a), for `input` a and `other` x.

    NaN where one of them is negative. There is no derivative in `input`. Computed in float64, on the CPU.

    >>> import lucid
    >>> lucid.igamma(lucid.tensor([1.0, 4.0]), lucid.tensor([0.0, 4.0]))
    tensor([0.0000, 0.5665])
    """
    return give(_half("igamma", False, input, other), out, "igamma")


def igammac(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The upper half, `1 - igamma(input, other)`, exact also where it is tiny.

    >>> import lucid
    >>> lucid.igammac(lucid.tensor(1.0), lucid.tensor(100.0)).item()
    3.783505853677006e-44
    """
    return give(_half("igammac", True, input, other), out, "igammac")


def _half(name: str, upper: bool, a: Tensor, x: Tensor) -> Tensor:
    found = [OF_MX[require_tensor(name, a)._data.dtype], OF_MX[require_tensor(name, x, "other")._data.dtype]]
    if not any(d.is_inexact for d in found) or any(d.is_complex for d in found):
        raise NotImplementedError(f"{name}: not implemented for {found[0]!r} and {found[1]!r}; convert with .float()")
    fixed = underivable(f"{name}: input")
    return _double.binary(name, lambda p, q: _with_slope(upper)(fixed(p), q), a, x, halves=True)


@functools.cache
def _with_slope(upper: bool) -> Callable[[mx.array, mx.array], mx.array]:
    def pulled(primals: tuple[mx.array, mx.array], cotangent: mx.array, _: mx.array) -> tuple[mx.array, mx.array]:
        a, x = primals
        with mx.stream(mx.cpu):
            density = _precise.exp((a - 1) * mx.log(x) - x - log_gamma(False)(a))
            return mx.zeros_like(a), cotangent * (-density if upper else density)

    return custom(functools.partial(_regularized, upper), pulled)  # type: ignore[no-any-return]


# ---- the value -------------------------------------------------------------------------------------------------------
# Four forms, each where it has its digits in few terms. (The numbers of terms, and the borders, were chosen by
# comparison with 40-digit arithmetic.)
_LARGE = 10  # from this `a` on, and for x / a between _LOW and _HIGH, the expansion that is uniform in x
_LOW, _HIGH = 0.3, 2.5


def _regularized(upper: bool, a: mx.array, x: mx.array) -> mx.array:
    inside = (a > 0) & (x > 0) & mx.isfinite(a) & mx.isfinite(x)
    p, q = mx.where(inside, a, 1.0), mx.where(inside, x, 1.0)
    uniform = (p >= _LARGE) & (q > _LOW * p) & (q < _HIGH * p)
    fraction = ~uniform & (q >= 1.5) & (q >= p + 1)
    tiny = ~uniform & (q < 1.5) & (p < 1)
    near, far = _uniform(mx.where(uniform, p, 20.0), mx.where(uniform, q, 20.0))
    series = _series(mx.where(uniform | fraction, 1.0, p), mx.where(uniform | fraction, 1.0, q))
    rest = _fraction(mx.where(fraction, p, 1.0), mx.where(fraction, q, 2.0))
    if upper:
        small = _tiny(mx.where(tiny, p, 0.5), mx.where(tiny, q, 0.5))
        value = mx.where(uniform, far, mx.where(fraction, rest, mx.where(tiny, small, 1 - series)))
    else:
        value = mx.where(uniform, near, mx.where(fraction, 1 - rest, series))
    value = mx.clip(value, 0.0, 1.0)
    none, all_ = (1.0, 0.0) if upper else (0.0, 1.0)
    ends = mx.where(mx.isinf(a), mx.where(mx.isinf(x), mx.nan, none), mx.where(mx.isinf(x), all_, mx.nan))
    ends = mx.where(a == 0, mx.where(x > 0, all_, mx.nan), mx.where(x == 0, none, ends))
    return mx.where(inside, value, mx.where((a < 0) | (x < 0), mx.nan, ends))


def _deviation(a: mx.array, x: mx.array) -> mx.array:
    """x / a - 1 - log(x / a), without cancellation next to 0."""
    m = (x - a) / a
    near = mx.abs(m) < 0.5
    small = mx.where(near, m, 0.0)
    z = small / (2 + small)  # log(1 + m) is 2 artanh(z)
    z2 = mx.square(z)
    close = z * small - 2 * z * z2 * _precise.series(z2, [1 / (2 * k + 3) for k in range(14)])
    return mx.where(near, close, m - mx.log(x / a))


@functools.cache
def _ratio_series(terms: int) -> tuple[float, ...]:
    """h / m in powers of h, where h^2 / 2 = m - log(1 + m): from m m' = h (1 + m)."""
    m = [Fraction(0), Fraction(1)]
    for n in range(2, terms + 2):
        m.append(m[n - 1] / (n + 1) - sum((m[i] * m[n + 1 - i] for i in range(2, n)), Fraction(0)) / 2)
    f = [Fraction(1)]
    for n in range(1, terms + 1):
        f.append(-sum((m[i] * f[n + 1 - i] for i in range(2, n + 2)), Fraction(0)))
    return tuple(float(v) for v in f)


def _uniform(a: mx.array, x: mx.array) -> tuple[mx.array, mx.array]:
    """Both halves around x = a, by Temme's expansion.

    The upper one is erfc(h sqrt(a / 2)) / 2 + exp(-a h^2 / 2) S(h) / sqrt(2 pi a). That its derivative is the density
    gives the coefficients of S from the last to the first (Gil, Segura, Temme: SIAM J. Sci. Comput. 34 (2012) A2965).
    """
    deviation = _deviation(a, x)
    below = x < a
    size = mx.sqrt(2 * deviation)
    h = mx.where(below, -size, size)
    terms = 34
    f = _ratio_series(terms + 1)
    total = second = first = mx.zeros_like(a)
    for n in range(terms, -1, -1):
        second, first = first, f[n + 1] + (n + 2) * second / a
        total = total * h + first
    scaled = total / (1 + second / a) / mx.sqrt(2 * math.pi * a)
    weight = _precise.exp(-a * deviation)
    middle = _precise.erfcx(size * mx.sqrt(a / 2)) / 2
    outer = weight * (middle + mx.where(below, -scaled, scaled))
    return mx.where(below, outer, 1 - outer), mx.where(below, 1 - outer, outer)


def _front(a: mx.array, x: mx.array) -> mx.array:
    """x^a exp(-x) / gamma(a + 1)."""
    large = a >= _LARGE
    big = mx.where(large, a, 20.0)
    ratio = _precise.exp(-big * _deviation(big, mx.where(large, x, 20.0)) - stirling_rest(big))
    small = mx.where(large, 1.0, a)
    direct = _precise.exp(small * mx.log(x) - x - log_gamma(False)(small + 1))
    return mx.where(large, ratio / mx.sqrt(2 * math.pi * big), direct)


def _series(a: mx.array, x: mx.array) -> mx.array:
    """The lower half in powers of x."""
    total = mx.ones_like(x)
    for k in range(48, 0, -1):
        total = 1 + total * (x / (a + k))
    return _front(a, x) * total


def _fraction(a: mx.array, x: mx.array) -> mx.array:
    """The upper half by Legendre's continued fraction, from its end."""
    rest = mx.zeros_like(x)
    for k in range(60, 0, -1):
        rest = k * (k - a) / (x + (2 * k + 1) - a - rest)
    return _front(a, x) * a / (x + 1 - a - rest)


def _tiny(a: mx.array, x: mx.array) -> mx.array:
    """The upper half for small a and x, where the lower one is all but 1."""
    center = mx.where(a <= 0.5, a, a - 1)
    log_gamma_1 = log_gamma_from_1(center) + mx.where(a <= 0.5, 0.0, mx.log(a))
    power = a * mx.log(x) - log_gamma_1
    total = mx.zeros_like(x)
    for k in range(24, 0, -1):
        total = -x / k * (1 / (a + k) + total)
    return -mx.expm1(power) - a * _precise.exp(power) * total
