"""`make_tensor`: random tensors of any dtype, for tests."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lucid import creation, dtypes, random
from lucid._limits import finfo, iinfo
from lucid.ops import repeat_interleave
from lucid.ops._dims import shape_of

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["make_tensor"]


def make_tensor(
    *shape: Any,
    dtype: dtypes.dtype,
    device: Any = None,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Random numbers between `low` and `high` (not included): `make_tensor((2, 3), dtype=lucid.float32)`.

    Args:
        shape: the sizes.
        dtype: the dtype.
        device: where operations on it run.
        low: the lower bound; by default -9 for floats and signed integers, else 0.
        high: the upper bound; by default 9 for floats, 10 for integers, 2 for bools.
        requires_grad: for floating and complex dtypes.
        noncontiguous: leave gaps between the elements, which is possible with more than one.
        exclude_zero: replace 0 by the smallest normal number, or by 1 for integers.
        memory_format: the order in which the dimensions lie in memory.

    Raises ValueError for bounds in the wrong order or beyond the dtype.
    """
    sizes = shape_of(shape, "make_tensor")
    if not isinstance(dtype, dtypes.dtype):
        raise TypeError(f"make_tensor: expected a lucid.dtype, got {dtype!r}")
    if noncontiguous and memory_format is not None:
        raise ValueError(f"make_tensor: noncontiguous and memory_format cannot be combined, got {memory_format!r}")
    if requires_grad and not dtype.is_inexact:
        raise ValueError(f"make_tensor: requires_grad is for floating and complex dtypes, got {dtype!r}")
    first, last = _bounds(dtype, low, high)
    if dtype.is_inexact:
        parts = [random.rand(sizes, dtype=dtype.to_real(), device=device) * (last - first) + first]
        if dtype.is_complex:
            parts.append(random.rand(sizes, dtype=dtype.to_real(), device=device) * (last - first) + first)
        result = creation.complex(*parts) if dtype.is_complex else parts[0]
    else:
        result = random.randint(math.ceil(first), math.ceil(last), sizes, dtype=dtype, device=device)
    if exclude_zero:
        result[result == 0] = finfo(dtype).tiny if dtype.is_inexact else 1
    if noncontiguous and result.numel() > 1:
        result = repeat_interleave(result, 2, dim=-1)[..., ::2]
    elif memory_format is not None:
        result = result.clone(memory_format=memory_format)
    return result.requires_grad_() if requires_grad else result


def _bounds(dtype: dtypes.dtype, low: float | None, high: float | None) -> tuple[float, float]:
    least: float
    most: float
    if dtype.is_inexact:
        least, most, usual = finfo(dtype).min, finfo(dtype).max, (-9.0, 9.0)
    elif dtype.rank == 0:
        least, most, usual = 0, 2, (0, 2)
    else:
        least, most = iinfo(dtype).min, iinfo(dtype).max
        usual = (-9 if dtype.is_signed else 0, 10)
    first, last = usual[0] if low is None else low, usual[1] if high is None else high
    if math.isnan(first) or math.isnan(last):
        raise ValueError(f"make_tensor: `low` and `high` cannot be NaN, but got {low=} and {high=}")
    if not first < last:
        raise ValueError(f"make_tensor: `low` must be less than `high`, but got {first} >= {last}")
    if last <= least or first > most:
        raise ValueError(f"make_tensor: [{first}, {last}) has no number of {dtype!r}, which go from {least} to {most}")
    return max(first, least), min(last, most)
