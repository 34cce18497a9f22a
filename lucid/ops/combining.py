"""Several tensors brought together: broadcast, on a grid, as blocks, as combinations."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid._size import Size
from lucid._tape import apply, array
from lucid.ops._arguments import numpy_names
from lucid.ops._check import check_tensor, is_tensor
from lucid.ops._place import take
from lucid.ops._promotion import result_type
from lucid.ops.expansion import broadcast_to
from lucid.ops.joining import _at_least, check_tensors, stack
from lucid.ops.shape import reshape

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "block_diag",
    "broadcast_shapes",
    "broadcast_tensors",
    "cartesian_prod",
    "combinations",
    "meshgrid",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _given(operation: str, tensors: tuple[Any, ...]) -> tuple[Tensor, ...]:
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    return check_tensors(operation, tensors)


def _each(operation: str, tensors: tuple[Any, ...], n: int) -> Any:
    if len(tensors) == 1 and is_tensor(tensors[0]):
        return _at_least(tensors[0], n)
    return tuple([_at_least(t, n) for t in _given(operation, tensors)])


def atleast_1d(*tensors: Any) -> Any:
    """A tensor, or each of several as a tuple, with at least 1 dimension."""
    return _each("atleast_1d", tensors, 1)


def atleast_2d(*tensors: Any) -> Any:
    """A tensor, or each of several as a tuple, with at least 2 dimensions: new ones come first."""
    return _each("atleast_2d", tensors, 2)


def atleast_3d(*tensors: Any) -> Any:
    """A tensor, or each of several as a tuple, with at least 3 dimensions: a matrix gets one at the end."""
    return _each("atleast_3d", tensors, 3)


def broadcast_shapes(*shapes: Any) -> Size:
    """The shape that tensors of these shapes broadcast to. Raises RuntimeError if they do not.

    >>> import lucid
    >>> lucid.broadcast_shapes((2, 1), (3,))
    lucid.Size([2, 3])
    """
    found = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    if any(n < 0 for s in found for n in s):
        raise RuntimeError(f"broadcast_shapes: Trying to create tensor with negative dimension: {found}")
    result: list[int] = [1] * max((len(s) for s in found), default=0)
    for shape in found:
        for k, n in enumerate(reversed(shape)):
            if n != 1 and result[-1 - k] not in (1, n):
                raise RuntimeError(
                    f"Shape mismatch: objects cannot be broadcast to a single shape: {', '.join(map(str, found))}"
                )
            result[-1 - k] = n if n != 1 else result[-1 - k]
    return Size(result)


def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """The tensors expanded to the shape they broadcast to. Raises RuntimeError if they do not."""
    found = _given("broadcast_tensors", tensors)
    if not found:
        return ()
    shapes = [array(t).shape for t in found]
    n = max(map(len, shapes))
    wide: list[int] = [1] * n
    for shape in shapes:
        for k, s in enumerate(reversed(shape)):
            have = wide[-1 - k]
            if s != 1 and have not in (1, s):
                raise RuntimeError(
                    f"broadcast_tensors: The size of tensor a ({have}) must match the size of tensor b ({s}) at "
                    f"non-singleton dimension {n - 1 - k}"
                )
            wide[-1 - k] = s if s != 1 else have
    return tuple([broadcast_to(t, tuple(wide)) for t in found])


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Coordinate grids of the given vectors.

    Views of shape (len(first), len(second), ...), with `indexing="xy"` the first two exchanged.

    `indexing` is "ij" if left out. Raises RuntimeError for tensors of more than one dimension, or of differing dtypes.
    """
    found = list(_given("meshgrid", tensors))
    if not found:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in (None, "ij", "xy"):
        raise RuntimeError(f'meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for t in found:
        if array(t).ndim > 1:
            raise RuntimeError(
                f"meshgrid: Expected 0D or 1D tensor in the tensor list but got a tensor of shape {list(t._data.shape)}"
            )
        if t.dtype is not found[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    exchange = indexing == "xy" and len(found) > 1
    if exchange:
        found[0], found[1] = found[1], found[0]
    shape = tuple([t._data.size for t in found])
    grids = []
    for k, t in enumerate(found):
        grids.append(
            broadcast_to(reshape(t, (1,) * k + (-1 if t._data.size else 0,) + (1,) * (len(found) - k - 1)), shape)
        )
    if exchange:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@numpy_names
def cartesian_prod(*tensors: Tensor) -> Tensor:
    """All combinations of one element from each vector, one row each, in order; of one vector, itself."""
    found = _given("cartesian_prod", tensors)
    for t in found:
        if array(t).ndim != 1:
            raise RuntimeError(f"cartesian_prod: Expect a 1D vector, but got shape {list(t._data.shape)}")
    if not found:
        raise RuntimeError("cartesian_prod: expected at least one tensor")
    if len(found) == 1:
        return found[0]
    return stack([reshape(g, (-1,) if g._data.size else (0,)) for g in meshgrid(*found, indexing="ij")], 1)


@numpy_names
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All selections of `r` elements of a vector, one row each, in order.

    Raises RuntimeError for other shapes or negative `r`.
    """
    check_tensor("combinations", input)
    if array(input).ndim != 1:
        raise RuntimeError(f"combinations: Expect a 1D vector, but got shape {list(input._data.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = list(choose(range(input._data.size), r)) if r else []
    chosen = np.array(rows, np.int32).reshape((-1, r) if r else (0,))

    def fn(a: mx.array, i: mx.array) -> mx.array:
        return take(a, i, 0)

    fn.__qualname__ = "combinations"
    result: Tensor = apply(fn, input, mx.array(chosen))
    return result


@numpy_names
def block_diag(*tensors: Tensor) -> Tensor:
    """The matrix with the given matrices (or vectors as rows, or numbers) on its diagonal and zeros elsewhere.

    Raises RuntimeError for a tensor of more than 2 dimensions.
    """
    for t in tensors:
        if not is_tensor(t):
            raise TypeError(f"block_diag(): expected Tensors, got {type(t).__name__}")
    shapes = [array(t).shape for t in tensors]
    for k, s in enumerate(shapes):
        if len(s) > 2:
            raise RuntimeError(
                f"block_diag: Input tensors must have 2 or fewer dimensions. Input {k} has {len(s)} dimensions"
            )
    if not tensors:
        return apply(lambda a: a.reshape(1, 0), mx.zeros((0,)))  # type: ignore[no-any-return]
    to = result_type(*tensors).mx
    blocks = [(1,) * (2 - len(s)) + tuple(s) for s in shapes]
    width = sum(b[1] for b in blocks)

    def fn(*arrays: mx.array) -> mx.array:
        rows: list[mx.array] = []
        at = 0
        for a, (m, n) in zip(arrays, blocks, strict=True):
            if m and n:
                rows.append(mx.pad(a.astype(to).reshape(m, n), [(0, 0), (at, width - at - n)]))
            else:
                rows.append(mx.zeros((m, width), to))
            at += n
        return mx.concatenate(rows, axis=0) if len(rows) > 1 else rows[0]

    fn.__qualname__ = "block_diag"
    result: Tensor = apply(fn, *tensors)
    return result
