"""Where a new tensor is made and what its arguments may be."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _views
from lucid._device import as_device, default, device
from lucid._tape import TensorCore, wrap
from lucid.dtypes import as_dtype
from lucid.ops._dims import shape_of
from lucid.ops.memory_formats import check_layout

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_NOWHERE = contextlib.nullcontext()


def finish(data: mx.array, device: Any = None, requires_grad: bool = False) -> Tensor:
    """`data` as a new tensor on `device`. Raises TypeError for float64 on a GPU, which has none."""
    t = wrap(data)
    if device is not None:
        where = as_device(device)
        _views.pin(t, where)
    if data.dtype == mx.float64:
        check_float64(t.device)
    return t.requires_grad_() if requires_grad else t


def kind_for(out: Any, dtype: Any) -> Any:
    """`dtype`, or that of `out` if none is named. Raises RuntimeError if the two differ."""
    if not isinstance(out, TensorCore):
        return dtype
    if dtype is not None and as_dtype(dtype, "out=") is not out.dtype:
        raise RuntimeError(f"dtype {dtype!r} does not match dtype of out parameter ({out.dtype!r})")
    return out.dtype


def check_float64(where: device) -> None:
    """Raise TypeError unless `where` computes in float64."""
    if where.type != "cpu":
        raise TypeError(f"float64 lives on the CPU only, not on {where.type}; call .cpu() first, or use lucid.float32")


def running_on(device: Any, kind: mx.Dtype) -> Any:
    """A context that sends MLX operations to `device`. Raises TypeError if `kind` is float64 and that is a GPU."""
    if device is None:
        if kind == mx.float64:
            check_float64(default())
        return _NOWHERE
    where = as_device(device)
    if kind == mx.float64:
        check_float64(where)
    return _NOWHERE if where.mx == mx.default_device() else mx.stream(where.mx)


def options(operation: str, layout: Any = None, memory_format: Any = None) -> None:
    """Accept the layout and memory format that every tensor has, and raise NotImplementedError for others."""
    check_layout(operation, layout)
    if memory_format is not None and not str(memory_format).endswith(("contiguous_format", "preserve_format")):
        raise NotImplementedError(
            f"{operation}: memory_format {memory_format!r} is not supported, MLX chooses it itself; leave it out"
        )


def sizes_of(sizes: tuple[Any, ...], size: Any, operation: str) -> tuple[int, ...]:
    """The shape asked for by `f(2, 3)`, `f((2, 3))` or `f(size=(2, 3))`."""
    if size is not None:
        sizes = (size,)
    elif not sizes:
        raise TypeError(f"{operation}() missing 1 required positional arguments: 'size'")
    return check_shape(shape_of(sizes, operation), operation)


def check_shape(shape: tuple[int, ...], operation: str) -> tuple[int, ...]:
    """`shape`. Raises RuntimeError if a size is negative."""
    for size in shape:
        if size < 0:
            raise RuntimeError(f"{operation}: Trying to create tensor with negative dimension {size}: {list(shape)}")
    return shape
