"""Python's operators on tensors, each a direct way to its op: this is the hottest path of all.

What is no operand gives NotImplemented, so that Python asks the other side and then raises TypeError (and `==` gives
False). Numpy arrays take part as tensors.
"""

from __future__ import annotations

from builtins import bool as _bool
from collections.abc import Callable
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


Operator = Callable[[Any, Any], "Tensor"]


def _direct(name: str, fn: Callable[..., mx.array], through: Any = binary) -> Operator:
    """The operator that calls a function of two arrays, by way of `through`."""

    def operator(self: Any, other: Any) -> Any:
        if other.__class__ is self.__class__ or isinstance(other, OPERANDS):  # the first alone would be slow to say no
            return through(fn, self, other)
        return _with_numpy(name, self, other)

    return _named(name, operator)


def _operator(name: str, op: Operator, operands: Any = OPERANDS) -> Operator:
    def operator(self: Any, other: Any) -> Any:
        if other.__class__ is self.__class__ or isinstance(other, operands):
            return op(self, other)
        return _with_numpy(name, self, other)

    return _named(name, operator)


def _reflected(name: str, op: Operator, operands: Any = OPERANDS) -> Operator:
    return _operator(name, lambda self, other: op(other, self), operands)


def _in_place(name: str, op: Operator) -> Operator:
    """What is no operand gives NotImplemented here too: Python then computes `a = a + b` instead."""
    method = f"{op.__name__}_"

    def operator(self: Any, other: Any) -> Any:
        return into(self, op(self, other), method) if isinstance(other, OPERANDS) else NotImplemented

    return _named(name, operator)


def _named(name: str, operator: Operator) -> Operator:
    operator.__name__, operator.__qualname__ = name, f"Tensor.{name}"
    return operator


class Operators(Core):
    """The part of `lucid.Tensor` that Python's operators reach."""

    __slots__ = ()
    __array_priority__ = 1000  # numpy leaves `ndarray + tensor` to us
    __hash__ = object.__hash__

    __add__ = _direct("__add__", mx.add)
    __radd__ = _direct("__radd__", mx.add)
    __mul__ = _direct("__mul__", mx.multiply)
    __rmul__ = _direct("__rmul__", mx.multiply)
    __sub__, __rsub__ = _operator("__sub__", _sub), _reflected("__rsub__", _sub)
    __truediv__, __rtruediv__ = _operator("__truediv__", _div), _reflected("__rtruediv__", _div)
    __div__, __rdiv__ = __truediv__, __rtruediv__
    __floordiv__, __rfloordiv__ = _operator("__floordiv__", _floor_divide), _reflected("__rfloordiv__", _floor_divide)
    __mod__, __rmod__ = _operator("__mod__", _remainder), _reflected("__rmod__", _remainder)
    __pow__, __rpow__ = _operator("__pow__", _pow), _reflected("__rpow__", _pow)
    __matmul__ = _operator("__matmul__", _matmul, _TENSOR)
    __rmatmul__ = _reflected("__rmatmul__", _matmul, _TENSOR)

    __and__, __rand__ = _operator("__and__", _bitwise_and), _operator("__rand__", _bitwise_and)
    __or__, __ror__ = _operator("__or__", _bitwise_or), _operator("__ror__", _bitwise_or)
    __xor__, __rxor__ = _operator("__xor__", _bitwise_xor), _operator("__rxor__", _bitwise_xor)
    __lshift__ = _operator("__lshift__", _bitwise_left_shift)
    __rlshift__ = _reflected("__rlshift__", _bitwise_left_shift)
    __rshift__ = _operator("__rshift__", _bitwise_right_shift)
    __rrshift__ = _reflected("__rrshift__", _bitwise_right_shift)

    __eq__ = _direct("__eq__", mx.equal)  # type: ignore[assignment]
    __ne__ = _direct("__ne__", mx.not_equal)  # type: ignore[assignment]
    __lt__ = _direct("__lt__", mx.less, ordered)
    __le__ = _direct("__le__", mx.less_equal, ordered)
    __gt__ = _direct("__gt__", mx.greater, ordered)
    __ge__ = _direct("__ge__", mx.greater_equal, ordered)

    __iadd__ = _in_place("__iadd__", plain(ops.add))
    __isub__ = _in_place("__isub__", _sub)
    __imul__ = _in_place("__imul__", plain(ops.mul))
    __itruediv__ = _in_place("__itruediv__", _div)
    __idiv__ = __itruediv__
    __ifloordiv__ = _in_place("__ifloordiv__", _floor_divide)
    __imod__ = _in_place("__imod__", _remainder)
    __ipow__ = _in_place("__ipow__", _pow)
    __iand__ = _in_place("__iand__", _bitwise_and)
    __ior__ = _in_place("__ior__", _bitwise_or)
    __ixor__ = _in_place("__ixor__", _bitwise_xor)
    __ilshift__ = _in_place("__ilshift__", _bitwise_left_shift)
    __irshift__ = _in_place("__irshift__", _bitwise_right_shift)

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
