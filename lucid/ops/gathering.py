"""Reading and writing at index tensors along a dimension: gather, scatter, index_select and their relatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _known
from lucid._tape import apply, array
from lucid.ops import _keys
from lucid.ops._arguments import numpy_names
from lucid.ops._check import check_tensor, is_tensor
from lucid.ops._dims import wrap_dim
from lucid.ops._keys import bounded
from lucid.ops._out import give
from lucid.ops._place import on_cpu_if_wide
from lucid.ops._place import take as at

__all__ = ["gather", "index_select", "take", "take_along_dim"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def check_index(operation: str, index: Any, error: type[Exception] = RuntimeError) -> None:
    """Raise unless `index` is an int32 or int64 tensor."""
    if not is_tensor(index):
        raise TypeError(f"{operation}(): argument 'index' must be Tensor, not {type(index).__name__}")
    if array(index).dtype not in _keys.INDEX:
        raise error(f"{operation}(): Expected dtype int32/int64 for index, got {index.dtype!r}")


def check_sizes(operation: str, index: tuple[int, ...], input: tuple[int, ...], dim: int | None) -> None:
    """Raise RuntimeError if `index` is larger than `input` in a dimension other than `dim`."""
    if len(index or (1,)) != len(input or (1,)):
        raise RuntimeError(
            f"{operation}: Index tensor must have the same number of dimensions as input tensor, got {len(index)} "
            f"and {len(input)}"
        )
    for k, (i, s) in enumerate(zip(index, input, strict=False)):
        if k != dim and i > s:
            raise RuntimeError(
                f"{operation}: Size does not match at dimension {k} expected index {list(index)} to be no larger "
                f"than self {list(input)} "
                f"apart from dimension {dim}"
            )


@numpy_names
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False, out: Tensor | None = None) -> Tensor:
    """The elements of `input` at `index` along `dim`: `result[i, j] = input[index[i, j], j]` for `dim=0`.

    `index` (int64 or int32) has the result's shape and is nowhere larger than `input` but along `dim`. `sparse_grad`
    has to be False.
    Raises RuntimeError for an index out of range or of another dtype.
    """
    check_tensor("gather", input)
    if sparse_grad:
        raise NotImplementedError(
            "gather: sparse_grad=True is not supported, MLX has no sparse arrays; use sparse_grad=False"
        )
    shape = array(input).shape
    d = wrap_dim(dim, len(shape), "gather")
    if not is_tensor(index) or array(index).size:  # PyTorch takes an empty index of any dtype
        check_index("gather", index)
    wanted = index._data.shape
    if index._data.size:
        check_sizes("gather", wanted, shape, d)
    cut = tuple([slice(None) if k == d else slice(0, n) for k, n in enumerate(wanted)]) if wanted != shape else ()
    index = bounded(index, d, 0, shape[d] if shape else 1, RuntimeError)

    def fn(a: mx.array, i: mx.array) -> mx.array:
        if i.size == 0:
            return mx.zeros(wanted, a.dtype)
        if not shape or not wanted:
            return mx.broadcast_to(a.reshape(()), wanted) if not shape else mx.take(a, i)
        with on_cpu_if_wide(a):
            return mx.take_along_axis(a[cut] if cut else a, i, axis=d)

    fn.__qualname__ = "gather"
    return give(apply(fn, input, index), out, "gather", exact=True)


@numpy_names
def index_select(input: Tensor, dim: int, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The slices of `input` at `index`, a vector, along `dim`. Raises IndexError for an index out of range."""
    check_tensor("index_select", input)
    shape = array(input).shape
    wrap_dim(dim, len(shape), "index_select")
    check_index("index_select", index)
    if array(index).ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, got {index._data.ndim} dimensions")
    d = wrap_dim(dim, len(shape), "index_select")
    size = shape[d] if shape else 1
    if not shape and index._data.size != 1:
        raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {index._data.size} value(s)")
    if size == 0 and len(shape) > 1 and index._data.size:
        raise RuntimeError(f"index_select(): cannot select from dimension {d}, which has size 0")
    index = bounded(index, d, 0, size, RuntimeError if d else IndexError)  # PyTorch's two ways differ

    def fn(a: mx.array, i: mx.array) -> mx.array:
        return at(a, i.reshape(-1), d) if shape else at(a.reshape(1), i.reshape(()), 0)

    fn.__qualname__ = "index_select"
    return give(apply(fn, input, index), out, "index_select", exact=True)


@numpy_names
def take(input: Tensor, index: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements of `input`, seen as one dimension, at `index`. Raises IndexError out of range."""
    check_tensor("take", input)
    if not is_tensor(index):
        raise TypeError(f"take(): argument 'index' must be Tensor, not {type(index).__name__}")
    if array(index).dtype != mx.int64:
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {index.dtype!r}")
    size = array(input).size
    index = bounded(index, 0, -size, size)

    def fn(a: mx.array, i: mx.array) -> mx.array:
        return at(a.reshape(-1), i, 0)

    fn.__qualname__ = "take"
    return give(apply(fn, input, index), out, "take", exact=True)


@numpy_names
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None, *, out: Tensor | None = None) -> Tensor:
    """`gather` with both arguments broadcast but along `dim`; without `dim`, on the elements in one dimension."""
    check_tensor("take_along_dim", input)
    if not is_tensor(indices):
        raise TypeError(f"take_along_dim(): argument 'indices' must be Tensor, not {type(indices).__name__}")
    from lucid.ops.expansion import broadcast_to
    from lucid.ops.masking import _common
    from lucid.ops.shape import view

    if dim is None:
        return give(gather(view(input, -1), 0, view(indices, -1)), out, "take_along_dim", exact=True)
    if array(indices).dtype != mx.int64:
        raise RuntimeError(f"take_along_dim(): dtype of indices should be Long but got {indices.dtype!r}")
    a, b = array(input).shape, indices._data.shape
    if len(a) != len(b):
        raise RuntimeError(
            f"take_along_dim(): input and indices should have the same number of dimensions, but got {len(a)} "
            "dimensions for input, and "
            f"{len(b)} dimensions for indices"
        )
    d = wrap_dim(dim, len(a), "take_along_dim")
    common = _common("take_along_dim", (*a[:d], 1, *a[d + 1 :]), (*b[:d], 1, *b[d + 1 :]))
    wide = broadcast_to(input, (*common[:d], a[d], *common[d + 1 :]))
    spread = broadcast_to(indices, (*common[:d], b[d], *common[d + 1 :]))
    return give(gather(wide, d, _wrapped(spread, a[d])), out, "take_along_dim", exact=True)


def _wrapped(index: Tensor, size: int) -> Tensor:
    """`index` modulo `size`, as `take_along_dim` of PyTorch counts."""
    if size == 0 or _known.within(index, 0, size):
        return index
    result: Tensor = apply(lambda i: mx.remainder(i, size), index)
    return result
