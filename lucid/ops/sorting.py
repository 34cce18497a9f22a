"""Sorting and what is found by it: sort, argsort, topk, kthvalue, and searching in sorted sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import return_types
from lucid._tape import TensorCore, apply
from lucid.ops._arguments import numpy_names
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give, give_pair
from lucid.ops._promotion import number, result_type
from lucid.ops._reduce import on_rows, pick

__all__ = ["argsort", "bucketize", "kthvalue", "msort", "searchsorted", "sort", "topk"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_MANY = 2048  # from here on choosing k elements is cheaper than sorting all


def order(a: mx.array, axis: int, descending: bool = False) -> mx.array:
    """The indices that sort `a` along `axis`, equal elements in their order; NaN counts as the largest."""
    if a.size == 0:
        return mx.zeros(a.shape, mx.uint32)
    if a.shape[axis] == 1:
        return mx.zeros(a.shape, mx.uint32)
    if not descending:
        return mx.argsort(a, axis=axis)
    last = mx.array(a.shape[axis] - 1, mx.uint32)
    return last - flip(
        mx.argsort(flip(a, axis), axis=axis), axis
    )  # twice backwards keeps equal elements in their order


def flip(a: mx.array, axis: int) -> mx.array:
    """`a` backwards along `axis`."""
    return a[(slice(None),) * axis + (slice(None, None, -1),)]


def _no_complex(input: Tensor, operation: str) -> None:
    if input._data.dtype == mx.complex64:
        raise NotImplementedError(f"{operation}(): complex numbers have no order, got a complex64 tensor")


@numpy_names
def sort(
    input: Tensor,
    dim: int = -1,
    descending: bool = False,
    stable: bool | None = False,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> return_types.sort:
    """`input` sorted along `dim`, as `(values, indices)`. Always stable; NaN is larger than anything.

    >>> import lucid
    >>> lucid.sort(lucid.tensor([3, 1, 2])).values
    tensor([1, 2, 3])
    """
    _no_complex(input, "sort")
    axis = wrap_dim(dim, input._data.ndim, "sort")

    def fn(a: mx.array) -> tuple[mx.array, mx.array]:
        index = order(a, axis, descending)
        return pick(a, index, axis), index.astype(mx.int64)

    return return_types.sort(*give_pair(apply(on_rows(fn, input._data.ndim), input), out, "sort", exact=True))


@numpy_names
def argsort(
    input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The indices that sort `input` along `dim`, in int64. Always stable."""
    _no_complex(input, "argsort")
    axis = wrap_dim(dim, input._data.ndim, "argsort")
    fn = on_rows(lambda a: order(a, axis, descending).astype(mx.int64), input._data.ndim)
    return give(apply(fn, input), out, "argsort", exact=True)


@numpy_names
def msort(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """`input` sorted along its first dimension, values only."""
    return give(sort(input, 0).values, out, "msort", exact=True)


@numpy_names
def topk(
    input: Tensor,
    k: int,
    dim: int = -1,
    largest: bool = True,
    sorted: bool = True,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> return_types.topk:
    """The `k` largest (or smallest) elements along `dim`, as `(values, indices)`. They always come sorted.

    Raises RuntimeError if there are fewer than `k`.

    >>> import lucid
    >>> lucid.topk(lucid.tensor([1, 4, 2, 3]), 2).values
    tensor([4, 3])
    """
    _no_complex(input, "topk")
    if input._data.dtype == mx.bool_:
        raise RuntimeError("topk: does not support bool tensors; convert with .int()")
    axis = wrap_dim(dim, input._data.ndim, "topk")
    n = input._data.shape[axis] if input._data.ndim else 1
    if isinstance(k, TensorCore):
        k = int(k)
    if not 0 <= k <= n:
        raise RuntimeError(
            f"topk: selected index k out of range: expected 0 to {n}, the size of dimension {dim}, got {k}"
        )

    def fn(a: mx.array) -> tuple[mx.array, mx.array]:
        index = _chosen(a, k, axis, largest)
        return pick(a, index, axis), index.astype(mx.int64)

    fn = on_rows(fn, input._data.ndim) if k else fn
    if not input._data.ndim and not k:
        raise RuntimeError("topk: a 0-dim tensor has one element; k must be 1, got 0")
    return return_types.topk(*give_pair(apply(fn, input), out, "topk", exact=True))


def _chosen(a: mx.array, k: int, axis: int, largest: bool) -> mx.array:
    """The indices of the first `k` elements in order."""
    n = a.shape[axis]
    front = (slice(None),) * axis + (slice(0, k),)
    if a.size == 0 or n <= _MANY or 4 * k > n:
        return order(a, axis, largest)[front]
    if largest:
        some = mx.argpartition(a, n - k, axis=axis)[(slice(None),) * axis + (slice(n - k, n),)]
    else:
        some = mx.argpartition(a, k - 1, axis=axis)[front] if k else mx.argsort(a, axis=axis)[front]
    some = mx.sort(some, axis=axis)  # in their order in `a`, so that the earlier of equals comes first
    return mx.take_along_axis(some, order(mx.take_along_axis(a, some, axis), axis, largest), axis)


@numpy_names
def kthvalue(
    input: Tensor, k: int, dim: int = -1, keepdim: bool = False, *, out: tuple[Tensor, Tensor] | None = None
) -> return_types.kthvalue:
    """The `k`-th smallest element along `dim`, counted from 1, as `(values, indices)`. NaN is larger than anything."""
    _no_complex(input, "kthvalue")
    axis = wrap_dim(dim, input._data.ndim, "kthvalue")
    if input._data.dtype == mx.bool_ and input._data.ndim:
        raise NotImplementedError("kthvalue: not implemented for bool; convert with .int()")
    n = input._data.shape[axis] if input._data.ndim else 1
    if n == 0:
        raise IndexError(f"kthvalue(): Expected reduction dim {axis} to have non-zero size.")
    if not 1 <= k <= n:
        raise RuntimeError(
            f"kthvalue(): selected number k out of range for dimension {dim}: expected 1 to {n}, got {k}"
        )

    def fn(a: mx.array) -> tuple[mx.array, mx.array]:
        index = order(a, axis)[(slice(None),) * axis + (slice(k - 1, k),)]
        values, index = pick(a, index, axis), index.astype(mx.int64)
        return (values, index) if keepdim else (values.squeeze(axis), index.squeeze(axis))

    return return_types.kthvalue(*give_pair(apply(on_rows(fn, input._data.ndim), input), out, "kthvalue", exact=True))


# ---- searching -------------------------------------------------------------------------------------------------------


def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """Where each value of `input` belongs in `sorted_sequence`, so that it stays sorted along its last dimension.

    Args:
        sorted_sequence: 1-d, or of the same leading sizes as `input`, row by row.
        input: a tensor, or a number if `sorted_sequence` is 1-d.
        out_int32: int32 indices instead of int64.
        right: behind equal elements rather than before them.
        side: "left" or "right", the same as a word.
        sorter: the indices that sort `sorted_sequence`, if it is not sorted itself.
        out: where to put the result.
    """
    if not isinstance(sorted_sequence, TensorCore):
        raise TypeError(
            f"searchsorted(): argument 'sorted_sequence' must be Tensor, not {type(sorted_sequence).__name__}"
        )
    if side not in (None, "left", "right"):
        raise RuntimeError(f"searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    behind = right or side == "right"
    if not isinstance(input, TensorCore):
        if sorted_sequence._data.ndim != 1:
            raise RuntimeError(
                "searchsorted(): input value can be a scalar only when sorted_sequence is 1-dim, "
                f"got shape {tuple(sorted_sequence._data.shape)}"
            )
        values: Any = number(input, result_type(sorted_sequence, input).mx)
        shape: tuple[int, ...] = ()
    else:
        values, shape = input, tuple(input._data.shape)
    rows = tuple(sorted_sequence._data.shape)
    if not rows:
        raise RuntimeError("searchsorted(): sorted_sequence should have at least one dimension, got a 0-dim tensor")
    if len(rows) > 1 and rows[:-1] != shape[:-1]:
        raise RuntimeError(
            "searchsorted(): sorted_sequence should be 1-dim or match input in all dimensions but the last, "
            f"got {rows} and {shape}"
        )
    if sorter is not None:
        if not isinstance(sorter, TensorCore) or sorter._data.shape != sorted_sequence._data.shape:
            raise RuntimeError("searchsorted(): sorter must be a tensor of the shape of sorted_sequence")
        if sorter._data.dtype != mx.int64:
            raise RuntimeError(f"searchsorted(): sorter must be a tensor of long dtype but got {sorter.dtype!r}")
        from lucid import ops

        sorted_sequence = ops.gather(sorted_sequence, -1, sorter)
    kind = mx.int32 if out_int32 else mx.int64

    def fn(edges: mx.array, v: mx.array) -> mx.array:
        return mx.stop_gradient(_search(edges, v, behind).astype(kind))

    return give(apply(fn, sorted_sequence, values), out, "searchsorted", exact=True)


def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False, out: Tensor | None = None
) -> Tensor:
    """Which of the intervals between the 1-d, sorted `boundaries` each value of `input` falls into.

    >>> import lucid
    >>> lucid.bucketize(lucid.tensor([0.5, 2.0, 9.0]), lucid.tensor([1.0, 2.0, 3.0]))
    tensor([0, 1, 3])
    """
    if not isinstance(boundaries, TensorCore):
        raise TypeError(f"bucketize(): argument 'boundaries' must be Tensor, not {type(boundaries).__name__}")
    if boundaries._data.ndim != 1:
        raise RuntimeError(f"bucketize(): boundaries tensor must be 1 dimension, but got dim({boundaries._data.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right, out=out)


def _search(edges: mx.array, values: mx.array, behind: bool) -> mx.array:
    """Binary search in every row at once: as many steps as the length has bits. NaN lies beyond everything."""
    n = edges.shape[-1]
    if values.size == 0 or n == 0:
        return mx.zeros(values.shape, mx.int32)
    if edges.dtype != values.dtype:
        kind = (
            mx.float64 if mx.float64 in (edges.dtype, values.dtype) else (edges[..., :1] + values.reshape(-1)[:1]).dtype
        )
        edges, values = edges.astype(kind), values.astype(kind)
    flat = edges.ndim == 1
    shape = values.shape
    if flat:
        values = values.reshape(-1)
    low = mx.zeros(values.shape, mx.int32)
    high = mx.full(values.shape, n, mx.int32)
    for _ in range(n.bit_length()):
        middle = mx.minimum((low + high) // 2, n - 1)
        found = mx.take(edges, middle) if flat else mx.take_along_axis(edges, middle, -1)
        # "not >" rather than "<=", so that NaN, which compares with nothing, ends up last
        before = mx.logical_not(found > values) if behind else mx.logical_not(found >= values)
        open_ = low < high
        low, high = mx.where(open_ & before, middle + 1, low), mx.where(open_ & mx.logical_not(before), middle, high)
    return low.reshape(shape)
