"""Python's operators on tensors, each a direct way to its op: this is the hottest path of all.

They are named as in Python's own module `operator`, and bound in `lucid._elementwise`.

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
from lucid._tape import TensorCore
from lucid.ops._arguments import plain
from lucid.ops._out import into
from lucid.ops._promotion import OPERANDS, binary
from lucid.ops.comparison import ordered

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_TENSOR: Any = TensorCore

# The ops without the layer that understands other argument names: operators have none.
_bitwise_and = plain(ops.bitwise_and)
_bitwise_left_shift = plain(ops.bitwise_left_shift)
_bitwise_not = plain(ops.bitwise_not)
_bitwise_or = plain(ops.bitwise_or)
_bitwise_right_shift = plain(ops.bitwise_right_shift)
_bitwise_xor = plain(ops.bitwise_xor)
_div = plain(ops.div)
_floor_divide = plain(ops.floor_divide)
_matmul = plain(ops.matmul)
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


def _not_equal(a: mx.array, b: mx.array) -> mx.array:
    return mx.not_equal(a, b)  # looked up in each call: while MLX maps, another one is there (see lucid.func)


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


add: Operator = _direct("__add__", mx.add)
radd: Operator = _direct("__radd__", mx.add)
mul: Operator = _direct("__mul__", mx.multiply)
rmul: Operator = _direct("__rmul__", mx.multiply)
sub: Operator = _operator("__sub__", _sub)
rsub: Operator = _reflected("__rsub__", _sub)
truediv: Operator = _operator("__truediv__", _div)
rtruediv: Operator = _reflected("__rtruediv__", _div)
div: Operator = truediv
rdiv: Operator = rtruediv
floordiv: Operator = _operator("__floordiv__", _floor_divide)
rfloordiv: Operator = _reflected("__rfloordiv__", _floor_divide)
mod: Operator = _operator("__mod__", _remainder)
rmod: Operator = _reflected("__rmod__", _remainder)
pow: Operator = _operator("__pow__", _pow)
rpow: Operator = _reflected("__rpow__", _pow)
matmul: Operator = _operator("__matmul__", _matmul, _TENSOR)
rmatmul: Operator = _reflected("__rmatmul__", _matmul, _TENSOR)

and_: Operator = _operator("__and__", _bitwise_and)
rand: Operator = _operator("__rand__", _bitwise_and)
or_: Operator = _operator("__or__", _bitwise_or)
ror: Operator = _operator("__ror__", _bitwise_or)
xor: Operator = _operator("__xor__", _bitwise_xor)
rxor: Operator = _operator("__rxor__", _bitwise_xor)
lshift: Operator = _operator("__lshift__", _bitwise_left_shift)
rlshift: Operator = _reflected("__rlshift__", _bitwise_left_shift)
rshift: Operator = _operator("__rshift__", _bitwise_right_shift)
rrshift: Operator = _reflected("__rrshift__", _bitwise_right_shift)

eq: Operator = _direct("__eq__", mx.equal)
ne: Operator = _direct("__ne__", _not_equal)
lt: Operator = _direct("__lt__", mx.less, ordered)
le: Operator = _direct("__le__", mx.less_equal, ordered)
gt: Operator = _direct("__gt__", mx.greater, ordered)
ge: Operator = _direct("__ge__", mx.greater_equal, ordered)

iadd: Operator = _in_place("__iadd__", plain(ops.add))
isub: Operator = _in_place("__isub__", _sub)
imul: Operator = _in_place("__imul__", plain(ops.mul))
itruediv: Operator = _in_place("__itruediv__", _div)
idiv: Operator = itruediv
ifloordiv: Operator = _in_place("__ifloordiv__", _floor_divide)
imod: Operator = _in_place("__imod__", _remainder)
ipow: Operator = _in_place("__ipow__", _pow)
iand: Operator = _in_place("__iand__", _bitwise_and)
ior: Operator = _in_place("__ior__", _bitwise_or)
ixor: Operator = _in_place("__ixor__", _bitwise_xor)
ilshift: Operator = _in_place("__ilshift__", _bitwise_left_shift)
irshift: Operator = _in_place("__irshift__", _bitwise_right_shift)


neg: Callable[[Any], Tensor] = plain(ops.neg)
pos: Callable[[Any], Tensor] = plain(ops.positive)
abs: Callable[[Any], Tensor] = plain(ops.abs)


def invert(self: Any) -> Tensor:
    if self.dtype.is_inexact:
        raise TypeError(
            f"~ (operator.invert) is only implemented on integer and Boolean-type tensors, got {self.dtype!r}"
        )
    return _bitwise_not(self)


def contains(self: Any, element: Any) -> _bool:
    if not isinstance(element, OPERANDS):
        raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")
    return _bool((self == element).any().item())
