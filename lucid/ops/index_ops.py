"""Ops that write whole slices: index_add, index_copy, index_fill, index_reduce, put, and the views' copying twins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _views
from lucid._tape import apply, array
from lucid.ops._arguments import numpy_names
from lucid.ops._check import check_tensor, is_tensor
from lucid.ops._dims import shape_of, wrap_dim
from lucid.ops._fits import fitting
from lucid.ops._keys import bounded
from lucid.ops._out import give
from lucid.ops._place import on_cpu_if_wide
from lucid.ops.expansion import broadcast_to
from lucid.ops.gathering import check_index
from lucid.ops.indexing import _assigned
from lucid.ops.pieces import as_strided, diagonal, select
from lucid.ops.scattering import _same_dtype, increase, reduced, replace
from lucid.ops.shape import reshape

__all__ = [
    "as_strided_scatter",
    "diagonal_scatter",
    "index_add",
    "index_copy",
    "index_fill",
    "index_reduce",
    "put",
    "select_scatter",
    "slice_scatter",
    "unravel_index",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_all = slice(None)


def _vector(
    operation: str,
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Any,
    negative: bool = False,
    error: type[Exception] = IndexError,
) -> tuple[int, Any]:
    """The dimension, and the index checked. Raises unless `source` has the shape that `index` asks for."""
    check_tensor(operation, input)
    shape = array(input).shape
    d = wrap_dim(dim, len(shape), operation)
    check_index(operation, index)
    if array(index).ndim > 1:
        raise IndexError(f"{operation}(): Index should have dimension 1 or 0 (got {index._data.ndim})")
    size = shape[d] if shape else 1
    if is_tensor(source):
        have = array(source).shape
        count = have[d] if have and d < len(have) else 1
        if count != index._data.size:
            kind = IndexError if operation == "index_copy" or not have else RuntimeError
            raise kind(
                f"{operation}(): Number of indices ({index._data.size}) should be equal to source.size(dim): "
                f"({count}), for dim: {d}"
            )
        if have and shape and (*have[:d], *have[d + 1 :]) != (*shape[:d], *shape[d + 1 :]):
            kind = IndexError if operation == "index_copy" and len(have) != len(shape) else RuntimeError
            raise kind(
                f"{operation}(): Source/destination tensor must have same slice shapes. Destination slice shape: "
                f"{[s for k, s in enumerate(shape) if k != d]} at dimension {d} and source slice shape: "
                f"{[s for k, s in enumerate(have) if k != d]} "
                f"at dimension {d}."
            )
    if 0 in shape and operation != "index_reduce" and (len(shape) > 1 or operation != "index_add"):
        if size == 0 and index._data.size and operation != "index_add":
            raise RuntimeError(f"{operation}(): index is out of bounds for dimension {d} with size 0")
        return d, index  # there is nothing to write to, and PyTorch does not look
    return d, bounded(index, d, -size if negative else 0, size, error)


def _long(operation: str, index: Any, error: type[Exception]) -> None:
    if is_tensor(index) and array(index).dtype != mx.int64:
        raise error(f"{operation}_(): Expected a long tensor for index, but got {index.dtype!r}")


@numpy_names
def index_add(
    input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1, out: Tensor | None = None
) -> Tensor:
    """A copy of `input` with `alpha * source` added to the slices at `index` along `dim`, as often as an index appears.

    Raises RuntimeError or IndexError for an index out of range and for shapes and dtypes that do not fit.
    """
    check_tensor("index_add", input)
    _same_dtype("index_add", input, source)
    shape = array(input).shape
    error = RuntimeError if len(shape) > 1 else IndexError  # PyTorch's two ways differ
    d, at = _vector("index_add", input, dim, index, source, error=error)
    if alpha.__class__ is not int or alpha != 1:
        alpha = fitting(alpha, input._data.dtype, "index_add")
    if not shape and source._data.ndim:
        raise RuntimeError(
            "index_add: source tensor shape must match self tensor shape. Got self.shape = [] source.shape = "
            f"{list(source._data.shape)}"
        )

    def fn(a: mx.array, i: mx.array, v: mx.array) -> mx.array:
        if i.size == 0 or a.size == 0:
            return a
        v = v if alpha.__class__ is int else v * alpha
        with on_cpu_if_wide(a):
            if not shape:
                return increase(a.reshape(1), i.reshape(-1), v.reshape(-1)).reshape(())
            return increase_slices(a, d, i.reshape(-1), v)

    fn.__qualname__ = "index_add"
    return give(apply(fn, input, at, source), out, "index_add", exact=True)


def increase_slices(a: mx.array, d: int, i: mx.array, v: mx.array) -> mx.array:
    """`a` with the slices `v` added at `i` along `d`."""
    v = v.reshape((*a.shape[:d], i.size, *a.shape[d + 1 :]))
    if a.dtype == mx.bool_:
        return increase_slices(a.astype(mx.int32), d, i, v.astype(mx.int32)) != 0
    return a.at[(_all,) * d + (i,)].add(v)


@numpy_names
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of `input` with the slices of `source` at `index` along `dim`."""
    check_tensor("index_copy", input)
    _same_dtype("index_copy", input, source)
    wrap_dim(dim, array(input).ndim, "index_copy")
    _long("index_copy", index, RuntimeError)
    d, at = _vector("index_copy", input, dim, index, source)
    shape = input._data.shape

    def fn(a: mx.array, i: mx.array, v: mx.array) -> mx.array:
        if i.size == 0 or a.size == 0:
            return a
        if not shape:
            return replace(a.reshape(1), i.reshape(-1), v.reshape(-1)).reshape(())
        return _assigned(a, (_all,) * d + (i.reshape(-1),), v.reshape((*shape[:d], i.size, *shape[d + 1 :])))

    fn.__qualname__ = "index_copy"
    return give(apply(fn, input, at, source), out, "index_copy", exact=True)


@numpy_names
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """A copy of `input` with `value`, a number or a 0-dim tensor, in the slices at `index` along `dim`."""
    _long("index_fill", index, IndexError)
    d, at = _vector("index_fill", input, dim, index, None, negative=True)
    shape, to = input._data.shape, input._data.dtype
    if not is_tensor(value):
        if isinstance(value, complex) and not input.dtype.is_complex:
            raise RuntimeError(
                f"index_fill_(): Converting complex Scalar to non-complex type is not supported, got {value} for "
                f"{input.dtype!r}"
            )
        value = fitting(value, to, "index_fill")
    elif array(value).ndim:
        raise RuntimeError(
            f"index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._data.ndim} "
            "dimension(s)."
        )

    def fn(a: mx.array, i: mx.array, v: mx.array) -> mx.array:
        if i.size == 0 or a.size == 0:
            return a
        i = i.reshape(-1)
        chosen = (
            mx.zeros((shape[d] if shape else 1,), mx.bool_).at[i].maximum(mx.array(True))
        )  # an index may repeat, its gradient may not
        return mx.where(
            chosen.reshape((-1,) + (1,) * (len(shape) - 1 - d)) if shape else chosen.reshape(()), v.astype(to), a
        )

    fn.__qualname__ = "index_fill"
    result: Tensor = apply(fn, input, at, value)
    return result


@numpy_names
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """All slices of `source` with one index along `dim`, and with `include_self` the one of `input`, reduced to one.

    `reduce` is "prod", "mean", "amax" or "amin".
    """
    check_tensor("index_reduce", input)
    _same_dtype("index_reduce", input, source)
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce: reduce argument must be either prod, mean, amax or amin, got {reduce}.")
    d, _ = _vector("index_reduce", input, dim, index, source)
    shape = array(source).shape
    kind = input._data.dtype
    if (kind == mx.bool_ and input._data.ndim < 2) or (kind in (mx.bool_, mx.complex64) and not include_self):
        raise NotImplementedError(
            f"index_reduce: not implemented for {input.dtype!r} in one dimension or without include_self"
        )
    spread = reshape(index, (1,) * d + (-1,) + (1,) * (len(shape) - d - 1)) if shape else reshape(index, ())
    return give(
        reduced("index_reduce", input, d, broadcast_to(spread, shape), source, reduce, include_self),
        out,
        "index_reduce",
        exact=True,
    )


@numpy_names
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `input`, seen as one dimension, with `source` put (or with `accumulate` added) at `index`.

    Raises IndexError for an index out of range or if `index` and `source` differ in size, RuntimeError for dtypes that
    do not fit.
    """
    check_tensor("put", input)
    if not is_tensor(index) or not is_tensor(source):
        raise TypeError("put(): arguments 'index' and 'source' must be Tensors")
    if array(index).dtype != mx.int64:
        raise RuntimeError(f"put_(): Expected a long tensor for index, but got {index.dtype!r}")
    if array(source).dtype != array(input).dtype:
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {input.dtype!r} and "
            f"source.dtype = {source.dtype!r}"
        )
    if index._data.size != source._data.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source._data.size}, "
            f"index.numel() = {index._data.size}"
        )
    size = input._data.size
    at = bounded(index, 0, -size, size)
    combine = increase if accumulate else replace

    def fn(a: mx.array, i: mx.array, v: mx.array) -> mx.array:
        if i.size == 0:
            return a
        i = mx.where(i < 0, i + size, i).reshape(-1)
        with on_cpu_if_wide(a):
            return combine(a.reshape(-1), i, v.reshape(-1)).reshape(a.shape)

    fn.__qualname__ = "put"
    result: Tensor = apply(fn, input, at, source)
    return result


# ---- what writing to a view would do, on a copy ----------------------------------------------------------------------


def _written(operation: str, input: Tensor, src: Any, view: Any) -> Tensor:
    """A copy of `input` after `src` was written to the view `view(copy)`."""
    check_tensor(operation, input)
    if not is_tensor(src):
        raise TypeError(f"{operation}(): argument 'src' must be Tensor, not {type(src).__name__}")

    def clone(a: mx.array) -> mx.array:
        return a

    result: Tensor = apply(clone, input)
    part = view(result)
    if array(part).shape != array(src).shape:
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = {list(src._data.shape)}, slice "
            f"size = {list(part._data.shape)}"
        )
    to = part._data.dtype
    _views.assign(part, apply(lambda v: v.astype(to), src))
    return result


@numpy_names
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """A copy of `input` with `src` at `index` along `dim`.

    Raises RuntimeError if `src` has another shape than that slice.
    """
    return _written("select_scatter", input, src, lambda x: select(x, dim, index))


@numpy_names
def slice_scatter(
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """A copy of `input` with `src` in the slice `start:end:step` along `dim`."""

    def view(x: Tensor) -> Tensor:
        d = wrap_dim(dim, array(x).ndim, "slice_scatter")
        return x[(_all,) * d + (slice(start, end, step),)]

    return give(_written("slice_scatter", input, src, view), out, "slice_scatter", exact=True)


@numpy_names
def diagonal_scatter(input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy of `input` with `src` on a diagonal of the dimensions `dim1` and `dim2`."""
    return _written("diagonal_scatter", input, src, lambda x: diagonal(x, offset, dim1, dim2))


@numpy_names
def as_strided_scatter(
    input: Tensor, src: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
) -> Tensor:
    """A copy of `input` with `src` in the view that `as_strided` makes of it."""
    return _written("as_strided_scatter", input, src, lambda x: as_strided(x, size, stride, storage_offset))


@numpy_names
def unravel_index(indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """The coordinates, one tensor for each dimension, of `indices` into the elements of a tensor of `shape`.

    An index beyond the tensor starts over. Raises TypeError or ValueError for other than integers and sizes.

    >>> import lucid
    >>> lucid.unravel_index(lucid.tensor([1, 5]), (2, 3))
    (tensor([0, 1]), tensor([1, 2]))
    """
    if not is_tensor(indices) or indices.dtype.rank != 1:
        raise TypeError(f"unravel_index: expected 'indices' to be an integer tensor, got {indices!r}")
    sizes = shape_of((shape,) if isinstance(shape, int) else (tuple(shape),), "unravel_index")
    if any(s < 0 for s in sizes):
        raise ValueError(f"unravel_index: 'shape' cannot have negative values, got {sizes}")
    count = math.prod(sizes)
    if array(indices).size and not count:
        raise RuntimeError(f"unravel_index: cannot find coordinates in a tensor without elements, of shape {sizes}")

    def fn(i: mx.array) -> list[mx.array]:
        found = []
        for size in reversed(sizes):
            found.append((i % size).astype(mx.int64))
            i = i // size
        return found[::-1]

    fn.__qualname__ = "unravel_index"
    result: tuple[Tensor, ...] = apply(fn, indices)
    return result


@numpy_names
def fill_diagonal_(input: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Fill the diagonal of `input` in place; with `wrap`, of a tall matrix again below every square. Returns `input`.

    Raises RuntimeError for fewer than 2 dimensions, and for more unless all are equal.
    """
    shape = array(input).shape
    if len(shape) < 2:
        raise RuntimeError(f"fill_diagonal_: dimensions must larger than 1, got {len(shape)}")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError(f"fill_diagonal_: all dimensions of input must be of equal length, got {shape}")
    step = sum(math.prod(shape[k + 1 :]) for k in range(len(shape)))
    end = input._data.size if wrap or len(shape) > 2 else min(shape[0], shape[1]) * shape[1]
    positions = [] if input._data.size == 0 else list(range(0, end, step))
    if wrap and shape[0] > shape[1] + 1:
        gap = shape[1] * (shape[1] + 1)
        positions = [k + j * step for k in range(0, end, gap) for j in range(shape[1]) if k + j * step < end]
    value = fitting(fill_value, input._data.dtype, "fill_diagonal_", rounds=True)

    def fn(a: mx.array, i: mx.array, v: mx.array) -> mx.array:
        return replace(a.reshape(-1), i, mx.broadcast_to(v, i.shape)).reshape(shape) if i.size else a

    fn.__qualname__ = "fill_diagonal"
    return _views.assign(input, apply(fn, input, mx.array(positions, mx.int32), value))
