"""Ranges of numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import dtypes
from lucid._from_data import as_number, from_numpy_array
from lucid._tape import TensorCore
from lucid.creation._place import finish, kind_for, options, running_on
from lucid.ops._fits import fitting
from lucid.ops._out import give
from lucid.ops._promotion import number

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["arange", "linspace", "logspace"]

_dtype = dtypes.dtype


def plain_number(value: Any, operation: str) -> Any:
    """`value`, which may be numpy's or a tensor, as Python's number. Raises TypeError unless it is a real one."""
    value = value.item() if isinstance(value, np.generic) else as_number(value)
    if not isinstance(value, (int, float)):
        raise TypeError(f"{operation}: expected numbers, got {type(value).__name__}")
    return value


def arange(
    start: Any = None,
    end: Any = None,
    step: Any = 1,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Numbers from `start` (0) up to, not including, `end`, in steps of `step`.

    Their dtype is int64, or the default dtype if any of the three is a float.
    Raises RuntimeError for a zero step, for one that leads away from `end`, and for bounds that are not finite.

    >>> import lucid
    >>> lucid.arange(3), lucid.arange(1, 2, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000]))
    """
    options("arange", layout)
    dtype = kind_for(out, dtype)
    if end is None:
        if start is None:
            raise TypeError("arange() missing 1 required positional argument: 'end'")
        start, end = 0, start
    start = 0 if start is None else start
    start, end, step = plain_number(start, "arange"), plain_number(end, "arange"), plain_number(step, "arange")
    if dtype is None:
        floating = any(isinstance(v, float) for v in (start, end, step))
        to = dtypes.get_default_dtype() if floating else dtypes.int64
    else:
        to = dtypes.as_dtype(dtype, "arange")
    if to.rank in (0, 3):
        raise NotImplementedError(f"arange: expected an integer or floating dtype, got {to!r}")
    if not math.isfinite(start) or not math.isfinite(end) or math.isnan(step):
        raise RuntimeError(f"arange: unsupported range: {start} -> {end}")
    if step == 0:
        raise RuntimeError("arange: step must be nonzero")
    if to is dtypes.int64:
        start, end, step = int(start), int(end), int(step)
        if step == 0:
            raise ValueError("arange: step must be nonzero, and as an int64 it is 0; name a floating dtype")
    if (end - start) * step < 0:
        raise RuntimeError(
            f"arange: upper bound and lower bound inconsistent with step sign: {start} to {end} by {step}"
        )
    whole = all(isinstance(v, int) for v in (start, end, step))
    n = -((start - end) // step) if whole else math.ceil((end - start) / step)
    with running_on(device, to.mx):
        data = _steps(start, step, n, to)
    return give(finish(data, device, requires_grad), out, "arange")


def _steps(start: Any, step: Any, n: int, to: _dtype) -> mx.array:
    if n == 0:
        return mx.zeros((0,), to.mx)
    if to.rank == 1:
        start, step = int(start), int(step)
        if step == 0:  # a fraction of one: PyTorch counts the steps before it cuts them off
            return mx.full((n,), number(start, to.mx), to.mx)
        if max(abs(start), abs(start + n * step)) < 2**31:
            return mx.arange(start, start + n * step, step, dtype=to.mx)
        found = np.arange(n, dtype=np.int64) * step + start if to is not dtypes.uint64 else None
        return mx.array(
            np.array([start + k * step for k in range(n)], np.uint64) if found is None else found.astype(to.numpy)
        )
    if isinstance(start, int) and isinstance(step, int) and max(abs(start), abs(start + n * step)) < 2**24:
        return mx.arange(start, start + n * step, step, dtype=mx.float32).astype(to.mx)
    return mx.array(
        (start + step * np.arange(n, dtype=np.float64)), mx.float64 if to is dtypes.float64 else mx.float32
    ).astype(to.mx)


def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` numbers from `start` to `end`, both included, at equal distances.

    >>> import lucid
    >>> lucid.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    options("linspace", layout)
    dtype = kind_for(out, dtype)
    return give(_spaced("linspace", start, end, steps, None, dtype, device, requires_grad), out, "linspace")


def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`base` raised to `steps` numbers from `start` to `end`, both included, at equal distances."""
    options("logspace", layout)
    dtype = kind_for(out, dtype)
    return give(_spaced("logspace", start, end, steps, base, dtype, device, requires_grad), out, "logspace")


def _spaced(
    operation: str, start: Any, end: Any, steps: int, base: float | None, dtype: Any, device: Any, requires_grad: bool
) -> Tensor:
    for bound in (start, end):
        if isinstance(bound, TensorCore) and bound._data.ndim:
            raise RuntimeError(
                f"{operation} only supports 0-dimensional start and end tensors, got {bound._data.ndim} dimension(s)"
            )
    start, end = as_number(start), as_number(end)
    if not hasattr(steps, "__index__"):
        raise TypeError(f"{operation}: expected an int for steps, got {type(steps).__name__}")
    if steps < 0:
        raise RuntimeError(f"{operation}: number of steps must be non-negative, got {steps}")
    if dtype is None:
        to = dtypes.get_default_dtype()
        to = to.to_complex() if isinstance(start, complex) or isinstance(end, complex) else to
    else:
        to = dtypes.as_dtype(dtype, operation)
    if to.rank == 0:
        raise NotImplementedError(f"{operation}: expected a dtype of numbers, got bool")
    if not to.is_complex and (isinstance(start, complex) or isinstance(end, complex)):
        raise RuntimeError(f"{operation}: the complex bounds {start} and {end} cannot be converted to {to!r}")
    if to.rank == 1:
        start, end = (int(fitting(v, to.mx, operation).item()) for v in (start, end))  # type: ignore[arg-type]
    values = np.linspace(start, end, steps) if steps != 1 else np.array([start])
    if base is not None:
        with np.errstate(all="ignore"):
            values = np.power(np.complex128(base) if base < 0 and to.is_complex else float(base), values)
    with running_on(device, to.mx):
        return finish(from_numpy_array(np.asarray(values), to), device, requires_grad)
