"""The greatest common divisor and the least common multiple of integers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import dtypes
from lucid.dtypes import OF_MX
from lucid.ops._out import give
from lucid.ops._promotion import promoted, require_tensor, result_type

__all__ = ["gcd", "lcm"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_DTYPES = (dtypes.uint8, dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64)
_UNSIGNED = {mx.uint8: mx.uint8, mx.int8: mx.uint8, mx.int16: mx.uint16, mx.int32: mx.uint32, mx.int64: mx.uint64}
# Euclid's algorithm takes longest for neighbours in Fibonacci's sequence: so many steps from the largest of a width.
_STEPS = {1: 13, 2: 24, 4: 47, 8: 93}


def gcd(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The greatest common divisor, which is not negative; of 0 and 0 it is 0.

    (Only where an operand is the smallest number of its dtype, which has no absolute value, the sign may be another,
    as in PyTorch.) Raises NotImplementedError for what is no signed integer or uint8.

    >>> import lucid
    >>> lucid.gcd(lucid.tensor([12, -4, 0]), lucid.tensor([18, 6, 5]))
    tensor([6, 2, 5])
    """
    return give(_integers("gcd", _gcd, input, other), out, "gcd")


def lcm(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The least common multiple, which is not negative unless it overflows; 0 where an operand is.

    >>> import lucid
    >>> lucid.lcm(lucid.tensor([4, -3]), lucid.tensor([6, 5]))
    tensor([12, 15])
    """
    return give(_integers("lcm", _lcm, input, other), out, "lcm")


def _integers(name: str, fn: Any, a: Any, b: Any) -> Tensor:
    to = result_type(require_tensor(name, a), require_tensor(name, b, "other"))
    if to not in _DTYPES:
        raise NotImplementedError(f"{name}: not implemented for {to!r}, expected a signed integer dtype or uint8")
    return promoted(fn, to, a, b)


def _gcd(a: mx.array, b: mx.array) -> mx.array:
    d = OF_MX[a.dtype]
    signed = d.is_signed
    if signed:  # the smallest number is its own absolute value: 2^63 if unsigned
        a_negative, b_negative = (mx.abs(x) < 0 for x in (a, b))
        a, b = (mx.abs(x).astype(_UNSIGNED[x.dtype]) for x in (a, b))
    for _ in range(_STEPS[d.itemsize]):
        done = a == 0
        a, b = mx.remainder(b, mx.maximum(a, 1)), mx.where(done, b, a)
        if signed:  # a remainder has the sign of what was divided
            a_negative, b_negative = b_negative, mx.where(done, b_negative, a_negative)
    value = b.astype(d.mx)
    return mx.where(b_negative, -value, value) if signed else value


def _lcm(a: mx.array, b: mx.array) -> mx.array:
    to = a.dtype
    divisor = _gcd(a, b)
    if to in (mx.int8, mx.int16):  # PyTorch multiplies these as int32 numbers, and cuts off at the end
        a, b, divisor = (x.astype(mx.int32) for x in (a, b, divisor))
    if to != mx.uint8:  # MLX 0.32.4 stops the process for the smallest number divided by -1
        a, divisor = mx.where(divisor < 0, -a, a), mx.abs(divisor)
    lowest = divisor < 0
    quotient = mx.where(lowest, 1, mx.floor_divide(a, mx.where(lowest, 1, mx.maximum(divisor, 1))))
    return mx.where(divisor == 0, 0, mx.abs(quotient * b)).astype(to)
