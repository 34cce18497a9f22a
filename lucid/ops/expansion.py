"""Views with dimensions of size 1 more or less, and with some repeated. Writing to one writes to what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._layout import Layout
from lucid._tape import array
from lucid._views import Move, moved
from lucid.ops._check import check_tensor
from lucid.ops._dims import shape_of, wrap_dim, wrap_dims
from lucid.ops.shape import fold_back, one_of

__all__ = ["broadcast_to", "squeeze", "unsqueeze"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Shape = tuple[int, ...]


def _unsqueeze(a: mx.array, dim: int) -> mx.array:
    return mx.expand_dims(a, dim)


def _unsqueeze_trace(at: Layout, shape: Shape, dim: int) -> Layout:
    d = dim if dim >= 0 else dim + len(shape)
    step = at.shape[d] * at.strides[d] if d < len(at.shape) else 1
    return Layout(shape, (*at.strides[:d], step, *at.strides[d:]), at.offset)


_UNSQUEEZE = Move(_unsqueeze, _unsqueeze_trace, fold_back)


def unsqueeze(input: Tensor, dim: int | None = None, *, axis: int | None = None) -> Tensor:
    """`input` with a dimension of size 1 put in at `dim`. Raises IndexError out of range [-n - 1, n]."""
    try:
        return moved(_UNSQUEEZE, input, dim)
    except (ValueError, TypeError, RuntimeError, IndexError):
        check_tensor("unsqueeze", input)
        if dim is None and axis is None:
            raise TypeError("unsqueeze() missing 1 required positional arguments: 'dim'") from None
        dim = axis if dim is None else dim
        return unsqueeze(input, wrap_dim(dim, array(input).ndim + 1, "unsqueeze"))


def squeeze(
    input: Tensor, dim: int | Sequence[int] | None = None, *, axis: int | Sequence[int] | None = None
) -> Tensor:
    """`input` without its dimensions of size 1: all of them, or those among `dim`."""
    check_tensor("squeeze", input)
    shape = array(input).shape
    dim = axis if dim is None else dim
    if dim is None:
        dims: Sequence[int] = range(len(shape))
    elif isinstance(dim, Sequence) and not dim:
        dims = ()
    else:
        dims = wrap_dims(dim, len(shape), "squeeze")
    kept = tuple([k for k, s in enumerate(shape) if s != 1 or k not in dims])
    return moved(_SQUEEZE, input, tuple([shape[k] for k in kept]), kept)


def _squeeze(a: mx.array, shape: Sequence[Any], _: Any) -> mx.array:
    return mx.reshape(a, shape)


def _squeeze_trace(at: Layout, shape: Shape, _: Any, kept: Shape) -> Layout:
    return Layout(shape, tuple([at.strides[k] for k in kept]), at.offset)


_SQUEEZE = Move(_squeeze, _squeeze_trace, fold_back)


def expand(input: Tensor, *sizes: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """`input` repeated, without copying, along its dimensions of size 1 and along new ones in front; -1 keeps a size.

    Raises RuntimeError if a size does not fit.
    """
    if not sizes and size is None:
        raise TypeError("expand() missing 1 required positional arguments: 'size'")
    return _expanded("expand", input, one_of(sizes) if size is None else size)


def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """`input.expand(other.shape)`."""
    return _expanded("expand", input, array(other).shape)


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """`input` expanded to the shape `size`. Raises RuntimeError if it does not fit."""
    check_tensor("broadcast_to", input)
    return _expanded("expand", input, size)


def _expanded(operation: str, input: Tensor, wanted: Sequence[Any]) -> Tensor:
    have = array(input).shape
    for s in wanted:
        if s.__class__ is not int:
            wanted = shape_of((tuple(wanted),), operation)
            break
    lead = len(wanted) - len(have)
    if lead < 0:
        raise RuntimeError(
            f"{operation}: the number of sizes provided ({len(wanted)}) must be greater or equal to the number of "
            "dimensions in the "
            f"tensor ({len(have)})"
        )
    shape = (*wanted[:lead], *[old if new == -1 else new for new, old in zip(wanted[lead:], have, strict=True)])
    for k, new in enumerate(shape):
        if new < 0:
            raise RuntimeError(
                f"{operation}: The expanded size of the tensor ({new}) isn't allowed in a leading, non-existing "
                f"dimension {k}"
            )
        if k >= lead and new != have[k - lead] != 1:
            raise RuntimeError(
                f"{operation}: The expanded size of the tensor ({new}) must match the existing size "
                f"({have[k - lead]}) at "
                f"non-singleton dimension {k}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(have)}"
            )
    return moved(_EXPAND, input, shape)


def _expand(a: mx.array, shape: Sequence[int]) -> mx.array:
    return mx.broadcast_to(a, shape)


def _expand_trace(at: Layout, shape: Shape, _: Any) -> Layout:
    lead = len(shape) - len(at.shape)
    strides = [s if old == new else 0 for s, old, new in zip(at.strides, at.shape, shape[lead:], strict=True)]
    for k in range(lead - 1, -1, -1):
        strides.insert(0, shape[k + 1] * strides[0] if shape[k] == 1 and at.shape else 0)
    return Layout(shape, tuple(strides), at.offset)


_EXPAND = Move(_expand, _expand_trace, fold_back)  # `assign` lets nothing through that is repeated
