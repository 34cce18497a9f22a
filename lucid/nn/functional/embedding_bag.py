"""Looking up rows of a table and reducing them by bags."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _known
from lucid._tape import apply
from lucid.dtypes import FLOATING, OF_MX
from lucid.nn.functional import _check
from lucid.nn.functional._index import clamped, in_bounds
from lucid.nn.functional.embedding import renormalise, rows_of

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["embedding_bag"]

MODES = ("sum", "mean", "max")  # by PyTorch's numbers for them
_INDICES = (mx.int64, mx.int32)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """The sum, mean or maximum of the rows of `weight` in each bag of indices.

    Args:
        input: indices of rows, int32 or int64: a bag in each row of shape (B, N), or all bags one after the other.
        weight: shape (num_embeddings, embedding_dim).
        offsets: for 1D `input`, where each bag begins; the first has to be 0.
        max_norm: rows in use with a larger norm are scaled down to it first, in `weight` itself.
        norm_type: which norm `max_norm` means.
        scale_grad_by_freq: divide each row's gradient by the number of times it is used; not for "max".
        mode: "sum", "mean" or "max".
        sparse: has to be False: MLX has no sparse gradients.
        per_sample_weights: for mode "sum", a factor for each index.
        include_last_offset: `offsets` has one more element at its end, where the last bag ends.
        padding_idx: a row that counts nowhere and receives no gradient.

    Returns shape (B, embedding_dim), with zeros for an empty bag. Raises ValueError or RuntimeError for arguments that
    do not fit.

    >>> import lucid
    >>> table = lucid.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> lucid.nn.functional.embedding_bag(lucid.tensor([0, 1, 2]), table, lucid.tensor([0, 2]), mode="sum")
    tensor([[4., 6.],
            [5., 6.]])
    """
    _check.tensor("embedding_bag", "input", input)
    _check.tensor("embedding_bag", "weight", weight)
    for name, t in (("offsets", offsets), ("per_sample_weights", per_sample_weights)):
        if t is not None:
            _check.tensor("embedding_bag", name, t)
    if weight._data.dtype == mx.int64 and input._data.dtype in FLOATING:
        warnings.warn("embedding_bag: the order of arguments is (input, weight, ...)", stacklevel=2)
        weight, input = input, weight
    shape = input._data.shape
    if per_sample_weights is not None and per_sample_weights._data.shape != shape:
        raise ValueError(
            f"embedding_bag: expected per_sample_weights of the same shape as the input, {shape}, got "
            f"{per_sample_weights.shape}"
        )
    if weight.ndim != 2:
        raise ValueError(f"embedding_bag: weight has to be a 2D Tensor, but got shape {weight.shape}")
    if len(shape) == 2:
        if offsets is not None:
            raise ValueError(
                f"embedding_bag: if input is 2D, each row is a bag, and offsets has to be None, got {type(offsets)}"
            )
        if not shape[1]:
            raise RuntimeError("embedding_bag: expected rows of at least one index in a 2D input, got none")
    elif len(shape) != 1:
        raise ValueError(f"embedding_bag: input has to be 1D or 2D Tensor, but got shape {input.shape}")
    elif offsets is None or offsets.ndim != 1:
        raise ValueError(f"embedding_bag: offsets has to be a 1D Tensor, but got {offsets}")
    if mode not in MODES:
        raise ValueError(f"embedding_bag: mode has to be one of sum, mean or max, got {mode!r}")
    if mode == "max" and (scale_grad_by_freq or sparse):
        raise ValueError("embedding_bag: max mode does not support scale_grad_by_freq or sparse")
    if max_norm is not None and input._data.size:
        _in_table(input, weight)
        renormalise(input, weight, max_norm, norm_type)
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights is only supported for mode='sum', got mode={mode!r}; multiply the rows "
            "of embedding() instead"
        )
    last = include_last_offset and offsets is not None
    return bags(weight, input, offsets, scale_grad_by_freq, mode, sparse, per_sample_weights, last, padding_idx)[0]


def _in_table(ids: Tensor, weight: Tensor) -> bool:
    rows = weight._data.shape[0]
    if not rows:
        raise RuntimeError("embedding_bag: expected indices of rows of weight, which has none")
    return in_bounds(ids, rows, f"embedding_bag: expected indices from 0 to {rows - 1}, got {{}}", error=RuntimeError)


def bags(
    weight: Tensor,
    ids: Tensor,
    offsets: Tensor | None,
    scale_grad_by_freq: bool,
    mode: str,
    sparse: bool,
    factors: Tensor | None,
    include_last: bool,
    padding_idx: int | None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What PyTorch's own operation returns: the bags, and the bag of each index, sizes and positions of maxima.

    The last three are there as far as PyTorch fills them.
    """
    _check_kinds(weight, ids, factors, sparse)
    rows, width = weight._data.shape
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise RuntimeError(f"embedding_bag: expected padding_idx from {-rows} to {rows - 1}, got {padding_idx}")
        padding_idx %= rows
    shape = ids._data.shape
    count = shape[0] if offsets is None else _check_offsets(offsets, ids._data.size, include_last)
    safe = not ids._data.size or _in_table(ids, weight)
    empty = not ids._data.size or not count or not width

    def embedding_bag(w: mx.array, i: mx.array, starts: Any, scale: Any) -> list[mx.array]:
        wide = mx.float32 if w.dtype in _check.HALF else w.dtype
        bag = mx.arange(i.size) // shape[1] if starts is None and i.size else _bag_of(starts, i.size, count)
        i = i.reshape(-1)
        if empty:
            return [mx.zeros((count, width), w.dtype), *_details(mode, bag, mx.zeros(count, mx.int64), width)]
        y = rows_of(w, i if safe else clamped(i, rows), scale_grad_by_freq, padding_idx).astype(wide)
        counts = i != padding_idx if padding_idx is not None else mx.ones(i.shape, mx.bool_)
        sizes = mx.zeros(count + 1, mx.int64).at[bag].add(counts.astype(mx.int64))[:-1]
        y = y if scale is None else y * scale.reshape(-1, 1).astype(wide)
        y = y if padding_idx is None else mx.where(counts[:, None], y, -mx.inf if mode == "max" else 0)
        if mode == "max":
            first = _first_largest(mx.stop_gradient(y), bag, counts, count)
            largest = mx.take_along_axis(y, mx.minimum(first, i.size - 1), axis=0)
            out = mx.where(first < i.size, largest, 0)
            where = mx.where(first < i.size, mx.take(i, mx.minimum(first, i.size - 1)), 0)
            return [out.astype(w.dtype), bag.astype(mx.int64), sizes, where.astype(mx.int64)]
        out = mx.zeros((count + 1, width), wide).at[bag].add(y)[:-1]
        if mode == "mean":
            out = out / mx.maximum(sizes, 1)[:, None].astype(wide)
        fast = padding_idx is None and w.dtype != mx.float64
        return [out.astype(w.dtype), *_details(mode, bag[:0] if fast and mode == "sum" else bag, sizes, width)]

    return apply(embedding_bag, weight, ids, offsets, factors)  # type: ignore[no-any-return]


def _bag_of(starts: Any, n: int, count: int) -> mx.array:
    """The bag of each of `n` indices: how many bags begin at it or before it, less one."""
    if not n or not count:
        return mx.full(n, count, mx.int32)
    begins = mx.zeros(n + 1, mx.int32).at[mx.clip(starts, 0, n)].add(1)  # the end of the last bag included
    return mx.maximum(mx.cumsum(begins)[:n] - 1, 0)


def _first_largest(y: mx.array, bag: mx.array, counts: mx.array, count: int) -> mx.array:
    """Where the largest element of each bag and column is first; the number of rows in an empty bag."""
    n, width = y.shape
    largest = mx.full((count + 1, width), -mx.inf, y.dtype).at[bag].maximum(y)
    found = (y == mx.take(largest, bag, axis=0)) & counts[:, None]
    place = mx.where(found, mx.arange(n)[:, None], n)
    return mx.full((count + 1, width), n, place.dtype).at[bag].minimum(place)[:-1]


def _details(mode: str, bag: mx.array, sizes: mx.array, width: int) -> list[mx.array]:
    sizes = mx.zeros_like(sizes) if mode == "sum" else sizes
    return [bag.astype(mx.int64), sizes, mx.zeros((sizes.size, width), mx.int64) if mode == "max" else sizes]


def _check_kinds(weight: Tensor, ids: Tensor, factors: Tensor | None, sparse: bool) -> None:
    if weight._data.dtype not in FLOATING:
        raise RuntimeError(f"embedding_bag: expected weight of a floating dtype, got {weight.dtype!r}")
    if ids._data.dtype not in _INDICES:
        raise RuntimeError(f"embedding_bag: expected indices of dtype int64 or int32, got {ids.dtype!r}; use .long()")
    if factors is not None and factors._data.dtype != weight._data.dtype:
        raise RuntimeError(
            f"embedding_bag: expected per_sample_weights of weight's dtype {weight.dtype!r}, got {factors.dtype!r}"
        )
    if sparse:
        raise NotImplementedError(
            "embedding_bag: sparse gradients are not supported (MLX has no sparse arrays); use sparse=False"
        )


def _check_offsets(offsets: Tensor, n: int, include_last: bool) -> int:
    """How many bags there are. Raises RuntimeError for offsets that are known to be wrong."""
    if offsets._data.dtype not in _INDICES:
        raise RuntimeError(
            f"embedding_bag: expected offsets of dtype int64 or int32, got {OF_MX[offsets._data.dtype]!r}; use .long()"
        )
    size = offsets._data.size
    if include_last and not size:
        raise RuntimeError("embedding_bag: include_last_offset=True expects at least one offset")
    values = _known.values(offsets)
    if values is not None and size:
        if values[0] != 0:
            raise RuntimeError(f"embedding_bag: offsets[0] has to be 0, where the first bag begins, got {values[0]}")
        if values[-1] > n:
            raise RuntimeError(
                f"embedding_bag: offsets[-1] can not be greater than the input's length {n}, got {values[-1]}"
            )
        if (values[1:] < values[:-1]).any():
            raise RuntimeError(f"embedding_bag: offsets have to rise, got {values.tolist()}")
    return size - include_last
