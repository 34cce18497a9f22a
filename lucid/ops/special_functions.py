"""The error function and the gamma function's family."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import dtypes
from lucid.dtypes import OF_MX
from lucid.ops import _double, _gamma, _modified, _precise
from lucid.ops._double import floating, real
from lucid.ops._out import give
from lucid.ops._promotion import unary_float

__all__ = ["digamma", "erf", "erfc", "erfinv", "i0", "lgamma", "mvlgamma", "polygamma"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def erf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The error function.

    >>> import lucid
    >>> lucid.erf(lucid.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8427])
    """
    return give(unary_float(mx.erf, real("erf", input)), out, "erf")


def erfc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`1 - erf(input)`, exact also where it is tiny."""
    return give(unary_float(_erfc, real("erfc", input)), out, "erfc")


def _erfc(a: mx.array) -> mx.array:
    if a.dtype in (mx.float16, mx.bfloat16):
        return _precise.erfc(a.astype(mx.float32)).astype(a.dtype)
    return _precise.erfc(a)


def erfinv(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `erf`: infinite at -1 and 1, NaN beyond."""
    return give(unary_float(mx.erfinv, real("erfinv", input)), out, "erfinv")


def lgamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the absolute value of the gamma function. Computed in float64, on the CPU.

    >>> import lucid
    >>> lucid.lgamma(lucid.tensor([1.0, 5.0])).exp()
    tensor([ 1.0000, 24.0000])
    """
    return give(_double.unary("lgamma", _gamma.log_gamma(_single("lgamma", input)), input), out, "lgamma")


def digamma(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The derivative of `lgamma`. Computed in float64, on the CPU."""
    return give(_double.unary("digamma", _gamma.polygamma(0, _single("digamma", input)), input), out, "digamma")


def polygamma(n: int, input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The derivative of order `n` of `digamma`.

    Computed in float64, on the CPU. Raises RuntimeError for a negative order.
    """
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError(f"polygamma(): argument 'n' must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError(f"polygamma: expected an order that is not negative, got {n}")
    if n >= 2**63:
        raise ValueError(f"polygamma: expected an order below 2**63, got {n}")
    return give(_double.unary("polygamma", _gamma.polygamma(n, _single("polygamma", input)), input), out, "polygamma")


def polygamma_method(self: Tensor, n: int) -> Tensor:
    """The derivative of order `n` of `digamma`: see `lucid.polygamma`."""
    return polygamma(n, self)


def mvlgamma(input: Tensor, p: int, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of the multivariate gamma function of dimension `p`, for elements above (p - 1) / 2."""
    if not isinstance(p, int) or isinstance(p, bool):
        raise TypeError(f"mvlgamma(): argument 'p' must be int, not {type(p).__name__}")
    if p < 1:
        raise RuntimeError(f"mvlgamma: p has to be greater than or equal to 1, got {p}")
    if p > 2**24:
        raise RuntimeError(f"mvlgamma: p = {p} is more than lucid sums; the largest is {2**24}")
    if real("mvlgamma", input)._data.dtype == mx.bool_:
        raise RuntimeError("mvlgamma: the input tensor may not be a boolean tensor")
    one = _gamma.log_gamma(_single("mvlgamma", input))

    def summed(a: mx.array) -> mx.array:
        constant = p * (p - 1) / 4 * math.log(math.pi)
        below = mx.expand_dims(a, -1) - mx.arange(p).astype(a.dtype) / 2
        return one(below).sum(-1) + constant if a.size else a

    return give(_double.unary("mvlgamma", summed, input), out, "mvlgamma")


def i0(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The modified Bessel function of the first kind of order 0.

    >>> import lucid
    >>> lucid.i0(lucid.tensor([0.0, 1.0]))
    tensor([1.0000, 1.2661])
    """
    return give(_double.unary("i0", _modified.i0, input, double=False), out, "i0")


def _single(name: str, input: Tensor) -> bool:
    return floating(OF_MX[real(name, input)._data.dtype]) is not dtypes.float64
