"""Exact float64 forms of functions that MLX 0.32.4 computes in float32 accuracy whatever the dtype.

Each function here takes any floating array and gives MLX's own result unless the array is float64. No derivatives:
`mx.vjp` goes through.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid.ops._chebyshev import clenshaw
from lucid.ops._derived import Fn, derived


def exp(a: mx.array) -> mx.array:
    """The exponential."""
    if a.dtype != mx.float64:
        return mx.exp(a)
    # what the last digit of math.e lacks, 1 - log(math.e), grows with the power
    return mx.power(mx.array(math.e, mx.float64), a) * (1 + 5.318241376722e-17 * mx.maximum(a, -800.0))


def sin(a: mx.array) -> mx.array:
    """The sine."""
    return mx.sin(a) if a.dtype != mx.float64 else _circular(a)[0]


def cos(a: mx.array) -> mx.array:
    """The cosine."""
    return mx.cos(a) if a.dtype != mx.float64 else _circular(a)[1]


def _circular(a: mx.array) -> tuple[mx.array, mx.array]:
    """Sine and cosine by their series, of the angle that tan and arctan reduce to [-pi/2, pi/2] without loss."""
    value = mx.stop_gradient(a)
    reduced = mx.arctan(mx.tan(value))
    turns = mx.round((value - reduced) / math.pi)
    even = mx.remainder(turns, 2) == 0
    r = reduced + (a - value)
    r2 = mx.square(r)
    sine = series(r2, [(-1) ** k / math.factorial(2 * k + 1) for k in range(12)]) * r
    cosine = series(r2, [(-1) ** k / math.factorial(2 * k) for k in range(12)])
    return mx.where(even, sine, -sine), mx.where(even, cosine, -cosine)


def series(x: mx.array, coefficients: list[float]) -> mx.array:
    """The polynomial in `x` with the given coefficients, the constant one first."""
    total = mx.full(x.shape, coefficients[-1], x.dtype)
    for c in reversed(coefficients[:-1]):
        total = total * x + c
    return total


def tan(a: mx.array) -> mx.array:
    """The tangent: MLX's value is exact, its derivative 1 / cos ** 2 is not."""
    if a.dtype != mx.float64:
        return mx.tan(a)
    sine, cosine = _circular(a)
    return sine / cosine


def sigmoid(a: mx.array) -> mx.array:
    """The logistic function."""
    if a.dtype == mx.float64:
        left = a < 0  # the exponential of a negative number only: neither it nor what derivatives make of it overflows
        power = exp(mx.where(left, a, -a))
        return mx.where(left, power, 1) / (1 + power)
    return mx.sigmoid(a) if a.dtype != mx.complex64 else 1 / (1 + mx.exp(-a))


def softplus(a: mx.array) -> mx.array:
    """log(1 + exp(a))."""
    if a.dtype != mx.float64:
        return mx.logaddexp(a, mx.array(0, a.dtype))
    infinite = mx.isinf(a)  # where both terms of the sum have no gradient that is a number
    b = mx.where(infinite, 0, a)
    high = mx.stop_gradient(mx.maximum(b, 0))
    return mx.where(infinite, mx.maximum(a, 0), high + mx.log(exp(b - high) + exp(-high)))


def softmax(a: mx.array, axis: int) -> mx.array:
    """The exponentials along `axis`, divided by their sum."""
    if a.dtype != mx.float64:
        return mx.softmax(a, axis=axis, precise=True)
    powers = exp(a - mx.stop_gradient(a.max(axis, keepdims=True)))
    return powers / powers.sum(axis, keepdims=True)


# log(erfc(z) / t) + z ** 2 for z >= 0 in Chebyshev polynomials of 2 t - 1, with t = 2 / (2 + z): fitted with 40 digits.
_ERFC = (
    -0.6513268598908547,
    0.6419697923564902,
    0.019476473204185836,
    -0.009561514786808632,
    -0.0009465953444820369,
    0.00036683949785276145,
    4.252332480690777e-05,
    -2.0278578112534242e-05,
    -1.6242900046470256e-06,
    1.3036558355805232e-06,
    1.5626441722066142e-08,
    -8.523809591492654e-08,
    6.5290544390988515e-09,
    5.059343495551469e-09,
    -9.91364156493033e-10,
    -2.273651222931836e-10,
    9.646791102015527e-11,
    2.3940380830391146e-12,
    -6.886027526497553e-12,
    8.944879273090725e-13,
    3.130921399342958e-13,
    -1.1270822361367252e-13,
    3.810905255189232e-16,
    7.106097613609237e-15,
    -1.5230282014571043e-15,
    -9.457494571291233e-17,
    1.210237189224279e-16,
    -2.816663087747177e-17,
)


def _bell(a: mx.array) -> mx.array:
    """The derivative of `erf`."""
    return 2 / math.sqrt(math.pi) * exp(-mx.square(a))


def _erfc(a: mx.array) -> mx.array:
    z = mx.abs(a)
    near = z < 0.5
    z = mx.where(near, 1.0, mx.minimum(z, 30.0)).astype(a.dtype)
    root, rest = _squared(z)
    tail = scaled_tail(z) * exp(-rest) / root / root
    far = mx.where(a < 0, 2 - tail, tail)
    return mx.where(mx.isnan(a), a, mx.where(near, 1 - _erf_series(mx.where(near, a, 0.0).astype(a.dtype)), far))


def erfcx(a: mx.array) -> mx.array:
    """`exp(a ** 2) * erfc(a)`, finite for any positive `a`, for float32 and float64."""
    near, left = mx.abs(a) < 0.5, a < 0
    small = mx.where(near, a, 0.0).astype(a.dtype)
    tail = scaled_tail(mx.where(near, 1.0, mx.where(left, -a, a)).astype(a.dtype))
    far = mx.where(left, 2 * exp_square(mx.where(left, a, 0.0).astype(a.dtype)) - tail, tail)
    return mx.where(near, exp(mx.square(small)) * (1 - _erf_series(small)), far)


def exp_square(z: mx.array) -> mx.array:
    """exp(z ** 2) to the last digit."""
    root, rest = _squared(z)
    return root * root * exp(rest)


def scaled_tail(z: mx.array) -> mx.array:
    """`erfcx` for z >= 0."""
    t = 2 / (2 + z)
    return t * exp(clenshaw(2 * t - 1, _ERFC))


def _squared(z: mx.array) -> tuple[mx.array, mx.array]:
    """`e` and `r` such that `e * e * exp(r)` is exp(z ** 2): the square of the first bits is exact, and `r` small."""
    first = mx.stop_gradient(mx.round(mx.clip(z, -40.0, 40.0) * 64) / 64)
    return 1 + mx.expm1(mx.square(first) / 2), (z - first) * (z + first)


def _erf_series(a: mx.array) -> mx.array:
    """erf below 0.5 by its Taylor series, exact to float64."""
    scale = 2 / math.sqrt(math.pi)
    return series(mx.square(a), [scale * (-1) ** k / (math.factorial(k) * (2 * k + 1)) for k in range(13)]) * a


def erfc(a: mx.array) -> mx.array:
    """`1 - erf(a)` without cancellation, for float32 and float64."""
    return _derived_erfc(a)


def erf(a: mx.array) -> mx.array:
    """The error function."""
    return mx.erf(a) if a.dtype != mx.float64 else _derived_erf(a)


def _erf(a: mx.array) -> mx.array:
    near = mx.abs(a) < 0.5
    return mx.where(near, _erf_series(mx.where(near, a, 0.0)), 1 - _erfc(mx.where(near, 1.0, a)))


_derived_erf: Fn = derived(_erf, _bell)
_derived_erfc: Fn = derived(_erfc, lambda a: -_bell(a))


def erfinv(a: mx.array) -> mx.array:
    """The inverse of `erf`."""
    return mx.erfinv(a) if a.dtype != mx.float64 else _erfinv(a)


def erf_inverse(x: mx.array, q: mx.array) -> mx.array:
    """The inverse of `erf` at float64 `x`, given `q = 1 - abs(x)`, which may be smaller than `x` can tell."""
    near = q >= 0.5
    small = mx.where(near, x, 0.0)
    y = mx.erfinv(small)
    step = (_erf_series(y) - small) * (math.sqrt(math.pi) / 2) * exp(mx.square(y))
    central = y - step / (1 + y * step)  # Halley's rule: the second derivative is -2 y times the first
    q = mx.where(near, 0.5, q)
    inside = q > 0
    q = mx.where(inside, q, 0.5)
    t = mx.sqrt(-2 * mx.log(q / 2))
    # Abramowitz & Stegun 26.2.23, to four digits
    ratio = series(t, [2.515517, 0.802853, 0.010328]) / series(t, [1.0, 1.432788, 0.189269, 0.001308])
    y = (t - ratio) / math.sqrt(2)
    for _ in range(2):
        root, rest = _squared(y)
        step = (q * root * root * exp(rest) - scaled_tail(y)) * (math.sqrt(math.pi) / 2)
        y = y - step / (1 + y * step)
    y = mx.where(inside, y, mx.inf)
    result = mx.where(near, central, mx.where(x < 0, -y, y))
    return mx.where(mx.abs(x) <= 1, result, mx.nan)


_erfinv: Fn = derived(
    lambda a: erf_inverse(a, 1 - mx.abs(a)), lambda a: math.sqrt(math.pi) / 2 * exp(mx.square(_erfinv(a)))
)

# What `unary_float` calls instead of MLX's function for float64.
DOUBLE: dict[Any, Callable[[mx.array], mx.array]] = {
    mx.exp: exp,
    mx.sin: sin,
    mx.cos: cos,
    mx.tan: tan,
    mx.sigmoid: sigmoid,
    mx.log2: lambda a: mx.log(a) / math.log(2),  # MLX's values are exact, its derivatives are not
    mx.log10: lambda a: mx.log(a) / math.log(10),
    mx.erf: erf,
    mx.erfinv: erfinv,
}
COMPLEX: dict[Any, Callable[[mx.array], mx.array]] = {
    mx.sigmoid: sigmoid,
    mx.expm1: lambda a: mx.exp(a) - 1,
}
