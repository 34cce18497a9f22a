"""Logic on truth values, and operations on the bits of integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import TensorCore, apply
from lucid.dtypes import INEXACT, OF_MX, dtype
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give
from lucid.ops._promotion import binary, promoted, require_one_tensor, require_tensor, result_type

__all__ = [
    "bitwise_and",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.ops._promotion import Number


@numpy_names
def logical_and(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Where both are true; numbers other than zero are."""
    return give(_logical("logical_and", mx.logical_and, input, other), out, "logical_and")


@numpy_names
def logical_or(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Where at least one is true; numbers other than zero are."""
    return give(_logical("logical_or", mx.logical_or, input, other), out, "logical_or")


@numpy_names
def logical_xor(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Where exactly one is true; numbers other than zero are.

    >>> import lucid
    >>> lucid.logical_xor(lucid.tensor([0, 1, 2]), lucid.tensor([1, 1, 0]))
    tensor([ True, False,  True])
    """
    return give(_logical("logical_xor", mx.not_equal, input, other), out, "logical_xor")


@numpy_names
def logical_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Where `input` is zero or False."""
    return give(apply(lambda a: a == 0, require_tensor("logical_not", input)), out, "logical_not")


def _logical(name: str, fn: Any, a: Any, b: Any) -> Tensor:
    require_tensor(name, a)
    require_tensor(name, b, "other")

    def truth(x: mx.array, y: mx.array) -> mx.array:
        return fn(x != 0, y != 0)  # type: ignore[no-any-return]

    truth.__qualname__ = name
    return apply(truth, a, b)  # type: ignore[no-any-return]


@numpy_names
def bitwise_and(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input & other` for integers and bools."""
    result = _bits("bitwise_and", mx.bitwise_and, input, other)
    return result if out is None else give(result, out, "bitwise_and")


@numpy_names
def bitwise_or(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input | other` for integers and bools."""
    result = _bits("bitwise_or", mx.bitwise_or, input, other)
    return result if out is None else give(result, out, "bitwise_or")


@numpy_names
def bitwise_xor(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input ^ other` for integers and bools."""
    result = _bits("bitwise_xor", mx.bitwise_xor, input, other)
    return result if out is None else give(result, out, "bitwise_xor")


@numpy_names
def bitwise_not(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`~input`: for bools their negation, for integers `-input - 1`. Raises NotImplementedError for other dtypes."""
    d = OF_MX[require_tensor("bitwise_not", input)._data.dtype]
    if d.is_inexact:
        raise NotImplementedError(f"bitwise_not: expected an integer or bool tensor, got {d!r}")
    result: Tensor = apply(mx.bitwise_invert if d.rank else mx.logical_not, input)
    return result if out is None else give(result, out, "bitwise_not", exact=True)


@numpy_names
def bitwise_left_shift(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input << other` for integers.

    What is shifted out is lost; a shift by less than 0 or by the width or more gives 0.
    """
    return give(_shift("bitwise_left_shift", True, input, other), out, "bitwise_left_shift")


@numpy_names
def bitwise_right_shift(input: Tensor | Number, other: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input >> other` for integers, keeping the sign.

    A shift by less than 0 or by the width or more leaves the sign alone.
    """
    return give(_shift("bitwise_right_shift", False, input, other), out, "bitwise_right_shift")


def _bits(name: str, fn: Any, a: Any, b: Any) -> Tensor:
    if isinstance(a, TensorCore) and isinstance(b, TensorCore):
        dtype = a._data.dtype
        if dtype not in INEXACT and dtype == b._data.dtype:
            return apply(fn, a, b)  # type: ignore[no-any-return]
    require_one_tensor(name, a, b)
    to = result_type(a, b)
    if to.is_inexact:
        raise NotImplementedError(f"{name}: expected integers or bools, got {to!r}")
    return binary(fn, a, b)


def _shift(name: str, left: bool, a: Any, b: Any) -> Tensor:
    require_one_tensor(name, a, b)
    to: dtype = result_type(a, b)
    if not to.rank == 1:
        raise NotImplementedError(f"{name}: expected integers, got {to!r}")
    width = 8 * to.itemsize

    def shifted(x: mx.array, by: mx.array) -> mx.array:
        inside = (by >= 0) & (by < width)
        if left:
            return mx.where(inside, mx.left_shift(x, mx.where(inside, by, 0)), 0)
        return (
            mx.right_shift(x, mx.where(inside, by, width - 1))
            if to.is_signed
            else mx.where(inside, mx.right_shift(x, by), 0)
        )

    shifted.__qualname__ = name
    return promoted(shifted, to, a, b)
