"""Arithmetic: the operators `+ - * / // %`, negation, and what belongs to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _known, dtypes
from lucid._tape import NeedsValue, TensorCore, apply, array, evaluate, wrap
from lucid.dtypes import OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._fits import fitting
from lucid.ops._out import give
from lucid.ops._promotion import (
    binary,
    binary_float,
    check_operands,
    number,
    number_dtype,
    promoted,
    require_one_tensor,
    require_tensor,
    result_type,
)

__all__ = [
    "add",
    "div",
    "divide",
    "floor_divide",
    "fmod",
    "mul",
    "multiply",
    "neg",
    "negative",
    "positive",
    "remainder",
    "rsub",
    "sub",
    "subtract",
    "true_divide",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.ops._promotion import Number


@numpy_names
def add(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """`input + alpha * other`, broadcast and with type promotion.

    Raises RuntimeError if `alpha` is of a higher category (bool, integer, floating) than the result.

    >>> import lucid
    >>> lucid.add(lucid.tensor([1, 2]), 10)
    tensor([11, 12])
    """
    if alpha.__class__ is int and alpha == 1:
        result = binary(mx.add, input, other)
    else:
        result = _add_scaled("add", input, other, alpha)
    return result if out is None else give(result, out, "add")


@numpy_names
def sub(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """`input - alpha * other`, broadcast and with type promotion.

    Raises RuntimeError for bool tensors, which `logical_xor` subtracts, and if `alpha` is of a higher category than the
    result.
    """
    if alpha.__class__ is int and alpha == 1:
        result = binary(mx.subtract, input, other)
        if result._data.itemsize == 1:
            check_operands(mx.subtract, input, other)
    else:
        check_operands(mx.subtract, input, other)
        result = _add_scaled("sub", input, other, alpha)
    return result if out is None else give(result, out, "sub")


subtract = sub


@numpy_names
def rsub(input: Tensor, other: Tensor | Number, *, alpha: Number = 1) -> Tensor:
    """`other - alpha * input`, broadcast and with type promotion. Raises RuntimeError for bool tensors."""
    require_tensor("rsub", input)
    return sub(other, input, alpha=alpha)


@numpy_names
def mul(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input * other`, broadcast and with type promotion; for bool tensors this is their `and`."""
    result = binary(mx.multiply, input, other)
    return result if out is None else give(result, out, "mul")


multiply = mul


@numpy_names
def div(
    input: Tensor | Number, other: Tensor | Number, *, rounding_mode: str | None = None, out: Tensor | None = None
) -> Tensor:
    """`input / other`, broadcast and with type promotion.

    Args:
        input: the dividend.
        other: the divisor.
        rounding_mode: None for true division, where integers give the default floating dtype; "trunc" rounds the
            quotient towards
            zero and "floor" downwards, and both keep integers.
        out: where to put the result.

    Raises RuntimeError ("ZeroDivisionError") for an integer division by zero with rounding.

    >>> import lucid
    >>> lucid.div(lucid.tensor([7, -7]), 2), lucid.div(lucid.tensor([7, -7]), 2, rounding_mode="trunc")
    (tensor([ 3.5000, -3.5000]), tensor([ 3, -3]))
    """
    if rounding_mode is None:
        result = binary_float(mx.divide, input, other)
    elif not isinstance(rounding_mode, str):
        raise TypeError(f"div(): argument 'rounding_mode' must be str, not {type(rounding_mode).__name__}")
    elif rounding_mode == "floor":
        result = _quotient("div", _floor_divide, _floor_divide_integers, input, other)
    elif rounding_mode == "trunc":
        result = _quotient("div", _trunc_divide, _trunc_divide_integers, input, other)
    else:
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found {rounding_mode!r}"
        )
    return result if out is None else give(result, out, "div")


divide = div


@numpy_names
def true_divide(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input / other` without rounding: `div` with no `rounding_mode`."""
    return div(input, other, out=out)


@numpy_names
def floor_divide(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input // other`, the quotient rounded downwards; integers stay integers.

    Raises RuntimeError ("ZeroDivisionError") for an integer division by zero.
    """
    return give(_quotient("floor_divide", _floor_divide, _floor_divide_integers, input, other), out, "floor_divide")


@numpy_names
def remainder(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input % other` as Python has it: the result has the sign of `other`.

    Raises RuntimeError ("ZeroDivisionError") for integers and a divisor of zero.

    >>> import lucid
    >>> lucid.remainder(lucid.tensor([-3, 3]), 2), lucid.fmod(lucid.tensor([-3, 3]), 2)
    (tensor([1, 1]), tensor([-1,  1]))
    """
    require_one_tensor("remainder", input, other)
    return give(_integral("remainder", _remainder, _remainder_integers, input, other), out, "remainder")


@numpy_names
def fmod(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """The remainder as C has it: the result has the sign of `input`.

    Raises RuntimeError ("ZeroDivisionError") for integers and a divisor of zero.
    """
    return give(_integral("fmod", _fmod, _fmod_integers, require_tensor("fmod", input), other), out, "fmod")


@numpy_names
def neg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`-input`. Raises RuntimeError for bool tensors, which `logical_not` inverts."""
    if require_tensor("neg", input)._data.dtype == mx.bool_:
        raise RuntimeError(
            "neg: negation, the `-` operator, is not supported for a bool tensor; use `~` or logical_not()"
        )
    result: Tensor = apply(mx.negative, input)
    return result if out is None else give(result, out, "neg", exact=True)


negative = neg


@numpy_names
def positive(input: Tensor) -> Tensor:
    """`input` itself. Raises RuntimeError for bool tensors."""
    if require_tensor("positive", input)._data.dtype == mx.bool_:
        raise RuntimeError("positive: the `+` operator is not supported for a bool tensor")
    return input


def _add_scaled(name: str, a: Any, b: Any, alpha: Any) -> Tensor:
    to = result_type(a, b)
    if number_dtype(alpha).rank > max(to.rank, 1):
        raise RuntimeError(f"{name}: for {to!r} inputs, argument alpha must not be {type(alpha).__name__}")
    if isinstance(alpha, bool) and to.rank:
        raise RuntimeError(f"{name}: boolean alpha is only supported for boolean results, got inputs of {to!r}")
    scale = fitting(alpha, to.mx, name)

    def scaled(x: mx.array, y: mx.array) -> mx.array:
        return x + y * scale if name == "add" else x - y * scale

    scaled.__qualname__ = name
    return promoted(scaled, to, a, b)


# ---- rounding division -----------------------------------------------------------------------------------------------
# MLX 0.32.4 stops the process for int_min // -1, gives 0 for x // 0, and floors the rounded quotient of floats (1
# // 0.1 is 9).


def _integral(name: str, floats: Any, integers: Any, a: Any, b: Any) -> Tensor:
    to = result_type(a, b)
    if to.rank in (0, 3):
        raise NotImplementedError(f"{name}: not implemented for {to!r}; convert the operands first")
    if to.rank == 1:
        if not isinstance(a, TensorCore) or a._data.size:
            _check_divisor(name, b, to)
        return promoted(integers, to, a, b)
    if isinstance(b, TensorCore) and b._node is not None and name in ("remainder", "fmod"):
        floats = _with_exact_quotient(floats)
    return promoted(floats, to, a, b)


def _quotient(name: str, floats: Any, integers: Any, a: Any, b: Any) -> Tensor:
    to = result_type(a, b)
    lone = not isinstance(b, TensorCore) or b._data.ndim == 0
    if to.rank != 2 or to.itemsize > 2 or (floats is _trunc_divide and not lone):
        return _integral(name, floats, integers, a, b)
    # PyTorch computes this in float32, and rounds a lone divisor no earlier: rounded numbers have other quotients
    if not isinstance(a, TensorCore):
        a = wrap(number(a, to.mx))
    quotient = promoted(floats, dtypes.float32, a, b)
    return apply(lambda x: x.astype(to.mx), quotient)  # type: ignore[no-any-return]


def _check_divisor(name: str, b: Any, to: dtypes.dtype) -> None:
    if isinstance(b, TensorCore):
        divisor = array(b)
        if _known.within(b, 1, 2**63):
            return
        try:
            evaluate(b)  # the price of an error where PyTorch has one
        except (ValueError, NeedsValue):
            return  # inside mx.compile or mx.vmap there are no values to look at
        values = np.array(divisor, copy=False)
        zero = not values.all()
        if values.size and not _known.is_known(b):
            _known.know(divisor)
        if values.size:
            _known.saw(b, int(values.min()), int(values.max()))
    else:
        zero = int(b) % 2 ** (8 * to.itemsize) == 0
    if zero:
        raise RuntimeError(f"{name}: ZeroDivisionError, integer division or remainder by zero")


def _safe(b: mx.array) -> tuple[mx.array, mx.array | None]:
    """A divisor that the CPU survives, and where it was -1."""
    if not OF_MX[b.dtype].is_signed:
        return mx.where(b == 0, mx.ones_like(b), b), None
    minus = b == -1
    return mx.where(minus | (b == 0), mx.ones_like(b), b), minus


def _floor_divide_integers(a: mx.array, b: mx.array) -> mx.array:
    safe, minus = _safe(b)
    quotient = mx.floor_divide(a, safe)
    return quotient if minus is None else mx.where(minus, -quotient, quotient)


def _trunc_divide_integers(a: mx.array, b: mx.array) -> mx.array:
    safe, minus = _safe(b)
    quotient = mx.floor_divide(a, safe)
    if minus is None:
        return quotient
    inexact = mx.remainder(a, safe) != 0
    quotient = quotient + (inexact & ((a < 0) != (safe < 0))).astype(a.dtype)
    return mx.where(minus, -quotient, quotient)


def _remainder_integers(a: mx.array, b: mx.array) -> mx.array:
    return mx.remainder(a, _safe(b)[0])  # by -1 it is 0, as by 1


def _fmod_integers(a: mx.array, b: mx.array) -> mx.array:
    safe, minus = _safe(b)
    rest = mx.remainder(a, safe)
    return rest if minus is None else mx.where((rest != 0) & ((a < 0) != (safe < 0)), rest - safe, rest)


def _remainder(a: mx.array, b: mx.array) -> mx.array:
    return mx.remainder(a, b)


def _fmod(a: mx.array, b: mx.array) -> mx.array:
    size = mx.abs(b)
    return mx.where(a < 0, -mx.remainder(-a, size), mx.remainder(a, size))


def _with_exact_quotient(rest_of: Callable[[mx.array, mx.array], mx.array]) -> Any:
    """`rest_of` with the exact quotient in its divisor's gradient: MLX 0.32.4 takes floor(a / b), rounded."""

    def rest(a: mx.array, b: mx.array) -> mx.array:
        x, y = mx.stop_gradient(a), mx.stop_gradient(b)
        value = rest_of(x, y)
        quotient = mx.round((x - value) / y)
        by_zero = mx.where(y == 0, mx.floor(x / y), 0)  # infinite, and so is the gradient
        quotient = mx.where(mx.isfinite(quotient), quotient, by_zero)
        return value + (a - x) - quotient * mx.where(mx.isinf(y), 0, b - y)

    rest.__qualname__ = rest_of.__qualname__
    return rest


def _trunc_divide(a: mx.array, b: mx.array) -> mx.array:
    return mx.trunc(mx.stop_gradient(a) / mx.stop_gradient(b))


def _floor_divide(a: mx.array, b: mx.array) -> mx.array:
    a, b = mx.stop_gradient(a), mx.stop_gradient(b)
    rest = _fmod(a, b)
    quotient = (a - rest) / b
    quotient = mx.where((rest != 0) & ((rest < 0) != (b < 0)), quotient - 1, quotient)
    whole = mx.floor(quotient)
    whole = mx.where(quotient - whole > 0.5, whole + 1, whole)
    exact = a / b
    whole = mx.where(quotient == 0, mx.where((exact < 0) | (1 / exact < 0), -0.0, 0.0).astype(whole.dtype), whole)
    return mx.where(b == 0, exact, whole)
