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
from lucid.ops._arguments import plain
from lucid.ops._out import into
from lucid.ops._promotion import OPERANDS, binary
from lucid.ops.comparison import ordered

if TYPE_CHECKING:
    from lucid.tensor import Tensor

_TENSOR: Any = TensorCore

# The ops without the layer that understands other argument names: operators have none.
_abs = plain(ops.abs)
_bitwise_and = plain(ops.bitwise_and)
_bitwise_left_shift = plain(ops.bitwise_left_shift)
_bitwise_not = plain(ops.bitwise_not)
_bitwise_or = plain(ops.bitwise_or)
_bitwise_right_shift = plain(ops.bitwise_right_shift)
_bitwise_xor = plain(ops.bitwise_xor)
_div = plain(ops.div)
_floor_divide = plain(ops.floor_divide)
_matmul = plain(ops.matmul)
_neg = plain(ops.neg)
_positive = plain(ops.positive)
_pow = plain(ops.pow)
_remainder = plain(ops.remainder)
_sub = plain(ops.sub)


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
        return _sub(self, other) if isinstance(other, OPERANDS) else _with_numpy("__sub__", self, other)

    def __rsub__(self: Any, other: Any) -> Tensor:
        return _sub(other, self) if isinstance(other, OPERANDS) else _with_numpy("__rsub__", self, other)

    def __mul__(self: Any, other: Any) -> Tensor:
        return binary(mx.multiply, self, other) if isinstance(other, OPERANDS) else _with_numpy("__mul__", self, other)

    __rmul__ = __mul__

    def __truediv__(self: Any, other: Any) -> Tensor:
        return _div(self, other) if isinstance(other, OPERANDS) else _with_numpy("__truediv__", self, other)

    def __rtruediv__(self: Any, other: Any) -> Tensor:
        return _div(other, self) if isinstance(other, OPERANDS) else _with_numpy("__rtruediv__", self, other)

    __div__, __rdiv__ = __truediv__, __rtruediv__

    def __floordiv__(self: Any, other: Any) -> Tensor:
        return _floor_divide(self, other) if isinstance(other, OPERANDS) else _with_numpy("__floordiv__", self, other)

    def __rfloordiv__(self: Any, other: Any) -> Tensor:
        return _floor_divide(other, self) if isinstance(other, OPERANDS) else _with_numpy("__rfloordiv__", self, other)

    def __mod__(self: Any, other: Any) -> Tensor:
        return _remainder(self, other) if isinstance(other, OPERANDS) else _with_numpy("__mod__", self, other)

    def __rmod__(self: Any, other: Any) -> Tensor:
        return _remainder(other, self) if isinstance(other, OPERANDS) else _with_numpy("__rmod__", self, other)

    def __pow__(self: Any, other: Any) -> Tensor:
        return _pow(self, other) if isinstance(other, OPERANDS) else _with_numpy("__pow__", self, other)

    def __rpow__(self: Any, other: Any) -> Tensor:
        return _pow(other, self) if isinstance(other, OPERANDS) else _with_numpy("__rpow__", self, other)

    def __matmul__(self: Any, other: Any) -> Tensor:
        return _matmul(self, other) if isinstance(other, _TENSOR) else _with_numpy("__matmul__", self, other)

    def __rmatmul__(self: Any, other: Any) -> Tensor:
        return _matmul(other, self) if isinstance(other, _TENSOR) else _with_numpy("__rmatmul__", self, other)

    def __and__(self: Any, other: Any) -> Tensor:
        return _bitwise_and(self, other) if isinstance(other, OPERANDS) else _with_numpy("__and__", self, other)

    def __or__(self: Any, other: Any) -> Tensor:
        return _bitwise_or(self, other) if isinstance(other, OPERANDS) else _with_numpy("__or__", self, other)

    def __xor__(self: Any, other: Any) -> Tensor:
        return _bitwise_xor(self, other) if isinstance(other, OPERANDS) else _with_numpy("__xor__", self, other)

    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__

    def __lshift__(self: Any, other: Any) -> Tensor:
        return (
            _bitwise_left_shift(self, other) if isinstance(other, OPERANDS) else _with_numpy("__lshift__", self, other)
        )

    def __rlshift__(self: Any, other: Any) -> Tensor:
        return (
            _bitwise_left_shift(other, self) if isinstance(other, OPERANDS) else _with_numpy("__rlshift__", self, other)
        )

    def __rshift__(self: Any, other: Any) -> Tensor:
        return (
            _bitwise_right_shift(self, other) if isinstance(other, OPERANDS) else _with_numpy("__rshift__", self, other)
        )

    def __rrshift__(self: Any, other: Any) -> Tensor:
        return (
            _bitwise_right_shift(other, self)
            if isinstance(other, OPERANDS)
            else _with_numpy("__rrshift__", self, other)
        )

    def __eq__(self: Any, other: Any) -> Tensor:  # type: ignore[override]
        return binary(mx.equal, self, other) if isinstance(other, OPERANDS) else _with_numpy("__eq__", self, other)

    def __ne__(self: Any, other: Any) -> Tensor:  # type: ignore[override]
        return binary(mx.not_equal, self, other) if isinstance(other, OPERANDS) else _with_numpy("__ne__", self, other)

    def __lt__(self: Any, other: Any) -> Tensor:
        return ordered(mx.less, self, other) if isinstance(other, OPERANDS) else _with_numpy("__lt__", self, other)

    def __le__(self: Any, other: Any) -> Tensor:
        return (
            ordered(mx.less_equal, self, other) if isinstance(other, OPERANDS) else _with_numpy("__le__", self, other)
        )

    def __gt__(self: Any, other: Any) -> Tensor:
        return ordered(mx.greater, self, other) if isinstance(other, OPERANDS) else _with_numpy("__gt__", self, other)

    def __ge__(self: Any, other: Any) -> Tensor:
        return (
            ordered(mx.greater_equal, self, other)
            if isinstance(other, OPERANDS)
            else _with_numpy("__ge__", self, other)
        )

    # In place. Python reads NotImplemented as leave to compute `a = a + b` instead, and to raise TypeError if
    # that fails too.

    def __iadd__(self: Any, other: Any) -> Tensor:
        return into(self, binary(mx.add, self, other), "add_") if isinstance(other, OPERANDS) else NotImplemented

    def __isub__(self: Any, other: Any) -> Tensor:
        return into(self, _sub(self, other), "sub_") if isinstance(other, OPERANDS) else NotImplemented

    def __imul__(self: Any, other: Any) -> Tensor:
        return into(self, binary(mx.multiply, self, other), "mul_") if isinstance(other, OPERANDS) else NotImplemented

    def __itruediv__(self: Any, other: Any) -> Tensor:
        return into(self, _div(self, other), "div_") if isinstance(other, OPERANDS) else NotImplemented

    __idiv__ = __itruediv__

    def __ifloordiv__(self: Any, other: Any) -> Tensor:
        return (
            into(self, _floor_divide(self, other), "floor_divide_") if isinstance(other, OPERANDS) else NotImplemented
        )

    def __imod__(self: Any, other: Any) -> Tensor:
        return into(self, _remainder(self, other), "remainder_") if isinstance(other, OPERANDS) else NotImplemented

    def __ipow__(self: Any, other: Any) -> Tensor:
        return into(self, _pow(self, other), "pow_") if isinstance(other, OPERANDS) else NotImplemented

    def __iand__(self: Any, other: Any) -> Tensor:
        return into(self, _bitwise_and(self, other), "bitwise_and_") if isinstance(other, OPERANDS) else NotImplemented

    def __ior__(self: Any, other: Any) -> Tensor:
        return into(self, _bitwise_or(self, other), "bitwise_or_") if isinstance(other, OPERANDS) else NotImplemented

    def __ixor__(self: Any, other: Any) -> Tensor:
        return into(self, _bitwise_xor(self, other), "bitwise_xor_") if isinstance(other, OPERANDS) else NotImplemented

    def __ilshift__(self: Any, other: Any) -> Tensor:
        return (
            into(self, _bitwise_left_shift(self, other), "bitwise_left_shift_")
            if isinstance(other, OPERANDS)
            else NotImplemented
        )

    def __irshift__(self: Any, other: Any) -> Tensor:
        return (
            into(self, _bitwise_right_shift(self, other), "bitwise_right_shift_")
            if isinstance(other, OPERANDS)
            else NotImplemented
        )

    __neg__ = _neg
    __pos__ = _positive
    __abs__ = _abs

    def __invert__(self: Any) -> Tensor:
        if self.dtype.is_inexact:
            raise TypeError(
                f"~ (operator.invert) is only implemented on integer and Boolean-type tensors, got {self.dtype!r}"
            )
        return _bitwise_not(self)

    def __contains__(self: Any, element: Any) -> _bool:
        if not isinstance(element, OPERANDS):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        return _bool((self == element).any().item())
