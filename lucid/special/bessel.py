"""The Bessel functions, and Airy's."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid._grad_mode import no_grad
from lucid.ops import _double, _modified, _precise
from lucid.ops._out import give
from lucid.special import _cylinder

__all__ = [
    "airy_ai",
    "bessel_j0",
    "bessel_j1",
    "bessel_y0",
    "bessel_y1",
    "i0e",
    "i1",
    "i1e",
    "modified_bessel_i0",
    "modified_bessel_i1",
    "modified_bessel_k0",
    "modified_bessel_k1",
    "scaled_modified_bessel_k0",
    "scaled_modified_bessel_k1",
    "spherical_bessel_j0",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def i0e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`exp(-abs(x)) * i0(x)`, which does not overflow.

    >>> import lucid
    >>> lucid.special.i0e(lucid.tensor([0.0, 1000.0]))
    tensor([1.0000, 0.0126])
    """
    return give(_double.unary("i0e", _modified.i0e, input, double=False), out, "i0e")


def i1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind of order 1, the derivative of `i0`.

    >>> import lucid
    >>> lucid.special.i1(lucid.tensor([0.0, 1.0]))
    tensor([0.0000, 0.5652])
    """
    return give(_double.unary("i1", _modified.i1, input, double=False), out, "i1")


def i1e(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`exp(-abs(x)) * i1(x)`, which does not overflow."""
    return give(_double.unary("i1e", _modified.i1e, input, double=False), out, "i1e")


# ---- without derivatives, as in PyTorch ------------------------------------------------------------------------------


def modified_bessel_i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`i0` as a function without a derivative: the result requires no gradient."""
    return _plain("modified_bessel_i0", _modified.i0, input, out, double=False)


def modified_bessel_i1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`i1` as a function without a derivative: the result requires no gradient."""
    return _plain("modified_bessel_i1", _modified.i1, input, out, double=False)


def modified_bessel_k0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the second kind of order 0: infinite at 0, NaN below.

    The result requires no gradient.
    """
    return _plain("modified_bessel_k0", _modified.k0, input, out, double=False)


def modified_bessel_k1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the second kind of order 1: infinite at 0, NaN below.

    The result requires no gradient.
    """
    return _plain("modified_bessel_k1", _modified.k1, input, out, double=False)


def scaled_modified_bessel_k0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`exp(x) * modified_bessel_k0(x)`, which does not underflow. The result requires no gradient."""
    scaled = functools.partial(_modified.k0, scaled=True)
    return _plain("scaled_modified_bessel_k0", scaled, input, out, double=False)


def scaled_modified_bessel_k1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`exp(x) * modified_bessel_k1(x)`, which does not underflow. The result requires no gradient."""
    scaled = functools.partial(_modified.k1, scaled=True)
    return _plain("scaled_modified_bessel_k1", scaled, input, out, double=False)


def bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the first kind of order 0.

    Computed in float64, on the CPU; NaN at the infinities. The result requires no gradient.

    >>> import lucid
    >>> lucid.special.bessel_j0(lucid.tensor([0.0, 2.4048]))
    tensor([1.0000e+00, 1.3300e-05])
    """
    return _plain("bessel_j0", _cylinder.j0, input, out)


def bessel_j1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the first kind of order 1.

    Computed in float64, on the CPU; NaN at the infinities. The result requires no gradient.
    """
    return _plain("bessel_j1", _cylinder.j1, input, out)


def bessel_y0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the second kind of order 0: -infinity at 0, NaN below and at infinity.

    Computed in float64, on the CPU. The result requires no gradient.
    """
    return _plain("bessel_y0", _cylinder.y0, input, out)


def bessel_y1(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The Bessel function of the second kind of order 1: -infinity at 0, NaN below and at infinity.

    Computed in float64, on the CPU. The result requires no gradient.
    """
    return _plain("bessel_y1", _cylinder.y1, input, out)


def airy_ai(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Airy's function Ai, a solution of y'' = x y; NaN at the infinities.

    Computed in float64, on the CPU. The result requires no gradient.

    >>> import lucid
    >>> lucid.special.airy_ai(lucid.tensor([0.0, 1.0]))
    tensor([0.3550, 0.1353])
    """
    return _plain("airy_ai", _cylinder.airy, input, out)


def spherical_bessel_j0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """sin(x) / x, and 1 at 0. The result requires no gradient."""
    return _plain("spherical_bessel_j0", _sine_ratio, input, out, double=False)


def _sine_ratio(a: mx.array) -> mx.array:
    near, infinite = mx.abs(a) < 0.5, mx.isinf(a)
    squared = mx.square(mx.where(near, a, 0.0).astype(a.dtype))
    inner = _precise.series(squared, [(-1) ** k / math.factorial(2 * k + 1) for k in range(9)])
    x = mx.where(near | infinite, 1.0, a).astype(a.dtype)
    return mx.where(near, inner, mx.where(infinite, 0.0, _precise.sin(x) / x)).astype(a.dtype)


def _plain(
    name: str, fn: Callable[[mx.array], mx.array], input: Tensor, out: Tensor | None, double: bool = True
) -> Tensor:
    with no_grad():
        result = _double.unary(name, fn, input, double=double, halves=False)
    return give(result, out, name)
