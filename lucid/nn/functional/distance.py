"""Distances and similarities of vectors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid._tape import apply
from lucid.nn.functional import _check
from lucid.ops._dims import wrap_dim
from lucid.ops._promotion import promote_types, result_type
from lucid.ops.norms import vector_norm

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["cosine_similarity", "pairwise_distance", "pdist"]


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; norms are at least `eps`. Both arguments are broadcast.

    >>> import lucid
    >>> lucid.nn.functional.cosine_similarity(lucid.tensor([[1.0, 0.0]]), lucid.tensor([[1.0, 1.0]]))
    tensor([0.7071])
    """
    _check.tensor("cosine_similarity", "x1", x1)
    _check.tensor("cosine_similarity", "x2", x2)
    dtype = promote_types(x1.dtype, x2.dtype)
    if not dtype.is_floating_point:
        raise RuntimeError(
            f"cosine_similarity: expected common dtype to be floating point, yet common dtype is {dtype!r}"
        )
    kept = dtype.mx
    wide = mx.float32 if kept in _check.HALF else kept
    axis = wrap_dim(dim, max(x1.ndim, x2.ndim), "cosine_similarity")

    def length(v: mx.array, axis: int) -> mx.array:
        norm = vector_norm(v, 2, (axis,), True)
        return norm + mx.stop_gradient(mx.maximum(norm, eps) - norm)  # has the norm's gradient also below eps

    def cosine_similarity(a: mx.array, b: mx.array) -> mx.array:
        a, b = mx.broadcast_arrays(a.astype(wide), b.astype(wide))
        if not a.ndim:
            a, b = a[None], b[None]
        if not a.size:
            return mx.zeros([s for k, s in enumerate(a.shape) if k != axis], kept)
        return mx.sum(a / length(a, axis) * (b / length(b, axis)), axis=axis).astype(kept)

    return apply(cosine_similarity, x1, x2)  # type: ignore[no-any-return]


def pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of `x1 - x2 + eps` along the last dimension."""
    _check.tensor("pairwise_distance", "x1", x1)
    _check.tensor("pairwise_distance", "x2", x2)
    if mx.bool_ in (x1._data.dtype, x2._data.dtype):
        raise RuntimeError("pairwise_distance: bool tensors cannot be subtracted; convert them with .float()")
    kept: Any = result_type(x1, x2, float(eps)).mx
    real = mx.float32 if kept == mx.complex64 else kept
    if not (p >= 0 and p != math.inf) and 0 in (x1.shape[-1:] + x2.shape[-1:]):
        raise RuntimeError(f"pairwise_distance: the {p}-norm of no elements is not defined")

    def pairwise_distance(a: mx.array, b: mx.array) -> mx.array:
        return apart(a.astype(kept), b.astype(kept), p, eps, keepdims=keepdim).astype(real)

    return apply(pairwise_distance, x1, x2)  # type: ignore[no-any-return]


def apart(a: mx.array, b: mx.array, p: float, eps: float, keepdims: bool = False) -> mx.array:
    """The p-norm of `a - b + eps` along the last dimension; of 0-dim arrays, that of the one number."""
    difference = a - b + eps
    if not difference.ndim:
        return vector_norm(difference[None], p, (0,), False)
    return vector_norm(difference, p, (difference.ndim - 1,), keepdims)


def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """The p-norm of the difference of each pair of rows: (0, 1), (0, 2), ..., (1, 2), ...

    Raises RuntimeError unless `input` is 2D.
    """
    if _check.floating("pdist", input).ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = (mx.array(i.astype(np.int32)) for i in np.triu_indices(input.shape[0], 1))

    def pdist(x: mx.array) -> mx.array:
        if not first.size or not x.size:
            return mx.zeros((first.size,), x.dtype)
        return vector_norm(mx.take(x, first, 0) - mx.take(x, second, 0), p, (1,), False).astype(x.dtype)

    return apply(pdist, input)  # type: ignore[no-any-return]
