"""Triangles and diagonals of matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _known, _tape, _views, dtypes
from lucid._device import as_device
from lucid._tape import apply, array
from lucid.ops._arguments import numpy_names
from lucid.ops._check import check_tensor
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops.memory_formats import check_layout
from lucid.ops.pieces import diagonal as _diagonal

__all__ = ["diag", "diag_embed", "diagflat", "tril", "tril_indices", "triu", "triu_indices"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


@numpy_names
def tril(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The lower triangles of matrices, up to `diagonal`; zeros elsewhere.

    Raises RuntimeError for fewer than 2 dimensions.
    """
    return give(_triangle("tril", input, diagonal), out, "tril", exact=True)


@numpy_names
def triu(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The upper triangles of matrices, from `diagonal` on; zeros elsewhere.

    Raises RuntimeError for fewer than 2 dimensions.
    """
    return give(_triangle("triu", input, diagonal), out, "triu", exact=True)


def _triangle(operation: str, input: Tensor, diagonal: int) -> Tensor:
    check_tensor(operation, input)
    shape = array(input).shape
    if len(shape) < 2:
        raise RuntimeError(f"{operation}: input tensor must have at least 2 dimensions")
    rows, columns = shape[-2:]
    edge = min(max(diagonal.__index__(), -rows - 1), columns + 1)  # MLX takes 32-bit numbers here

    def fn(a: mx.array) -> mx.array:
        if a.size == 0:
            return a
        distance = mx.arange(columns) - mx.arange(rows)[:, None]
        return mx.where(distance <= edge if operation == "tril" else distance >= edge, a, mx.array(0, a.dtype))

    fn.__qualname__ = operation
    result: Tensor = apply(fn, input)
    return result


def _indices(operation: str, row: int, col: int, offset: int, dtype: Any, layout: Any, device: Any) -> Tensor:
    check_layout(operation, layout)
    if row < 0 or col < 0:
        raise RuntimeError(f"{operation}: row and col must be non-negative, got {row} and {col}")
    to = dtypes.int64 if dtype is None else dtypes.as_dtype(dtype, operation)
    if to not in (dtypes.int64, dtypes.int32):
        raise NotImplementedError(f'"{operation}" not implemented for {to!r}; use int64 or int32')
    found = (np.tril_indices if operation == "tril_indices" else np.triu_indices)(row, offset, col)
    result = _tape.wrap(_known.know(mx.array(np.stack(found).astype(to.numpy))))
    return result if device is None else _views.pin(result, as_device(device))


@numpy_names
def tril_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """The indices, 2 x n, of the lower triangle of a `row` x `col` matrix up to the diagonal `offset`."""
    return _indices("tril_indices", row.__index__(), col.__index__(), offset.__index__(), dtype, layout, device)


@numpy_names
def triu_indices(
    row: int,
    col: int,
    offset: int = 0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
) -> Tensor:
    """The indices, 2 x n, of the upper triangle of a `row` x `col` matrix from the diagonal `offset` on."""
    return _indices("triu_indices", row.__index__(), col.__index__(), offset.__index__(), dtype, layout, device)


@numpy_names
def diag(input: Tensor, diagonal: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The matrix with a vector on its diagonal, or a copy of the diagonal of a matrix.

    Raises RuntimeError for other shapes.
    """
    check_tensor("diag", input)
    n = array(input).ndim
    if n == 1:
        return give(diag_embed(input, diagonal), out, "diag", exact=True)
    if n != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {n}D")

    def diagonal_copy(a: mx.array) -> mx.array:
        return a

    return give(apply(diagonal_copy, _diagonal(input, diagonal)), out, "diag", exact=True)


@numpy_names
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """The matrix with all elements of `input` on its diagonal."""
    from lucid.ops.shape import reshape

    check_tensor("diagflat", input)
    return diag_embed(reshape(input, (-1,)), offset)


@numpy_names
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Matrices in the dimensions `dim1` and `dim2`, with the last dimension of `input` on their diagonals.

    Raises RuntimeError if they are the same.
    """
    check_tensor("diag_embed", input)
    shape = array(input).shape
    d1, d2 = wrap_dim(dim1, len(shape) + 1, "diag_embed"), wrap_dim(dim2, len(shape) + 1, "diag_embed")
    if d1 == d2:
        raise RuntimeError(f"diag_embed: diagonal dimensions cannot be identical {dim1}, {dim2}")
    if not shape:
        raise IndexError(
            "diag_embed: Dimension out of range (expected a tensor with at least one dimension, but got a 0-dim tensor)"
        )
    count, k = shape[-1], offset if d1 < d2 else -offset
    n = count + abs(k)

    def fn(a: mx.array) -> mx.array:
        if a.size == 0:
            square = mx.zeros((*shape[:-1], n, n), a.dtype)
        else:
            padded = mx.pad(a, [(0, 0)] * (a.ndim - 1) + [(0, abs(k))]) if k else a
            on = mx.arange(n) - mx.arange(n)[:, None] == k
            square = mx.where(on, padded[..., :, None] if k >= 0 else padded[..., None, :], mx.array(0, a.dtype))
        return mx.moveaxis(mx.moveaxis(square, -2, min(d1, d2)), -1, max(d1, d2))

    fn.__qualname__ = "diag_embed"
    result: Tensor = apply(fn, input)
    return result
