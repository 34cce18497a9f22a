"""What a tensor's memory looks like: sizes, strides, contiguity. Strides are those that PyTorch would have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _views
from lucid._layout import Layout, dense
from lucid._size import Size
from lucid._tape import apply, array
from lucid.ops._check import check_tensor, is_tensor
from lucid.ops._dims import wrap_dim
from lucid.ops.memory_formats import (
    channels_last,
    channels_last_3d,
    check,
    contiguous_format,
    memory_format,
    preserve_format,
)

__all__ = ["is_nonzero", "is_tensor", "numel"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def size(input: Tensor, dim: int | None = None) -> Any:
    """The shape, or the size of the dimension `dim`. Raises IndexError if it is out of range."""
    shape = array(input).shape
    if dim is None:
        return Size(shape)
    if not shape:
        raise IndexError("size: Dimension specified as 0 but tensor has no dimensions")
    return shape[wrap_dim(dim, len(shape), "size")]


def dim(input: Tensor) -> int:
    """The number of dimensions."""
    return array(input).ndim


def numel(input: Tensor) -> int:
    """The number of elements.

    >>> import lucid
    >>> lucid.numel(lucid.zeros(2, 3))
    6
    """
    check_tensor("numel", input)
    return array(input).size


def is_nonzero(input: Tensor) -> bool:
    """True if the one element of `input` is not zero. Raises RuntimeError unless there is exactly one."""
    check_tensor("is_nonzero", input)
    return bool(input)


def strides_of(t: Tensor) -> tuple[int, ...]:
    """The strides of `t` in elements."""
    array(t)
    return _views.layout(t).strides


def stride(input: Tensor, dim: int | None = None) -> Any:
    """How far apart neighbours along each dimension are, in elements of PyTorch's layout; or along `dim` alone."""
    found = strides_of(input)
    if dim is None:
        return found
    if not found:
        raise IndexError("stride: Dimension specified as 0 but tensor has no dimensions")
    return found[wrap_dim(dim, len(found), "stride")]


def storage_offset(input: Tensor) -> int:
    """Where the first element lies in the memory of the tensor that this one is a view of, counted in elements."""
    array(input)
    return _views.layout(input).offset


def is_contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> bool:
    """True if the elements lie in the order of the dimensions, or in that of `memory_format`."""
    if memory_format is contiguous_format:
        extra = input._extra
        return extra is None or extra.base is None or _views.layout(input).contiguous
    check("is_contiguous", memory_format)
    shape, strides = array(input).shape, strides_of(input)
    if len(shape) != memory_format.ndim:
        return False
    expected = 1
    for k in reversed(memory_format.order):
        if shape[k] != 1 and 0 not in shape:
            if strides[k] != expected:
                return False
            expected *= shape[k]
    return True


def contiguous(input: Tensor, memory_format: memory_format = contiguous_format) -> Tensor:
    """`input` itself if it is contiguous in `memory_format`, else a copy that is."""
    if memory_format is preserve_format:
        raise RuntimeError(
            "contiguous: preserve memory format is unsupported by the contiguous operator; use contiguous_format"
        )
    if is_contiguous(input, memory_format):
        return input
    return copied(input, memory_format)


def copied(input: Tensor, format: memory_format = contiguous_format) -> Tensor:
    """A new tensor with the values of `input`, laid out in `format`."""

    def clone(a: mx.array) -> mx.array:
        return a  # arrays never change: two tensors may share one until one of them is written

    if format in (channels_last, channels_last_3d):
        if array(input).ndim != format.ndim:
            raise RuntimeError(
                f"required rank {format.ndim} tensor to use {format!r} format, got {input._data.ndim} dimensions"
            )
        shape = array(input).shape
        inner = dense(tuple([shape[k] for k in format.order]))
        strides = tuple([inner[format.order.index(k)] for k in range(format.ndim)])
        return _in_order(input, format.order, strides)
    result: Tensor = apply(clone, input)
    return result


Strides = tuple[int, ...]


def _permute(a: mx.array, dims: tuple[int, ...], _: Strides) -> mx.array:
    return mx.transpose(a, dims)


def _permute_back(parent: mx.array, value: mx.array, dims: tuple[int, ...], _: Strides) -> mx.array:
    return mx.transpose(value, tuple(sorted(range(len(dims)), key=dims.__getitem__)))


_OWN = _views.Move(_permute, lambda at, shape, _, strides: Layout(shape, strides), _permute_back, owns=True)


def _in_order(input: Tensor, order: tuple[int, ...], strides: Strides) -> Tensor:
    """A new tensor with the values of `input`, whose dimensions lie in memory in `order`, which gives the `strides`."""

    def laid_out(a: mx.array) -> mx.array:
        return mx.transpose(a, order)

    back = tuple(sorted(range(len(order)), key=order.__getitem__))
    return _views.moved(_OWN, apply(laid_out, input), back, strides)


def laid_out_as(input: Tensor, like: Tensor) -> Tensor:
    """`input`, or a copy of it, with the strides of `like` if the elements of that fill its memory."""
    if like._extra is None:
        return input
    shape, strides = array(like).shape, strides_of(like)
    if strides == dense(shape):
        return input
    order = tuple(sorted(range(len(shape)), key=lambda k: (-strides[k], -shape[k])))
    step = 1
    for k in reversed([] if 0 in shape else [k for k in order if shape[k] > 1]):  # the strides of the others are free
        if strides[k] != step:
            return input
        step *= shape[k]
    return _in_order(input, order, strides)
