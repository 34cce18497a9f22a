"""Comparisons, and tests for special values. Results are bool tensors and never require a gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import TensorCore, apply, array
from lucid.dtypes import OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give
from lucid.ops._promotion import binary, check_operands, require_tensor

__all__ = [
    "allclose",
    "eq",
    "equal",
    "ge",
    "greater",
    "greater_equal",
    "gt",
    "isclose",
    "isfinite",
    "isinf",
    "isnan",
    "isneginf",
    "isposinf",
    "isreal",
    "le",
    "less",
    "less_equal",
    "lt",
    "ne",
    "not_equal",
    "signbit",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.ops._promotion import Number


@numpy_names
def eq(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input == other`, elementwise and broadcast.

    >>> import lucid
    >>> lucid.eq(lucid.tensor([1, 2, 3]), 2)
    tensor([False,  True, False])
    """
    result = binary(mx.equal, require_tensor("eq", input), other)
    return result if out is None else give(result, out, "eq")


@numpy_names
def ne(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input != other`, elementwise and broadcast."""
    result = binary(mx.not_equal, require_tensor("ne", input), other)
    return result if out is None else give(result, out, "ne")


@numpy_names
def lt(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input < other`, elementwise and broadcast. Raises NotImplementedError for complex operands."""
    result = ordered(mx.less, require_tensor("lt", input), other)
    return result if out is None else give(result, out, "lt")


@numpy_names
def le(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input <= other`, elementwise and broadcast. Raises NotImplementedError for complex operands."""
    result = ordered(mx.less_equal, require_tensor("le", input), other)
    return result if out is None else give(result, out, "le")


@numpy_names
def gt(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input > other`, elementwise and broadcast. Raises NotImplementedError for complex operands."""
    result = ordered(mx.greater, require_tensor("gt", input), other)
    return result if out is None else give(result, out, "gt")


@numpy_names
def ge(input: Tensor, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input >= other`, elementwise and broadcast. Raises NotImplementedError for complex operands."""
    result = ordered(mx.greater_equal, require_tensor("ge", input), other)
    return result if out is None else give(result, out, "ge")


not_equal, less, less_equal, greater, greater_equal = ne, lt, le, gt, ge


def ordered(fn: Any, a: Tensor, b: Any) -> Tensor:
    """`fn(a, b)`, one of the four comparisons, refused for complex numbers."""
    result = binary(fn, a, b)
    if a._data.itemsize == 8:
        check_operands(fn, a, b)
    return result


@numpy_names
def equal(input: Tensor, other: Tensor) -> bool:
    """True if both tensors have the same shape and the same elements. NaN equals nothing.

    >>> import lucid
    >>> lucid.equal(lucid.tensor([1, 2]), lucid.tensor([1, 2])), lucid.equal(lucid.tensor([1]), lucid.tensor([1, 2]))
    (True, False)
    """
    a, b = require_tensor("equal", input), require_tensor("equal", other, "other")
    if array(a).shape != array(b).shape:
        return False
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"equal: expected tensors of one dtype, got {OF_MX[a._data.dtype]!r} and {OF_MX[b._data.dtype]!r}"
        )
    return bool(eq(a, b).all().item())


@numpy_names
def isclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """Where `abs(input - other) <= atol + rtol * abs(other)`; infinities are close to themselves.

    Args:
        input: first tensor.
        other: second tensor, of the same dtype.
        rtol: relative tolerance, not negative.
        atol: absolute tolerance, not negative.
        equal_nan: whether two NaNs are close.

    Raises RuntimeError for tensors of two dtypes or a negative tolerance.
    """
    a, b = require_tensor("isclose", input), require_tensor("isclose", other, "other")
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"isclose: expected both tensors in one dtype, got {OF_MX[a._data.dtype]!r} and {OF_MX[b._data.dtype]!r}"
        )
    for name, value in (("rtol", rtol), ("atol", atol)):
        if isinstance(value, TensorCore):
            raise TypeError(f"isclose(): argument '{name}' must be float, not Tensor")
        if not value >= 0:
            raise RuntimeError(f"isclose: {name} must be greater than or equal to zero, but got {value}")
    d = OF_MX[a._data.dtype]

    def close(x: mx.array, y: mx.array) -> mx.array:
        near = x == y
        if d.is_inexact and equal_nan:
            near = near | (mx.isnan(x) & mx.isnan(y))
        if rtol == 0 and atol == 0:
            return near
        if not d.is_inexact:
            wide = mx.float32 if d.itemsize < 3 else mx.float64
            x, y = x.astype(wide), y.astype(wide)
        difference = mx.abs(x - y)
        return near | (mx.isfinite(difference) & (difference <= atol + mx.abs(rtol * y)))

    return apply(close, a, b)  # type: ignore[no-any-return]


@numpy_names
def allclose(input: Tensor, other: Tensor, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """True if every element is close to its partner: see `isclose`.

    >>> import lucid
    >>> lucid.allclose(lucid.tensor([1.0, 2.0]), lucid.tensor([1.0, 2.0 + 1e-7]))
    True
    """
    return bool(isclose(input, other, rtol, atol, equal_nan).all().item())


@numpy_names
def isnan(input: Tensor) -> Tensor:
    """Where `input` is NaN (for complex numbers: where a part is)."""
    return apply(mx.isnan, require_tensor("isnan", input))  # type: ignore[no-any-return]


@numpy_names
def isinf(input: Tensor) -> Tensor:
    """Where `input` is an infinity (for complex numbers: where a part is)."""

    def infinite(a: mx.array) -> mx.array:
        return mx.isinf(a) if a.dtype != mx.complex64 else mx.isinf(mx.real(a)) | mx.isinf(mx.imag(a))

    return apply(infinite, require_tensor("isinf", input))  # type: ignore[no-any-return]


@numpy_names
def isfinite(input: Tensor) -> Tensor:
    """Where `input` is neither NaN nor an infinity."""

    def finite(a: mx.array) -> mx.array:
        return mx.isfinite(a) if a.dtype != mx.complex64 else mx.isfinite(mx.real(a)) & mx.isfinite(mx.imag(a))

    return apply(finite, require_tensor("isfinite", input))  # type: ignore[no-any-return]


@numpy_names
def isposinf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Where `input` is positive infinity. Raises RuntimeError for complex tensors."""
    return give(_signed("isposinf", mx.isposinf, input), out, "isposinf", exact=True)


@numpy_names
def isneginf(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Where `input` is negative infinity. Raises RuntimeError for complex tensors."""
    return give(_signed("isneginf", mx.isneginf, input), out, "isneginf", exact=True)


@numpy_names
def isreal(input: Tensor) -> Tensor:
    """Where the imaginary part of `input` is zero: everywhere, unless it is complex."""

    def no_imaginary_part(a: mx.array) -> mx.array:
        return mx.imag(a) == 0 if a.dtype == mx.complex64 else mx.ones(a.shape, mx.bool_)

    return apply(no_imaginary_part, require_tensor("isreal", input))  # type: ignore[no-any-return]


@numpy_names
def signbit(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Where `input` is negative; negative zero and negative NaN count. Raises RuntimeError for complex tensors."""
    return give(_signed("signbit", sign_bit, input), out, "signbit", exact=True)


def sign_bit(a: mx.array) -> mx.array:
    """`signbit` of an array: for floats, the bit itself."""
    d = OF_MX[a.dtype]
    if not d.is_floating_point:
        return a < 0 if d.is_signed else mx.zeros(a.shape, mx.bool_)
    if d.itemsize < 8:
        return mx.view(mx.stop_gradient(a), mx.int16 if d.itemsize == 2 else mx.int32) < 0
    return mx.view(mx.stop_gradient(a), mx.int64) < 0


def _signed(name: str, fn: Any, input: Tensor) -> Tensor:
    if require_tensor(name, input)._data.dtype == mx.complex64:
        kind = NotImplementedError if name == "signbit" else RuntimeError
        raise kind(f"{name}: does not support complex inputs; apply it to .real or .imag")
    return apply(fn, input)  # type: ignore[no-any-return]
