"""Python numbers that are written into a tensor: PyTorch refuses what the dtype does not hold, MLX wraps it around."""

from __future__ import annotations

import math
import sys
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.dtypes import OF_MX, dtype

_LARGEST = {mx.float16: 65504.0, mx.bfloat16: 3.3895313892515355e38, mx.float32: 3.4028234663852886e38}
_LARGEST[mx.complex64] = _LARGEST[mx.float32]


def largest(to: mx.Dtype) -> float:
    """The largest number of a floating or complex dtype."""
    return _LARGEST.get(to, sys.float_info.max)


def fitting(value: Any, to: mx.Dtype, operation: str, *, rounds: bool = False) -> mx.array:
    """The number `value` as a 0-dim array of dtype `to`.

    A float loses its fraction, a negative int wraps around in an unsigned dtype. Raises RuntimeError for a number
    beyond the dtype, unless it `rounds` to infinity in one of 16 bits, and OverflowError for an int beyond 64 bits.
    """
    kind = value.__class__
    if (kind is float or kind is int) and to == mx.float32 and -1e18 < value < 1e18:
        return mx.array(float(value), mx.float32)  # by far the most frequent
    if isinstance(value, np.generic):
        value = value.item()
    d = OF_MX[to]
    if not isinstance(value, (int, float, complex)):
        raise TypeError(f"{operation}(): argument must be Number, not {type(value).__name__}")
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        raise OverflowError(f"{operation}: int too big to convert: {value}")
    if d.rank == 0:
        return mx.array(bool(value))
    if isinstance(value, complex) and not d.is_complex:
        if value.imag:
            raise _refused(operation, value, d)
        value = value.real
    if d.rank == 1:
        return _integer(value, d, operation)
    if not (rounds and d.itemsize == 2) and any(
        abs(part) > largest(to) and math.isfinite(part) for part in (value.real, value.imag)
    ):
        raise _refused(operation, value, d)
    return mx.array(value if isinstance(value, complex) else float(value), to)


def _integer(value: Any, d: dtype, operation: str) -> mx.array:
    limits = np.iinfo(d.numpy)
    low = int(limits.min)
    if not low and isinstance(value, int):
        low = -int(limits.max)
    if not math.isfinite(value) or not low <= value <= int(limits.max):
        raise _refused(operation, value, d)
    return mx.array(np.array(int(value) % 2 ** (8 * d.itemsize), np.uint64).astype(d.numpy))


def _refused(operation: str, value: Any, d: dtype) -> RuntimeError:
    return RuntimeError(f"{operation}: value {value} cannot be converted to type {d!r} without overflow")
