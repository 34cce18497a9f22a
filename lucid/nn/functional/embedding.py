"""Looking up rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import _known, _tape
from lucid._grad_mode import mode, no_grad
from lucid._tape import apply, wrap
from lucid.dtypes import OF_MX
from lucid.nn.functional import _check
from lucid.nn.functional._index import clamped, in_bounds
from lucid.ops._out import into
from lucid.ops.norms import vector_norm

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["embedding", "one_hot"]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of `weight` that `input` names.

    Args:
        input: indices of rows, of any shape, int32 or int64.
        weight: shape (num_embeddings, embedding_dim).
        padding_idx: a row that receives no gradient.
        max_norm: rows in use with a larger norm are scaled down to it first, in `weight` itself.
        norm_type: which norm `max_norm` means.
        scale_grad_by_freq: divide each row's gradient by the number of times it is used.
        sparse: has to be False: MLX has no sparse gradients.

    Raises IndexError for an index out of range, RuntimeError for indices that are not int32 or int64.

    >>> import lucid
    >>> lucid.nn.functional.embedding(lucid.tensor([1, 0]), lucid.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    _check.tensor("embedding", "weight", weight)
    ids = _check.tensor("embedding", "indices", input)
    rows = weight._data.shape[0] if weight.ndim else 0
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise AssertionError(f"embedding: Padding_idx must be within num_embeddings, got {padding_idx} of {rows}")
        padding_idx %= rows
    if ids._data.dtype not in (mx.int64, mx.int32):
        raise RuntimeError(
            f"embedding: expected argument 'indices' to have dtype int64 or int32, got {OF_MX[ids._data.dtype]!r}; "
            "convert it with .long()"
        )
    if sparse:
        raise NotImplementedError(
            "embedding: sparse gradients are not supported (MLX has no sparse arrays); use sparse=False"
        )
    if weight.ndim != 2:
        raise RuntimeError(f"embedding: 'weight' must be 2-D, got shape {weight.shape}")
    if rows == 0 and ids._data.size:
        raise IndexError("embedding: index out of range in self, which has no rows")
    if not ids._data.size:
        return apply(_no_rows, ids, weight)  # type: ignore[no-any-return]
    safe = in_bounds(ids, rows, f"embedding: index out of range in self: expected 0 to {rows - 1}, got {{}}")
    if max_norm is not None:
        renormalise(ids, weight, max_norm, norm_type)
    if padding_idx is None and not scale_grad_by_freq:
        return apply(_rows if safe else _clamped_rows, ids, weight)  # type: ignore[no-any-return]

    def embedding(i: mx.array, w: mx.array) -> mx.array:
        return rows_of(w, i if safe else clamped(i, rows), scale_grad_by_freq, padding_idx)

    return apply(embedding, ids, weight)  # type: ignore[no-any-return]


def _rows(i: mx.array, w: mx.array) -> mx.array:
    return mx.take(w, i, axis=0)


def _clamped_rows(i: mx.array, w: mx.array) -> mx.array:
    return mx.take(w, clamped(i, w.shape[0]), axis=0)


def _no_rows(i: mx.array, w: mx.array) -> mx.array:
    return mx.zeros((*i.shape, w.shape[1]), w.dtype)


_rows.__qualname__ = _clamped_rows.__qualname__ = _no_rows.__qualname__ = "embedding"


def rows_of(w: mx.array, i: mx.array, scale_grad_by_freq: bool, padding_idx: int | None) -> mx.array:
    """The rows `i` of `w`: each one's gradient divided by how often it is used, and none for `padding_idx`."""
    y = mx.take(w, i, axis=0)
    if padding_idx is None and not scale_grad_by_freq:
        return y
    fixed = mx.stop_gradient(y)
    if scale_grad_by_freq:
        counts = mx.zeros(w.shape[0], mx.int32).at[i.reshape(-1)].add(1)
        y = fixed + (y - fixed) / mx.take(counts, i)[..., None].astype(y.dtype)
    return y if padding_idx is None else mx.where((i == padding_idx)[..., None], fixed, y)


def renormalise(ids: Tensor, weight: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows `ids` of `weight` down to norm `max_norm`, in place."""
    for name, number in (("max_norm", max_norm), ("norm_type", norm_type)):
        if not isinstance(number, (int, float)):
            raise TypeError(f"embedding(): argument '{name}' must be float, not {type(number).__name__}")
    i = clamped(_tape.array(ids).reshape(-1), weight.shape[0])
    table = _tape.array(weight)
    used = mx.take(table, i, axis=0)
    norms = vector_norm(used, norm_type, (1,), True)
    scaled = mx.where(norms > max_norm, used * (max_norm / (norms + 1e-7)), used).astype(table.dtype)
    with no_grad():
        into(weight, wrap(mx.put_along_axis(table, mx.broadcast_to(i[:, None], scaled.shape), scaled, 0)))


def one_hot(input: Tensor, num_classes: int = -1) -> Tensor:
    """1 where the class is, 0 elsewhere, as int64 with one more dimension at the end.

    Args:
        input: classes, int64.
        num_classes: how many there are; one more than the largest if -1, which has to be computed for that.

    Raises RuntimeError for a class that is negative or not below `num_classes`, where the values are known. Classes
    still to be computed are not looked at if `num_classes` is given: one out of range then has a row of zeros.
    """
    if _check.tensor("one_hot", "input", input)._data.dtype != mx.int64:
        raise RuntimeError(
            f"one_hot is only applicable to index tensor of type int64, got {OF_MX[input._data.dtype]!r}"
        )
    array = _tape.array(input)
    if array.size == 0:
        if num_classes <= 0:
            raise RuntimeError("one_hot: Can not infer total number of classes from empty tensor.")
        return wrap(mx.zeros((*array.shape, num_classes), mx.int64))
    if num_classes != -1 and num_classes < 1:
        raise RuntimeError("one_hot: num_classes should be positive")
    if num_classes == -1 or mode.anomaly:
        _tape.evaluate(input)
        _known.know(array)
    values = _known.values(input)
    if values is not None:
        if values.min() < 0:
            raise RuntimeError("one_hot: Class values must be non-negative.")
        if num_classes == -1:
            num_classes = int(values.max()) + 1
        elif values.max() >= num_classes:
            raise RuntimeError("one_hot: Class values must be smaller than num_classes.")

    def one_hot(i: mx.array) -> mx.array:
        return (i[..., None] == mx.arange(num_classes, dtype=i.dtype)).astype(mx.int64)

    return apply(one_hot, input)  # type: ignore[no-any-return]
