"""Tensors filled with one value, and the identity matrix."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import dtypes
from lucid._from_data import as_number
from lucid._tape import TensorCore
from lucid.creation._place import check_shape, finish, kind_for, options, running_on, sizes_of
from lucid.ops._dims import shape_of
from lucid.ops._fits import fitting
from lucid.ops._out import give
from lucid.ops._promotion import number_dtype
from lucid.ops.geometry import laid_out_as
from lucid.ops.memory_formats import contiguous_format
from lucid.ops.pieces import as_strided

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "empty",
    "empty_like",
    "empty_permuted",
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
    data = _filled("zeros", sizes, size, 0, kind_for(out, dtype), layout, device)
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
    data = _filled("ones", sizes, size, 1, kind_for(out, dtype), layout, device)
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
    data = _filled("empty", sizes, size, 0, kind_for(out, dtype), layout, device, memory_format)
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
    """A tensor to be filled, of the given strides. It holds zeros.

    Raises RuntimeError for negative strides, and if the two differ in number.
    """
    shape, strides = shape_of((size,), "empty_strided"), shape_of((stride,), "empty_strided")
    if len(shape) != len(strides):
        raise RuntimeError(
            f"empty_strided: dimensionality of sizes ({len(shape)}) must match that of strides ({len(strides)})"
        )
    check_shape(shape, "empty_strided")
    dense = tuple(math.prod(shape[k + 1 :]) for k in range(len(shape)))
    if 0 in shape or strides == dense:
        return empty(shape, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)
    count = 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))
    memory = empty(max(count, 1), dtype=dtype, layout=layout, device=device)
    found = as_strided(memory, shape, strides)
    return found.requires_grad_() if requires_grad else found


def empty_permuted(
    size: Any,
    physical_layout: Any,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A tensor to be filled whose dimensions lie in memory in the order `physical_layout`. It holds zeros.

    Raises RuntimeError unless that names each dimension once.
    """
    shape, order = shape_of((size,), "empty_permuted"), shape_of((physical_layout,), "empty_permuted")
    if sorted(order) != list(range(len(shape))):
        raise RuntimeError(
            f"empty_permuted: expected each of the {len(shape)} dimensions of size once in physical_layout, got {order}"
        )
    check_shape(shape, "empty_permuted")
    strides, step = [0] * len(shape), 1
    for k in reversed(order):
        strides[k], step = step, step * shape[k]
    return empty_strided(shape, strides, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


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
    if isinstance(fill_value, TensorCore):
        if fill_value._data.ndim or fill_value.requires_grad:
            raise TypeError("full(): argument 'fill_value' must be Number, not Tensor; use .item() or expand()")
        fill_value = fill_value.item()
    dtype = kind_for(out, dtype)
    to = number_dtype(fill_value) if dtype is None else dtypes.as_dtype(dtype, "full")
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' must be tuple of ints, not {type(size).__name__}")
    shape = check_shape(shape_of((size,), "full"), "full")
    with running_on(device, to.mx):
        data = mx.full(shape, fitting(fill_value, to.mx, "full"), to.mx)
    return give(finish(data, device, requires_grad), out, "full")


def zeros_like(
    input: Tensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
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
    pin_memory: bool = False,
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
    pin_memory: bool = False,
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
    pin_memory: bool = False,
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
            data = mx.full(input._data.shape, fitting(as_number(value), to, operation), to)
    if input._extra is None or memory_format is contiguous_format:
        return finish(data, device, requires_grad)
    found = laid_out_as(finish(data, device), input)
    return found.requires_grad_() if requires_grad else found


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
    return finish(fitting(s, to.mx, "scalar_tensor", rounds=True), device, requires_grad)


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
    dtype = kind_for(out, dtype)
    columns = n if m is None else m
    if not (hasattr(n, "__index__") and hasattr(columns, "__index__")) or isinstance(n, bool) or isinstance(m, bool):
        raise TypeError(f"eye(): arguments 'n' and 'm' must be int, got {type(n).__name__} and {type(m).__name__}")
    n, columns = n.__index__(), columns.__index__()
    if n < 0 or columns < 0:
        raise RuntimeError(f"eye: n and m must be greater or equal to 0, got {n} and {columns}")
    to = (dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, "eye")).mx
    with running_on(device, to):
        data = mx.eye(n, columns, dtype=to) if n and columns else mx.zeros((n, columns), to)
    return give(finish(data, device, requires_grad), out, "eye")
