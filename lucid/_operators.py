"""Python's operators on tensors, each a direct way to its op: this is the hottest path of all.

What is no operand gives NotImplemented, so that Python asks the other side and then raises TypeError (and `==` gives
False). Numpy arrays take part as tensors.
"""

from __future__ import annotations

from builtins import bool as _bool
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import creation, ops
from lucid._tape import Core, TensorCore
from lucid.ops._out import into
from lucid.ops._promotion import OPERANDS, binary

if TYPE_CHECKING:
    from lucid.tensor import Tensor

_TENSOR: Any = TensorCore


def _with_numpy(operator: str, t: Any, other: Any) -> Any:
    return getattr(t, operator)(creation.tensor(other)) if isinstance(other, np.ndarray) else NotImplemented


class Operators(Core):
    """The part of `lucid.Tensor` that Python's operators reach."""

    __slots__ = ()
    __array_priority__ = 1000  # numpy leaves `ndarray + tensor` to us
    __hash__ = object.__hash__

    def __add__(self: Any, other: Any) -> Tensor:
        return binary(mx.add, self, other) if isinstance(other, OPERANDS) else _with_numpy("__add__", self, other)

    __radd__ = __add__

    def __sub__(self: Any, other: Any) -> Tensor:
        return ops.sub(self, other) if isinstance(other, OPERANDS) else _with_numpy("__sub__", self, other)

    def __rsub__(self: Any, other: Any) -> Tensor:
        return ops.sub(other, self) if isinstance(other, OPERANDS) else _with_numpy("__rsub__", self, other)

    def __mul__(self: Any, other: Any) -> Tensor:
        return binary(mx.multiply, self, other) if isinstance(other, OPERANDS) else _with_numpy("__mul__", self, other)

    __rmul__ = __mul__

    def __truediv__(self: Any, other: Any) -> Tensor:
        return ops.div(self, other) if isinstance(other, OPERANDS) else _with_numpy("__truediv__", self, other)

    def __rtruediv__(self: Any, other: Any) -> Tensor:
        return ops.div(other, self) if isinstance(other, OPERANDS) else _with_numpy("__rtruediv__", self, other)

    __div__, __rdiv__ = __truediv__, __rtruediv__

    def __floordiv__(self: Any, other: Any) -> Tensor:
        return (
            ops.floor_divide(self, other) if isinstance(other, OPERANDS) else _with_numpy("__floordiv__", self, other)
        )

    def __rfloordiv__(self: Any, other: Any) -> Tensor:
        return (
            ops.floor_divide(other, self) if isinstance(other, OPERANDS) else _with_numpy("__rfloordiv__", self, other)
        )

    def __mod__(self: Any, other: Any) -> Tensor:
        return ops.remainder(self, other) if isinstance(other, OPERANDS) else _with_numpy("__mod__", self, other)

    def __rmod__(self: Any, other: Any) -> Tensor:
        return ops.remainder(other, self) if isinstance(other, OPERANDS) else _with_numpy("__rmod__", self, other)

    def __pow__(self: Any, other: Any) -> Tensor:
        return ops.pow(self, other) if isinstance(other, OPERANDS) else _with_numpy("__pow__", self, other)

    def __rpow__(self: Any, other: Any) -> Tensor:
        return ops.pow(other, self) if isinstance(other, OPERANDS) else _with_numpy("__rpow__", self, other)

    def __matmul__(self: Any, other: Any) -> Tensor:
        return ops.matmul(self, other) if isinstance(other, _TENSOR) else _with_numpy("__matmul__", self, other)

    def __rmatmul__(self: Any, other: Any) -> Tensor:
        return ops.matmul(other, self) if isinstance(other, _TENSOR) else _with_numpy("__rmatmul__", self, other)

    def __and__(self: Any, other: Any) -> Tensor:
        return ops.bitwise_and(self, other) if isinstance(other, OPERANDS) else _with_numpy("__and__", self, other)

    def __or__(self: Any, other: Any) -> Tensor:
        return ops.bitwise_or(self, other) if isinstance(other, OPERANDS) else _with_numpy("__or__", self, other)

    def __xor__(self: Any, other: Any) -> Tensor:
        return ops.bitwise_xor(self, other) if isinstance(other, OPERANDS) else _with_numpy("__xor__", self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __lshift__(self: Any, other: Any) -> Tensor:
        return (
            ops.bitwise_left_shift(self, other)
            if isinstance(other, OPERANDS)
            else _with_numpy("__lshift__", self, other)
        )

    def __rlshift__(self: Any, other: Any) -> Tensor:
        return (
            ops.bitwise_left_shift(other, self)
            if isinstance(other, OPERANDS)
            else _with_numpy("__rlshift__", self, other)
        )

    def __rshift__(self: Any, other: Any) -> Tensor:
        return (
            ops.bitwise_right_shift(self, other)
            if isinstance(other, OPERANDS)
            else _with_numpy("__rshift__", self, other)
        )

    def __rrshift__(self: Any, other: Any) -> Tensor:
        return (
            ops.bitwise_right_shift(other, self)
            if isinstance(other, OPERANDS)
            else _with_numpy("__rrshift__", self, other)
        )

    def __eq__(self: Any, other: Any) -> Tensor:  # type: ignore[override]
        return binary(mx.equal, self, other) if isinstance(other, OPERANDS) else _with_numpy("__eq__", self, other)

    def __ne__(self: Any, other: Any) -> Tensor:  # type: ignore[override]
        return binary(mx.not_equal, self, other) if isinstance(other, OPERANDS) else _with_numpy("__ne__", self, other)

    def __lt__(self: Any, other: Any) -> Tensor:
        return ops.lt(self, other) if isinstance(other, OPERANDS) else _with_numpy("__lt__", self, other)

    def __le__(self: Any, other: Any) -> Tensor:
        return ops.le(self, other) if isinstance(other, OPERANDS) else _with_numpy("__le__", self, other)

    def __gt__(self: Any, other: Any) -> Tensor:
        return ops.gt(self, other) if isinstance(other, OPERANDS) else _with_numpy("__gt__", self, other)

    def __ge__(self: Any, other: Any) -> Tensor:
        return ops.ge(self, other) if isinstance(other, OPERANDS) else _with_numpy("__ge__", self, other)

    # In place. Python reads NotImplemented as leave to compute `a = a + b` instead, and to raise TypeError if
    # that fails too.

    def __iadd__(self: Any, other: Any) -> Tensor:
        return into(self, binary(mx.add, self, other)) if isinstance(other, OPERANDS) else NotImplemented

    def __isub__(self: Any, other: Any) -> Tensor:
        return into(self, ops.sub(self, other)) if isinstance(other, OPERANDS) else NotImplemented

    def __imul__(self: Any, other: Any) -> Tensor:
        return into(self, binary(mx.multiply, self, other)) if isinstance(other, OPERANDS) else NotImplemented

    def __itruediv__(self: Any, other: Any) -> Tensor:
        return into(self, ops.div(self, other)) if isinstance(other, OPERANDS) else NotImplemented

    __idiv__ = __itruediv__

    def __ifloordiv__(self: Any, other: Any) -> Tensor:
        return into(self, ops.floor_divide(self, other)) if isinstance(other, OPERANDS) else NotImplemented

    def __imod__(self: Any, other: Any) -> Tensor:
        return into(self, ops.remainder(self, other)) if isinstance(other, OPERANDS) else NotImplemented

    def __ipow__(self: Any, other: Any) -> Tensor:
        return into(self, ops.pow(self, other)) if isinstance(other, OPERANDS) else NotImplemented

    def __iand__(self: Any, other: Any) -> Tensor:
        return into(self, ops.bitwise_and(self, other)) if isinstance(other, OPERANDS) else NotImplemented

    def __ior__(self: Any, other: Any) -> Tensor:
        return into(self, ops.bitwise_or(self, other)) if isinstance(other, OPERANDS) else NotImplemented

    def __ixor__(self: Any, other: Any) -> Tensor:
        return into(self, ops.bitwise_xor(self, other)) if isinstance(other, OPERANDS) else NotImplemented

    def __ilshift__(self: Any, other: Any) -> Tensor:
        return into(self, ops.bitwise_left_shift(self, other)) if isinstance(other, OPERANDS) else NotImplemented

    def __irshift__(self: Any, other: Any) -> Tensor:
        return into(self, ops.bitwise_right_shift(self, other)) if isinstance(other, OPERANDS) else NotImplemented

    __neg__ = ops.neg
    __pos__ = ops.positive
    __abs__ = ops.abs

    def __invert__(self: Any) -> Tensor:
        if self.dtype.is_inexact:
            raise TypeError(
                f"~ (operator.invert) is only implemented on integer and Boolean-type tensors, got {self.dtype!r}"
            )
        return ops.bitwise_not(self)

    def __contains__(self: Any, element: Any) -> _bool:
        if not isinstance(element, OPERANDS):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        return _bool((self == element).any().item())
