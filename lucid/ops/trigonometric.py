"""Circular and hyperbolic functions, and angles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid._tape import TensorCore
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give
from lucid.ops._precise import series as _series
from lucid.ops._precise import sin as _sin
from lucid.ops._promotion import binary_float, require_tensor, result_type, unary_float
from lucid.ops._reduce import HALF

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "deg2rad",
    "hypot",
    "rad2deg",
    "sin",
    "sinc",
    "sinh",
    "tan",
    "tanh",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


@numpy_names
def sin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sine of `input`, in radians.

    >>> import lucid
    >>> lucid.sin(lucid.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8415])
    """
    result = unary_float(mx.sin, input)
    return result if out is None else give(result, out, "sin")


@numpy_names
def cos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The cosine of `input`, in radians."""
    result = unary_float(mx.cos, input)
    return result if out is None else give(result, out, "cos")


@numpy_names
def tan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The tangent of `input`, in radians."""
    return give(unary_float(mx.tan, input), out, "tan")


@numpy_names
def asin(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse sine, in radians; NaN outside of [-1, 1]."""
    return give(unary_float(mx.arcsin, input), out, "asin")


@numpy_names
def acos(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse cosine, in radians; NaN outside of [-1, 1]."""
    return give(unary_float(mx.arccos, input), out, "acos")


@numpy_names
def atan(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse tangent, in radians."""
    return give(unary_float(mx.arctan, input), out, "atan")


@numpy_names
def sinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic sine."""
    return give(unary_float(mx.sinh, input), out, "sinh")


@numpy_names
def cosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic cosine."""
    return give(unary_float(mx.cosh, input), out, "cosh")


@numpy_names
def tanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The hyperbolic tangent.

    >>> import lucid
    >>> lucid.tanh(lucid.tensor([-100.0, 0.0, 1.0]))
    tensor([-1.0000,  0.0000,  0.7616])
    """
    result = unary_float(mx.tanh, input)
    return result if out is None else give(result, out, "tanh")


@numpy_names
def asinh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic sine."""
    return give(unary_float(mx.arcsinh, input), out, "asinh")


@numpy_names
def acosh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic cosine; NaN below 1."""
    return give(unary_float(mx.arccosh, input), out, "acosh")


@numpy_names
def atanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse hyperbolic tangent; NaN outside of [-1, 1]."""
    return give(unary_float(mx.arctanh, input), out, "atanh")


arcsin, arccos, arctan, arcsinh, arccosh, arctanh = asin, acos, atan, asinh, acosh, atanh


@numpy_names
def atan2(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The angle of the point (`other`, `input`) in (-pi, pi], with its gradient 0 at the origin."""
    a, b = _real_pair("atan2", input, other)
    fn = mx.arctan2 if a._node is None and b._node is None else _atan2
    return give(binary_float(fn, a, b), out, "atan2")


arctan2 = atan2


def _atan2(y: mx.array, x: mx.array) -> mx.array:
    origin = (x == 0) & (y == 0)
    return mx.where(origin, mx.stop_gradient(mx.arctan2(y, x)), mx.arctan2(y, mx.where(origin, 1, x)))


def _real_pair(name: str, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    require_tensor(name, a), require_tensor(name, b, "other")
    if mx.complex64 in (a._data.dtype, b._data.dtype):
        raise NotImplementedError(f"{name}: not implemented for complex tensors")
    return a, b


@numpy_names
def hypot(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`sqrt(input ** 2 + other ** 2)` without overflow on the way.

    >>> import lucid
    >>> lucid.hypot(lucid.tensor([3.0]), lucid.tensor([4.0]))
    tensor([5.])
    """
    a, b = _real_pair("hypot", input, other)
    if not result_type(a, b).is_inexact:
        raise NotImplementedError(
            f"hypot: not implemented for {result_type(a, b)!r}; convert to a floating dtype first"
        )

    def length(x: mx.array, y: mx.array) -> mx.array:
        scale = mx.stop_gradient(mx.maximum(mx.abs(x), mx.abs(y)))
        infinite = mx.isinf(x) | mx.isinf(y)
        scale = mx.where((scale == 0) | infinite, 1, scale)
        return mx.where(infinite, mx.inf, scale * mx.sqrt(mx.square(x / scale) + mx.square(y / scale))).astype(x.dtype)

    return give(binary_float(length, a, b), out, "hypot")


_SINC = [(-1) ** k / math.factorial(2 * k + 1) for k in range(10)]


@numpy_names
def sinc(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`sin(pi x) / (pi x)`, and 1 at 0."""

    def ratio(a: mx.array) -> mx.array:
        x = (a.astype(mx.float32) if a.dtype in HALF else a) * math.pi
        near = mx.abs(x) < 1  # the quotient has no exact derivatives there, the series has
        far = mx.where(near, 1, x)
        return mx.where(near, _series(mx.square(mx.where(near, x, 0)), _SINC), _sin(far) / far).astype(a.dtype)

    ratio.__qualname__ = "sinc"
    return give(unary_float(ratio, input), out, "sinc")


@numpy_names
def deg2rad(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Degrees as radians."""
    return give(_angle("deg2rad", math.pi / 180, input), out, "deg2rad")


@numpy_names
def rad2deg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Radians as degrees."""
    return give(_angle("rad2deg", 180 / math.pi, input), out, "rad2deg")


def _angle(name: str, factor: float, input: Tensor) -> Tensor:
    if isinstance(input, TensorCore) and input._data.dtype == mx.complex64:
        raise RuntimeError(f"{name} is not supported for complex tensors.")

    def scaled(a: mx.array) -> mx.array:
        if a.dtype in HALF:
            return (a.astype(mx.float32) * factor).astype(a.dtype)
        return a * factor

    scaled.__qualname__ = name
    return unary_float(scaled, input)
