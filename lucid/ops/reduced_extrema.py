"""The largest and the smallest element, of all or along a dimension, and where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import return_types
from lucid._tape import TensorCore, apply
from lucid.dtypes import OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give, give_pair
from lucid.ops._reduce import axes_of, evenly, extreme, need_elements, on_rows, pick, position
from lucid.ops.extrema import maximum, minimum

__all__ = ["amax", "amin", "aminmax", "argmax", "argmin", "max", "min"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Dims = int | tuple[int, ...] | list[int] | None


def _no_complex(input: Tensor, operation: str) -> None:
    if input._data.dtype == mx.complex64:
        raise NotImplementedError(f"{operation}(): complex numbers have no order, got a complex64 tensor")


def _need(input: Tensor, axes: tuple[int, ...] | None, operation: str) -> None:
    if input._data.size:
        return
    if axes is None:
        raise RuntimeError(
            f"{operation}(): Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with the 'dim' argument."
        )
    need_elements(input._data.shape, axes, operation)


@numpy_names
def amax(input: Tensor, dim: Dims = (), keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The largest value over `dim`, NaN if there is one. Equal largest values share the gradient evenly."""
    axes = axes_of(dim, input._data.ndim, "amax")
    _need(input, None if dim is None or (isinstance(dim, (tuple, list)) and not dim) else axes, "amax")
    _no_complex(input, "amax")
    return give(apply(lambda a: extreme(mx.max, a, axes, keepdim), input), out, "amax", exact=True)


@numpy_names
def amin(input: Tensor, dim: Dims = (), keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The smallest value over `dim`, NaN if there is one. Equal smallest values share the gradient evenly."""
    axes = axes_of(dim, input._data.ndim, "amin")
    _need(input, None if dim is None or (isinstance(dim, (tuple, list)) and not dim) else axes, "amin")
    _no_complex(input, "amin")
    return give(apply(lambda a: extreme(mx.min, a, axes, keepdim), input), out, "amin", exact=True)


@numpy_names
def aminmax(
    input: Tensor, *, dim: int | None = None, keepdim: bool = False, out: tuple[Tensor, Tensor] | None = None
) -> return_types.aminmax:
    """The smallest and the largest value, of all elements or along `dim`, as `(min, max)`."""
    _no_complex(input, "aminmax")
    axes = None if dim is None else axes_of(wrap_dim(dim, input._data.ndim, "aminmax"), input._data.ndim, "aminmax")
    if axes is not None and input._data.ndim:
        need_elements(input._data.shape, axes, "aminmax")
    elif input._data.size == 0:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
        )
    low, high = apply(lambda a: (extreme(mx.min, a, axes, keepdim), extreme(mx.max, a, axes, keepdim)), input)
    return return_types.aminmax(*give_pair((low, high), out, "aminmax", exact=True))


def _of_all(find: Callable[[mx.array], mx.array], operation: str, input: Tensor) -> Tensor:
    def extreme(a: mx.array) -> mx.array:
        return find(a)

    def shared(a: mx.array) -> mx.array:  # where it is NaN, MLX 0.32.4 gives all elements the gradient NaN
        return evenly(a, find(a))

    extreme.__qualname__ = shared.__qualname__ = operation
    return apply(extreme if input._node is None else shared, input)  # type: ignore[no-any-return]


@numpy_names
def max(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None) -> Any:
    """The largest element: of all, along a dimension, or of each pair in two tensors.

    `max(input)` is a tensor, `max(input, dim)` is `(values, indices)`, where of equal values the first counts and takes
    the gradient, `max(input, other)` is `maximum`. NaN is larger than anything.

    >>> import lucid
    >>> lucid.max(lucid.tensor([[1, 5, 2], [7, 0, 3]]), dim=1).indices
    tensor([1, 0])
    """
    if other is not None or isinstance(dim, TensorCore):
        return maximum(input, dim if other is None else other, out=out)
    if keepdim and dim is None:
        raise TypeError("max(): keepdim needs a dim; without one the result is 0-dim")
    axis = None if dim is None else wrap_dim(dim, input._data.ndim, "max")
    if input._data.size == 0:
        _need(input, None if axis is None else (axis,), "max")
    _no_complex(input, "max")
    if axis is None:
        return give(_of_all(mx.max, "max", input), out, "max", exact=True)

    def fn(a: mx.array) -> tuple[mx.array, mx.array]:
        index = position(mx.argmax, a, axis, True)
        values = pick(a, index, axis)
        return (
            (values, index.astype(mx.int64))
            if keepdim
            else (values.squeeze(axis), index.squeeze(axis).astype(mx.int64))
        )

    return return_types.max(*give_pair(apply(on_rows(fn, input._data.ndim), input), out, "max", exact=True))


@numpy_names
def min(input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None, out: Any = None) -> Any:
    """The smallest element: of all, along a dimension, or of each pair in two tensors.

    `min(input)` is a tensor, `min(input, dim)` is `(values, indices)`, where of equal values the first counts and takes
    the gradient, `min(input, other)` is `minimum`. NaN is smaller than anything.
    """
    if other is not None or isinstance(dim, TensorCore):
        return minimum(input, dim if other is None else other, out=out)
    if keepdim and dim is None:
        raise TypeError("min(): keepdim needs a dim; without one the result is 0-dim")
    axis = None if dim is None else wrap_dim(dim, input._data.ndim, "min")
    if input._data.size == 0:
        _need(input, None if axis is None else (axis,), "min")
    _no_complex(input, "min")
    if axis is None:
        return give(_of_all(mx.min, "min", input), out, "min", exact=True)

    def fn(a: mx.array) -> tuple[mx.array, mx.array]:
        index = position(mx.argmin, a, axis, True)
        values = pick(a, index, axis)
        return (
            (values, index.astype(mx.int64))
            if keepdim
            else (values.squeeze(axis), index.squeeze(axis).astype(mx.int64))
        )

    return return_types.min(*give_pair(apply(on_rows(fn, input._data.ndim), input), out, "min", exact=True))


def _find(find: Any, operation: str, input: Tensor, dim: int | None, keepdim: bool, out: Tensor | None) -> Tensor:
    kind = input._data.dtype
    if kind == mx.complex64 or kind == mx.bool_:
        raise RuntimeError(f"{operation}(): does not support {OF_MX[kind].name} input")
    axis = None if dim is None else wrap_dim(dim, input._data.ndim, operation)
    if input._data.size == 0:
        if axis is None:
            raise IndexError(f"{operation}(): Expected reduction dim to be specified for input.numel() == 0.")
        need_elements(input._data.shape, (axis,), operation)
    axis = axis if input._data.ndim else None

    def fn(a: mx.array) -> mx.array:
        found = position(find, a, axis, keepdim and axis is not None).astype(mx.int64)
        return found.reshape((1,) * a.ndim) if keepdim and axis is None else found

    fn.__qualname__ = operation
    return give(apply(fn, input), out, operation, exact=True)


@numpy_names
def argmax(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The index of the first largest element along `dim`, in int64; without `dim` that in the flattened tensor."""
    return _find(mx.argmax, "argmax", input, dim, keepdim, out)


@numpy_names
def argmin(input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The index of the first smallest element along `dim`, in int64; without `dim` that in the flattened tensor."""
    return _find(mx.argmin, "argmin", input, dim, keepdim, out)
