"""Powers and roots."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import dtypes
from lucid._tape import TensorCore, apply
from lucid.dtypes import OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._fits import fitting
from lucid.ops._out import give, into
from lucid.ops._promotion import constant, promoted, require_tensor, result_type, unary_float

__all__ = ["float_power", "pow", "reciprocal", "rsqrt", "sqrt", "square"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.ops._promotion import Number


@numpy_names
def pow(input: Tensor | Number, exponent: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input ** exponent`, broadcast and with type promotion. At least one of the two is a tensor.

    The gradient of `x ** 0` is 0 everywhere. Raises RuntimeError for integers to a negative integer number.

    >>> import lucid
    >>> lucid.pow(lucid.tensor([1.0, 2.0, 3.0]), 2)
    tensor([1., 4., 9.])
    """
    fn = None
    if exponent.__class__ in _PYTHON and isinstance(input, TensorCore) and input._data.dtype == mx.float32:
        fn = _SPECIAL.get(exponent)
    if fn is not None:
        result: Tensor = apply(fn, input)
    elif isinstance(exponent, TensorCore):
        result = _tensor_power(input, exponent)
    else:
        result = _number_power(require_tensor("pow", input), exponent)
    return result if out is None else give(result, out, "pow")


@numpy_names
def float_power(input: Tensor | Number, exponent: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input ** exponent` computed in float64 (complex64 for complex operands, the widest that MLX has)."""
    to = dtypes.complex64 if result_type(input, exponent).is_complex else dtypes.float64
    if out is not None and out.dtype is not to:
        raise RuntimeError(f"float_power: expected an output of the result's dtype {to!r}, got {out.dtype!r}")
    if isinstance(input, TensorCore):
        input = input.to(to)
    if isinstance(exponent, TensorCore):
        exponent = exponent.to(to)
    return pow(input, exponent, out=out)


def float_power_(input: Tensor, exponent: Tensor | Number) -> Tensor:
    """`float_power` in place. Raises RuntimeError unless `input` has the dtype of the result: float64, or complex64."""
    result = float_power(input, exponent)
    if result.dtype is not input.dtype:
        raise RuntimeError(
            f"float_power_: the base has dtype {input.dtype!r} but the operation's result requires {result.dtype!r}"
        )
    return into(input, result)


def _number_power(a: Tensor, exponent: Any) -> Tensor:
    d = OF_MX[a._data.dtype]
    if isinstance(exponent, (complex, np.complexfloating)) or d.is_complex:
        return _complex_number_power(a, exponent)
    if d.rank < 2 and isinstance(exponent, (int, np.integer)):
        if exponent < 0:
            raise RuntimeError(
                f"pow: integers to negative integer powers are not allowed, got exponent {exponent}; use .float()"
            )
        if not isinstance(exponent, bool):
            to = dtypes.int64 if d is dtypes.bool_ else d
            info = mx.iinfo(to.mx)
            if exponent > info.max:
                raise RuntimeError(f"pow: the exponent {exponent} cannot be converted to {to!r} without overflow")
        else:
            to = d
    else:
        to = result_type(a, exponent)
    fn = _SPECIAL.get(exponent) if to.is_inexact or exponent in (0, 1, 2, 3) else None
    if fn is None:
        value = constant(exponent, to.mx)
        scalar = fitting(exponent, to.mx, "pow") if value is None else value

        def power(x: mx.array) -> mx.array:
            return mx.power(x, scalar)

        power.__qualname__ = "pow"
        fn = power
    return apply(fn, a) if to is d else promoted(fn, to, a)


def _pow_0(x: mx.array) -> mx.array:
    return mx.ones_like(x)


def _pow_1(x: mx.array) -> mx.array:
    return x


def _pow_3(x: mx.array) -> mx.array:
    return mx.square(x) * x


def _pow_minus_2(x: mx.array) -> mx.array:
    return mx.square(mx.reciprocal(x))  # in this order the gradient at infinity is 0, not NaN


_PYTHON = (int, float)

# Twenty times faster than MLX's power, or right where its gradient is not: 0 * inf at x ** 0.
_SPECIAL: dict[Any, Any] = {
    0: _pow_0,
    0.5: mx.sqrt,
    1: _pow_1,
    2: mx.square,
    3: _pow_3,
    -0.5: mx.rsqrt,
    -1: mx.reciprocal,
    -2: _pow_minus_2,
}


def _tensor_power(a: Any, b: Tensor) -> Tensor:
    to = result_type(a, b)
    if to is dtypes.bool_:
        raise NotImplementedError("pow: not implemented for bool; convert one operand to an integer dtype")
    if to.is_complex:
        return promoted(_complex_power, to, a, b)
    if to.rank == 1:
        return promoted(_integer_power, to, a, b)
    if b._node is None and (not isinstance(a, TensorCore) or a._node is None):
        return promoted(_power, to, a, b)
    return promoted(_power_with_gradient, to, a, b)


def _power(a: mx.array, b: mx.array) -> mx.array:
    return mx.power(a, b)


def _integer_power(a: mx.array, b: mx.array) -> mx.array:
    if not OF_MX[b.dtype].is_signed:
        return mx.power(a, b)
    positive = mx.power(a, mx.maximum(b, 0))  # MLX 0.32.4 takes a negative exponent for an enormous one
    odd = mx.where(mx.bitwise_and(b, 1) == 1, -1, 1).astype(a.dtype)
    negative = mx.where(a == 1, 1, mx.where(a == -1, odd, 0)).astype(a.dtype)
    return mx.where(b < 0, negative, positive)


def _power_with_gradient(a: mx.array, b: mx.array) -> mx.array:
    """`a ** b` where MLX's gradients, b * a ** (b - 1) and log(a) * a ** b, are 0 * inf at a = 0."""
    at_zero = (a == 0) & (b > 0)
    ordinary = mx.power(mx.where((a == 0) & (b >= 0), 1, a), b)
    edge = mx.power(mx.where(at_zero, a, 1), mx.stop_gradient(mx.where(at_zero, b, 1)))
    return mx.where(at_zero, edge, ordinary)


def _complex_number_power(a: Tensor, exponent: Any) -> Tensor:
    fn = _SPECIAL.get(exponent) if exponent not in (-2, -0.5) else None
    return promoted(_complex_power, dtypes.complex64, a, exponent) if fn is None else promoted(fn, dtypes.complex64, a)


def _complex_power(a: mx.array, b: mx.array) -> mx.array:
    """exp(b log a): MLX 0.32.4's own complex power has a gradient that misses a conjugate, and 0 ** 0 is NaN."""
    zero = a == 0
    power = mx.exp(b * mx.log(mx.where(zero, 1, a)))
    at_zero = mx.where(b == 0, 1, mx.where(mx.real(b) > 0, 0, mx.array(complex(math.inf, math.nan), mx.complex64)))
    return mx.where(zero, at_zero, power)


@numpy_names
def sqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The square root; NaN for negative numbers."""
    result = unary_float(mx.sqrt, input)
    return result if out is None else give(result, out, "sqrt")


@numpy_names
def rsqrt(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`1 / sqrt(input)`."""
    result = unary_float(mx.rsqrt, input)
    return result if out is None else give(result, out, "rsqrt")


@numpy_names
def square(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`input * input`; much faster than a general power."""
    if require_tensor("square", input)._data.dtype == mx.bool_:
        return give(promoted(mx.square, dtypes.int64, input), out, "square")
    return give(apply(mx.square, input), out, "square")


@numpy_names
def reciprocal(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`1 / input`; integers give the default floating dtype."""
    return give(unary_float(mx.reciprocal, input), out, "reciprocal")
