"""Ops of three tensors in one: interpolation, and products or quotients that are added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import TensorCore, apply
from lucid.dtypes import OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._fits import fitting
from lucid.ops._out import give
from lucid.ops._promotion import number_dtype, promoted, require_tensor, result_type

__all__ = ["addcdiv", "addcmul", "lerp"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.ops._promotion import Number


@numpy_names
def lerp(input: Tensor, end: Tensor, weight: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input + weight * (end - input)`, computed from the nearer end so that weights 0 and 1 are exact.

    Raises RuntimeError unless all tensors are of one floating or complex dtype.

    >>> import lucid
    >>> lucid.lerp(lucid.tensor([0.0, 10.0]), lucid.tensor([10.0, 20.0]), 0.5)
    tensor([ 5., 15.])
    """
    tensors = [require_tensor("lerp", input), require_tensor("lerp", end, "end")]
    if isinstance(weight, TensorCore):
        tensors.append(weight)
    found = [OF_MX[t._data.dtype] for t in tensors]
    if any(d is not found[0] for d in found):
        raise RuntimeError(f"lerp: expected one dtype for input, end and weight, got {', '.join(map(repr, found))}")
    if not found[0].is_inexact:
        raise NotImplementedError(f"lerp: not implemented for {found[0]!r}, expected a floating or complex dtype")

    def between(a: mx.array, b: mx.array, w: mx.array) -> mx.array:
        return mx.where(mx.abs(w) < 0.5, a + w * (b - a), b - (b - a) * (1 - w))

    between.__qualname__ = "lerp" if len(tensors) == 2 else "lerp_tensor"  # one is linear
    if not isinstance(weight, TensorCore) and isinstance(weight, complex) and not found[0].is_complex:
        raise RuntimeError(f"lerp: weight cannot be converted to {found[0]!r}, got the complex number {weight}")
    return give(promoted(between, found[0], input, end, weight), out, "lerp", exact=len(tensors) == 3)


@numpy_names
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1, out: Tensor | None = None) -> Tensor:
    """`input + value * tensor1 * tensor2`, broadcast and with type promotion."""
    return give(_added("addcmul", input, tensor1, tensor2, value), out, "addcmul")


@numpy_names
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Number = 1, out: Tensor | None = None) -> Tensor:
    """`input + value * tensor1 / tensor2`, broadcast and with type promotion.

    Raises RuntimeError if all tensors are integers.
    """
    return give(_added("addcdiv", input, tensor1, tensor2, value), out, "addcdiv")


def _added(name: str, input: Tensor, tensor1: Tensor, tensor2: Tensor, value: Any) -> Tensor:
    require_tensor(name, input), require_tensor(name, tensor1, "tensor1"), require_tensor(name, tensor2, "tensor2")
    to = result_type(input, tensor1, tensor2)
    divides = name == "addcdiv"
    if divides and not result_type(tensor1, tensor2).is_inexact:
        raise RuntimeError(
            "addcdiv: integer division of tensor1 by tensor2 is not supported; use input + value * "
            "lucid.div(tensor1, tensor2, "
            "rounding_mode='trunc'), or convert to a floating dtype"
        )
    if to.rank == 0:
        raise NotImplementedError(f"{name}: not implemented for bool tensors; convert them first")
    if number_dtype(value).is_complex and not to.is_complex:
        raise RuntimeError(f"{name}: for {to!r} inputs, argument value must not be {type(value).__name__}")
    half = to.is_floating_point and to.itemsize == 2  # computed in float32, as PyTorch does
    scale = None if value.__class__ is int and value == 1 else fitting(value, mx.float32 if half else to.mx, name)

    def added(a: mx.array, b: mx.array, c: mx.array) -> mx.array:
        if scale is not None:
            b = scale * b
        return a + (b / c if divides else b * c)

    added.__qualname__ = name
    if not half:
        return promoted(added, to, input, tensor1, tensor2)

    def rounded(*arrays: mx.array) -> mx.array:
        return added(*[a.astype(to.mx).astype(mx.float32) for a in arrays]).astype(to.mx)

    rounded.__qualname__ = name
    return apply(rounded, input, tensor1, tensor2)  # type: ignore[no-any-return]
