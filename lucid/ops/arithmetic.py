"""Arithmetic: the operators `+ - * / // % **` and what belongs to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import dtypes
from lucid._tape import TensorCore, apply
from lucid.ops._out import give
from lucid.ops._promotion import binary, binary_float, number_dtype, promoted, result_type

__all__ = ["add", "mul", "neg", "sub"]

if TYPE_CHECKING:
    from lucid.ops._promotion import Number
    from lucid.tensor import Tensor


def add(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """`input + alpha * other`, broadcast and with type promotion.

    Raises RuntimeError if `alpha` is of a higher category (bool, integer, floating) than the result.

    >>> import lucid
    >>> lucid.add(lucid.tensor([1, 2]), 10)
    tensor([11, 12])
    """
    result = binary(mx.add, input, other) if alpha.__class__ is int and alpha == 1 else _add_scaled("add", input, other, alpha)
    return result if out is None else give(result, out, "add")


def sub(input: Tensor | Number, other: Tensor | Number, *, alpha: Number = 1, out: Tensor | None = None) -> Tensor:
    """`input - alpha * other`, broadcast and with type promotion. Raises RuntimeError for bool tensors, as PyTorch does."""
    result = binary(mx.subtract, input, other) if alpha.__class__ is int and alpha == 1 else _add_scaled("sub", input, other, alpha)
    return result if out is None else give(result, out, "sub")


def mul(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input * other`, broadcast and with type promotion."""
    result = binary(mx.multiply, input, other)
    return result if out is None else give(result, out, "mul")


def neg(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`-input`. Raises RuntimeError for bool tensors."""
    return give(apply(mx.negative, input), out, "neg")


def _add_scaled(name: str, a: Any, b: Any, alpha: Any) -> Tensor:
    to = result_type(a, b)
    if number_dtype(alpha).rank > to.rank:
        raise RuntimeError(f"{name}: for {to!r} inputs, alpha must not be {type(alpha).__name__}")
    sign = alpha if name == "add" else -alpha
    return promoted(lambda x, y: x + y * mx.array(sign, x.dtype), to, a, b)
