"""In-place ops that change a tensor's shape rather than its values, and what PyTorch's storage methods mean here."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import mlx.core as mx

from lucid import _tape, _views
from lucid._grad_mode import mode
from lucid._tape import Leaf, TensorCore, array, wrap, writing
from lucid.ops import expansion as _expansion
from lucid.ops import shape as _shape
from lucid.ops._check import is_tensor
from lucid.ops._dims import shape_of
from lucid.ops.pieces import as_strided

__all__ = ["resize_as_"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

T = TypeVar("T", bound="Tensor")


def reseat(t: Tensor, view: Callable[[Tensor], Tensor]) -> Tensor:
    """Make `t` the view that `view` gives of what it was.

    Views made of it before keep looking at it, not at what it was.
    """
    array(t)
    if isinstance(t._node, Leaf) and mode.grad:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
    writing(t)
    was = wrap(t._data)
    was._node, was._extra, was._writes = t._node, t._extra, t._writes
    found = view(was)
    t._data, t._node, t._extra = found._data, found._node, found._extra
    if t._node is not None:
        t._node.out = weakref.ref(t)
    t._writes += 1
    return t


def squeeze_(input: Tensor, dim: Any = None) -> Tensor:
    """`squeeze` in place: the tensor itself loses its dimensions of size 1."""
    return reseat(input, lambda x: _expansion.squeeze(x, dim))


def unsqueeze_(input: Tensor, dim: int) -> Tensor:
    """`unsqueeze` in place: the tensor itself gets a dimension of size 1."""
    return reseat(input, lambda x: _expansion.unsqueeze(x, dim))


def transpose_(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """`transpose` in place: two dimensions of the tensor itself are exchanged."""
    return reseat(input, lambda x: _shape.transpose(x, dim0, dim1))


def t_(input: Tensor) -> Tensor:
    """`t` in place: the matrix itself is transposed."""
    return reseat(input, _shape.t)


def as_strided_(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """`as_strided` in place: the tensor itself gets the given sizes and strides."""
    return reseat(input, lambda x: as_strided(x, size, stride, storage_offset))


def resize_(input: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Give the tensor another shape; elements that are not in use any more go, new ones are 0.

    Returns the tensor itself.

    Raises RuntimeError for a view and for a tensor that requires a gradient.
    """
    shape = shape_of((_shape.one_of(sizes),), "resize_")
    if memory_format is not None:
        raise NotImplementedError(
            "resize_: memory_format is not supported; call contiguous(memory_format=...) afterwards"
        )
    if any(s < 0 for s in shape):
        raise RuntimeError(f"resize_: Trying to create tensor with negative dimension: {list(shape)}")
    if input.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if _views.is_view(input):
        raise RuntimeError("resize_: a view cannot be resized; clone() it first")
    writing(input)
    old, count = array(input).reshape(-1), math.prod(shape)
    if count > old.size:
        old = mx.concatenate([old, mx.zeros((count - old.size,), old.dtype)])
    input._data = old[:count].reshape(shape)
    if input._extra is not None:
        input._extra = None
    input._writes += 1
    return input


def resize_as_(input: Tensor, other: Tensor, memory_format: Any = None) -> Tensor:
    """`resize_` to the shape of `other`."""
    return resize_(input, array(other).shape, memory_format=memory_format)


def as_subclass(input: Tensor, cls: type[T]) -> T:
    """The tensor as an instance of `cls`, a subclass of `Tensor`, over the same memory and with the same gradients."""
    if not isinstance(cls, type) or not issubclass(cls, TensorCore):
        raise TypeError(f"as_subclass(): cls must be a subclass of Tensor, got {cls!r}")
    found = _shape.reshape(input, array(input).shape)
    new: T = _tape._new(cls)
    new._data, new._node, new._extra = found._data, found._node, found._extra
    new._grad, new._writes = None, 0
    if new._node is not None:
        new._node.out = weakref.ref(new)
    return new


def data_ptr(input: Tensor) -> int:
    """Not available: RuntimeError.

    An array is computed when it is needed and has no address until then, nor a lasting one.
    """
    raise RuntimeError(
        "data_ptr: a tensor has no fixed address, its array is computed lazily and replaced when it is written; "
        "compare tensors with `is`, "
        "or share memory through __dlpack__()"
    )


def pin_memory(input: Tensor, device: Any = None) -> Tensor:
    """The tensor itself: memory is unified, there is nothing to pin."""
    return input


def is_pinned(input: Tensor, device: Any = None) -> bool:
    """False: memory is unified, nothing is pinned."""
    return False


def share_memory_(input: Tensor) -> Tensor:
    """The tensor itself. Arrays are not shared between processes: send `numpy()` instead."""
    return input


def is_shared(input: Tensor) -> bool:
    """False: arrays are not shared between processes."""
    return False


def get_device(input: Tensor) -> int:
    """The index of the GPU, or -1 on the CPU."""
    where = input.device
    return -1 if where.type == "cpu" else where.index or 0


def is_same_size(input: Tensor, other: Tensor) -> bool:
    """True if both have the same shape."""
    if not is_tensor(other):
        raise TypeError(f"is_same_size(): argument 'other' must be Tensor, not {type(other).__name__}")
    return array(input).shape == array(other).shape
