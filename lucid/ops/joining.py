"""Several tensors made into one, and one repeated or turned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._channels import Last
from lucid._tape import apply, array
from lucid._views import lies_last
from lucid.ops._arguments import numpy_names
from lucid.ops._check import is_tensor
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops._promotion import result_type
from lucid.ops.expansion import unsqueeze
from lucid.ops.shape import reshape

__all__ = ["cat", "column_stack", "concat", "concatenate", "dstack", "hstack", "row_stack", "stack", "vstack"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def check_tensors(operation: str, tensors: Any) -> tuple[Tensor, ...]:
    """`tensors`, one or a sequence of tensors, as a tuple.

    Raises TypeError for anything else, RuntimeError if it is empty.
    """
    if is_tensor(tensors) or not isinstance(tensors, Sequence):
        raise TypeError(
            f"{operation}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    for k, t in enumerate(tensors):
        if not is_tensor(t):
            raise TypeError(f"expected Tensor as element {k} in argument 0, but got {type(t).__name__}")
    return tuple(tensors)


@numpy_names
def cat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors one after the other along `dim`; 1-dim tensors without elements are left out.

    Raises RuntimeError if the other dimensions differ, IndexError for a wrong `dim`.

    >>> import lucid
    >>> lucid.cat([lucid.tensor([1, 2]), lucid.tensor([3])])
    tensor([1, 2, 3])
    """
    return _given("cat", _joined("cat", check_tensors("cat", tensors), dim), tensors, out)


def _given(operation: str, result: Tensor, tensors: Sequence[Tensor], out: Tensor | None) -> Tensor:
    """`result`, or `out` filled with it. Raises RuntimeError for an `out` among `tensors`, TypeError for its dtype."""
    if is_tensor(out):
        if any(t is out for t in tensors):
            raise RuntimeError(
                f"{operation}: unsupported operation: the written-to tensor is one of those that are joined; clone() it"
            )
        if result.dtype.rank > out.dtype.rank:
            raise TypeError(
                f"{operation}(): input types can't be cast to the desired output type {out.dtype!r}, "
                f"got {result.dtype!r}"
            )
    return give(result, out, operation)


def _joined(operation: str, tensors: tuple[Tensor, ...], dim: int) -> Tensor:
    if not tensors:
        raise ValueError(f"{operation}(): expected a non-empty list of Tensors")
    first = array(tensors[0])
    kind, n = first.dtype, first.ndim
    for t in tensors:
        a = array(t)
        if a.dtype != kind or a.ndim != n or n < 2 or not -n <= dim < n:
            return _joined_carefully(operation, tensors, dim)

    lie = n > 2 and all(lies_last(t) for t in tensors)
    axis = dim if not lie else (0, n - 1, *range(1, n - 1))[dim]

    def fn(*arrays: mx.array) -> mx.array:
        return mx.concatenate(list(arrays), axis=axis)

    fn.__qualname__ = operation
    try:
        result: Tensor = apply(Last(fn, range(len(tensors))) if lie else fn, *tensors)
    except RuntimeError:
        return _joined_carefully(operation, tensors, dim)
    return result


def _joined_carefully(operation: str, tensors: tuple[Tensor, ...], dim: int) -> Tensor:
    shapes = [array(t).shape for t in tensors]
    kept = [t for t, s in zip(tensors, shapes, strict=True) if s != (0,)] or [tensors[0]]
    first = array(kept[0])
    n = first.ndim
    if n == 0 or () in shapes:
        raise RuntimeError(f"zero-dimensional tensor (at position {shapes.index(())}) cannot be concatenated")
    d = wrap_dim(dim, n, operation)
    same = True
    want = first.shape
    for k, t in enumerate(kept):
        s = t._data.shape
        if s != want and (len(s) != n or s[:d] != want[:d] or s[d + 1 :] != want[d + 1 :]):
            if len(s) != n:
                raise RuntimeError(f"{operation}: Tensors must have same number of dimensions: got {n} and {len(s)}")
            at = next(i for i in range(n) if i != d and s[i] != want[i])
            raise RuntimeError(
                f"{operation}: Sizes of tensors must match except in dimension {d}. Expected size {want[at]} but "
                f"got size {s[at]} for tensor number {k} "
                "in the list."
            )
        same = same and t._data.dtype == first.dtype
    if len(kept) < len(tensors):
        same = same and all(t._data.dtype == first.dtype for t in tensors)
    if same:

        def fn(*arrays: mx.array) -> mx.array:
            return mx.concatenate(list(arrays), axis=d)
    else:
        # The result type of `cat` looks at dtypes alone.
        to = result_type(*tensors).mx

        def fn(*arrays: mx.array) -> mx.array:
            return mx.concatenate([a.astype(to) for a in arrays], axis=d)

    fn.__qualname__ = operation
    result: Tensor = apply(fn, *kept)
    return result


@numpy_names
def concat(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """`cat` under another name."""
    return cat(tensors, dim, out=out)


@numpy_names
def concatenate(
    tensors: Sequence[Tensor], axis: int = 0, out: Tensor | None = None, *, dim: int | None = None
) -> Tensor:
    """`cat` under numpy's name."""
    return cat(tensors, axis if dim is None else dim, out=out)


@numpy_names
def stack(tensors: Sequence[Tensor], dim: int = 0, *, out: Tensor | None = None) -> Tensor:
    """The tensors, all of one shape, along a new dimension `dim`. Raises RuntimeError if the shapes differ."""
    found = check_tensors("stack", tensors)
    if not found:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = array(found[0])
    d = wrap_dim(dim, first.ndim + 1, "stack")
    same = True
    for k, t in enumerate(found):
        a = array(t)
        if a.shape != first.shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first.shape)} at entry 0 and "
                f"{list(a.shape)} at entry {k}"
            )
        same = same and a.dtype == first.dtype
    to = None if same else result_type(*found).mx

    def fn(*arrays: mx.array) -> mx.array:
        return mx.stack(list(arrays) if to is None else [a.astype(to) for a in arrays], axis=d)

    fn.__qualname__ = "stack"
    result: Tensor = apply(fn, *found)
    return result if out is None else _given("stack", result, found, out)


def _at_least(t: Tensor, n: int) -> Tensor:
    shape = array(t).shape
    if len(shape) >= n:
        return t
    if not shape:
        return reshape(t, (1,) * n)
    if n == 3:
        t = unsqueeze(t, -1)
    return t if t._data.ndim == n else unsqueeze(t, 0)


@numpy_names
def hstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The tensors side by side: along dimension 1, or 0 for 1-dim tensors."""
    found = tuple([_at_least(t, 1) for t in check_tensors("hstack", tensors)])
    if not found:
        raise RuntimeError("hstack expects a non-empty TensorList")
    return _given("hstack", _joined("cat", found, 0 if array(found[0]).ndim == 1 else 1), tensors, out)


@numpy_names
def vstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The tensors under each other: along dimension 0 of at least 2."""
    found = tuple([_at_least(t, 2) for t in check_tensors("vstack", tensors)])
    if not found:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return _given("vstack", _joined("cat", found, 0), tensors, out)


@numpy_names
def row_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """`vstack` under another name."""
    return vstack(tensors, out=out)


@numpy_names
def dstack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The tensors behind each other: along dimension 2 of at least 3."""
    found = tuple([_at_least(t, 3) for t in check_tensors("dstack", tensors)])
    if not found:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return _given("dstack", _joined("cat", found, 2), tensors, out)


@numpy_names
def column_stack(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The tensors side by side, 1-dim ones as columns."""
    found = check_tensors("column_stack", tensors)
    if not found:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    columns = [reshape(t, (array(t).size, 1)) if array(t).ndim <= 1 else t for t in found]
    return _given("column_stack", _joined("cat", tuple(columns), 1), tensors, out)
