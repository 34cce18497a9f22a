"""Tensors filled with one value, and the identity matrix."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import dtypes
from lucid._from_data import as_number, from_data
from lucid._tape import TensorCore
from lucid.creation._place import check_shape, finish, options, running_on, sizes_of
from lucid.dtypes import OF_MX
from lucid.ops._dims import shape_of
from lucid.ops._out import give
from lucid.ops._promotion import number_dtype

if TYPE_CHECKING:
    from lucid.tensor import Tensor

__all__ = [
    "empty",
    "empty_like",
    "empty_strided",
    "eye",
    "full",
    "full_like",
    "ones",
    "ones_like",
    "scalar_tensor",
    "zeros",
    "zeros_like",
]

_dtype = dtypes.dtype
_LARGEST = {
    "float16": 65504.0,
    "bfloat16": 3.3895313892515355e38,
    "float32": 3.4028234663852886e38,
    "float64": math.inf,
}


def _filled(
    operation: str,
    sizes: tuple[Any, ...],
    size: Any,
    value: float,
    dtype: Any,
    layout: Any,
    device: Any,
    memory_format: Any = None,
) -> mx.array:
    if layout is not None or memory_format is not None:
        options(operation, layout, memory_format)
    shape = sizes_of(sizes, size, operation)
    to = (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, operation)).mx
    with running_on(device, to):
        return mx.ones(shape, to) if value else mx.zeros(shape, to)


def zeros(
    *sizes: Any,
    size: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    data = _filled("zeros", sizes, size, 0, dtype, layout, device)
    return give(finish(data, device, requires_grad), out, "zeros")


def ones(
    *sizes: Any,
    size: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of ones: `ones(2, 3)` or `ones((2, 3))`."""
    data = _filled("ones", sizes, size, 1, dtype, layout, device)
    return give(finish(data, device, requires_grad), out, "ones")


def empty(
    *sizes: Any,
    size: Any = None,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor to be filled: `empty(2, 3)` or `empty((2, 3))`. MLX has no uninitialised memory, so it holds zeros."""
    data = _filled("empty", sizes, size, 0, dtype, layout, device, memory_format)
    return give(finish(data, device, requires_grad), out, "empty")


def empty_strided(
    size: Any,
    stride: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor to be filled, of row-major strides. Raises NotImplementedError for others: MLX chooses them itself."""
    shape, strides = shape_of((size,), "empty_strided"), shape_of((stride,), "empty_strided")
    if len(shape) != len(strides):
        raise RuntimeError(
            f"empty_strided: dimensionality of sizes ({len(shape)}) must match that of strides ({len(strides)})"
        )
    dense = tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))
    if any(s != d and n > 1 for s, d, n in zip(strides, dense, shape, strict=True)):
        raise NotImplementedError(
            f"empty_strided: expected row-major strides {dense}, got {strides}; use empty(...).permute(...)"
        )
    return empty(shape, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def full(
    size: Any,
    fill_value: Any,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor of shape `size` filled with `fill_value`, whose type gives the dtype unless one is named.

    Raises RuntimeError for a value that the dtype does not hold.

    >>> import lucid
    >>> lucid.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    options("full", layout)
    fill_value = as_number(fill_value)
    to = number_dtype(fill_value) if dtype is None else dtypes.as_dtype(dtype, "full")
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' must be tuple of ints, not {type(size).__name__}")
    shape = check_shape(shape_of((size,), "full"), "full")
    with running_on(device, to.mx):
        data = mx.full(shape, constant(fill_value, to, "full"), to.mx)
    return give(finish(data, device, requires_grad), out, "full")


def constant(value: Any, to: _dtype, operation: str) -> mx.array:
    """A number as a 0-dim array of dtype `to`. Raises RuntimeError if it does not fit."""
    if to.rank == 1:
        if isinstance(value, int) and not -(2**63) <= value < 2**64:
            raise OverflowError(f"{operation}: int too big to convert: {value}")
        limits = np.iinfo(to.numpy)
        low = -int(limits.max) if not limits.min else int(limits.min)  # unsigned dtypes take negative numbers, wrapped
        if isinstance(value, complex) or not math.isfinite(value) or not low <= int(value) <= limits.max:
            raise RuntimeError(f"{operation}: value {value} cannot be converted to type {to!r} without overflow")
        return mx.array(np.array(int(value) % 2 ** (8 * to.itemsize), np.uint64).astype(to.numpy))
    if isinstance(value, complex) and not to.is_complex:
        if value.imag:
            raise RuntimeError(f"{operation}: value {value} cannot be converted to type {to!r} without overflow")
        value = value.real
    if to.is_floating_point and abs(value) > _LARGEST[to.name] and math.isfinite(value):
        raise RuntimeError(f"{operation}: value {value} cannot be converted to type {to!r} without overflow")
    return from_data(value, to)


def zeros_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of zeros, of the shape, dtype and device of `input`."""
    return _like("zeros_like", 0, input, dtype, layout, device, requires_grad, memory_format)


def ones_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of ones, of the shape, dtype and device of `input`."""
    return _like("ones_like", 1, input, dtype, layout, device, requires_grad, memory_format)


def empty_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor to be filled, of the shape, dtype and device of `input`. It holds zeros."""
    return _like("empty_like", 0, input, dtype, layout, device, requires_grad, memory_format)


def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor filled with `fill_value`, of the shape, dtype and device of `input`."""
    return _like("full_like", fill_value, input, dtype, layout, device, requires_grad, memory_format)


def _like(
    operation: str,
    value: Any,
    input: Tensor,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
    memory_format: Any,
) -> Tensor:
    if layout is not None or memory_format is not None:
        options(operation, layout, memory_format)
    if not isinstance(input, TensorCore):
        raise TypeError(f"{operation}(): argument 'input' must be Tensor, not {type(input).__name__}")
    to = input._data.dtype if dtype is None else dtypes.as_dtype(dtype, operation).mx
    if device is None and input._extra is not None and input._extra.device is not None:
        device = input._extra.device
    with running_on(device, to):
        if value.__class__ is int and (value == 0 or value == 1):
            data = mx.ones(input._data.shape, to) if value else mx.zeros(input._data.shape, to)
        else:
            data = mx.full(input._data.shape, constant(as_number(value), OF_MX[to], operation), to)
    return finish(data, device, requires_grad)


def scalar_tensor(
    s: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The number `s` as a 0-dim tensor of the default dtype, or of `dtype`."""
    options("scalar_tensor", layout)
    to = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, "scalar_tensor")
    return finish(constant(s, to, "scalar_tensor"), device, requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """The identity matrix of `n` rows and `m` (default `n`) columns."""
    options("eye", layout)
    columns = n if m is None else m
    if n < 0 or columns < 0:
        raise RuntimeError(f"eye: n and m must be greater or equal to 0, got {n} and {columns}")
    to = (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, "eye")).mx
    with running_on(device, to):
        data = mx.eye(n, columns, dtype=to) if n and columns else mx.zeros((n, columns), to)
    return give(finish(data, device, requires_grad), out, "eye")
