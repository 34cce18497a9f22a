"""Chebyshev expansions: coefficients that numpy fits when they are first asked for, and their sums.

No table of published digits stands in the library: a function that has an integral or a series of its own is fitted
from that, to the last digit of float64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]
_SMALL = {mx.float32: 1e-9, mx.float64: 1e-18}


def fitted(fn: Callable[[Floats], Floats], terms: int) -> tuple[float, ...]:
    """The coefficients of `fn`, a function on [-1, 1], from its values at the zeros of a Chebyshev polynomial."""
    k = np.arange(terms)
    values = fn(np.cos(np.pi * (2 * k + 1) / (2 * terms)))
    # the multiple of pi / (2 terms) is reduced as an integer: large angles would cost the last digits
    cosines = np.cos(np.pi * (np.outer(k, 2 * k + 1) % (4 * terms)) / (2 * terms))
    coefficients = (values * cosines).sum(axis=1) * 2 / terms
    coefficients[0] /= 2
    return tuple(coefficients.tolist())


def clenshaw(y: mx.array, coefficients: Sequence[float]) -> mx.array:
    """The sum of `coefficients[k] * T_k(y)` by Clenshaw's recurrence, as far as the dtype of `y` resolves it."""
    small = _SMALL[y.dtype] * abs(coefficients[0])
    terms = max(k for k, c in enumerate(coefficients) if abs(c) > small)
    twice = 2 * y
    ahead = later = mx.zeros_like(y)
    for c in reversed(coefficients[1 : terms + 1]):
        ahead, later = twice * ahead - later + c, ahead
    return y * ahead - later + coefficients[0]


def falling_tail(order: float, z: Any) -> Any:
    """sqrt(2 z / pi) exp(z) K(z) for the modified Bessel function K of an order, at an array `z`.

    From the integral of exp(-z cosh t) cosh(order t) over t, with sinh(t / 2) sqrt(2 z) as the variable; the trapezoid
    rule has 16 digits from |z| = 1 on.
    """
    s = np.arange(0, 7.05, 0.1)
    w = s / np.sqrt(2 * z)[:, None]
    terms = np.exp(-(s**2)) * np.cosh(2 * order * np.arcsinh(w)) / np.sqrt(1 + w**2)
    return 0.2 / np.sqrt(np.pi) * (terms.sum(axis=1) - terms[:, 0] / 2)
