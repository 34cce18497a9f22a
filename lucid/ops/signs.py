"""Sizes and signs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid._tape import apply
from lucid.dtypes import OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give
from lucid.ops._promotion import binary_float, require_tensor, result_type
from lucid.ops.comparison import sign_bit

__all__ = ["abs", "absolute", "copysign", "heaviside", "sgn", "sign"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.ops._promotion import Number


@numpy_names
def abs(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The absolute value; for complex numbers their length, as a real tensor.

    >>> import lucid
    >>> lucid.abs(lucid.tensor([-1.5, 2.0]))
    tensor([1.5000, 2.0000])
    """
    d = OF_MX[require_tensor("abs", input)._data.dtype]
    if d.rank == 0:
        raise NotImplementedError("abs: not implemented for bool tensors")
    result = apply(mx.abs if not d.is_complex else _length, input)
    return result if out is None else give(result, out, "abs", exact=not d.is_complex)


absolute = abs


def _length(a: mx.array) -> mx.array:
    # From the parts: MLX 0.32.4 takes a complex number's direction, which is the derivative, for a constant. The length
    # has no derivative at 0, where PyTorch's is 0, and is not seen where a part is infinite or NaN.
    length = mx.stop_gradient(mx.abs(a))
    simple = mx.isfinite(length) & (length != 0)
    scale = mx.where(simple, length, 1)
    x, y = mx.where(simple, mx.real(a), 1) / scale, mx.where(simple, mx.imag(a), 0) / scale
    return mx.where(simple, scale * mx.sqrt(mx.square(x) + mx.square(y)), mx.where(a == 0, 0.0, mx.abs(a)))


@numpy_names
def sign(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """-1, 0 or 1, of the dtype of `input`. Raises NotImplementedError for complex tensors, which have `sgn`."""
    if require_tensor("sign", input)._data.dtype == mx.complex64:
        raise NotImplementedError("sign: not supported for complex tensors; use lucid.sgn")
    return give(apply(mx.sign, input), out, "sign", exact=True)


@numpy_names
def sgn(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The sign of real numbers; for complex numbers `input / abs(input)`, and 0 at 0."""
    d = OF_MX[require_tensor("sgn", input)._data.dtype]
    return give(apply(mx.sign if not d.is_complex else _direction, input), out, "sgn", exact=True)


def _direction(a: mx.array) -> mx.array:
    zero = a == 0
    one = mx.where(zero, 1, a)
    return mx.where(zero, 0, one / _length(one))


@numpy_names
def copysign(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input` with the sign of `other`, elementwise and broadcast; integers give the default floating dtype."""

    if result_type(require_tensor("copysign", input), other).is_complex:
        raise NotImplementedError("copysign: not implemented for complex tensors")

    def signed(a: mx.array, b: mx.array) -> mx.array:
        result = mx.where(sign_bit(a) == sign_bit(b), a, -a)
        return mx.where(a == 0, mx.stop_gradient(result), result)  # PyTorch's gradient at 0 is 0

    return give(binary_float(signed, input, other), out, "copysign")


@numpy_names
def heaviside(input: Tensor, values: Tensor, *, out: Tensor | None = None) -> Tensor:
    """0 where `input` is negative, `values` where it is 0, 1 where it is positive.

    Raises RuntimeError unless both are real and of one dtype.
    """
    a, b = require_tensor("heaviside", input), require_tensor("heaviside", values, "values")
    if a._data.dtype != b._data.dtype or a._data.dtype == mx.complex64:
        raise RuntimeError(
            f"heaviside: expected real input and values of one dtype, got {OF_MX[a._data.dtype]!r} "
            f"and {OF_MX[b._data.dtype]!r}"
        )

    def step(x: mx.array, at_zero: mx.array) -> mx.array:
        return mx.where(x == 0, at_zero, (x > 0).astype(x.dtype))

    return give(apply(step, a, b), out, "heaviside")
