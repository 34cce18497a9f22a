"""Products of vectors and of several matrices, and matrices of powers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import TensorCore, apply
from lucid.dtypes import INEXACT, OF_MX
from lucid.linalg._check import broadcast, same_dtype
from lucid.ops._arguments import numpy_names
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops._promotion import require_tensor
from lucid.ops._reduce import HALF, total
from lucid.ops.pieces import diagonal as diagonal_of
from lucid.ops.products import cheapest, matmul

__all__ = ["cross", "diagonal", "matmul", "multi_dot", "vander", "vecdot"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


@numpy_names
def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The cross product of vectors of 3 elements along `dim`. The other dimensions broadcast.

    Raises RuntimeError unless both have 3 elements there, as many dimensions and the same dtype.

    >>> import lucid
    >>> lucid.linalg.cross(lucid.tensor([1.0, 0.0, 0.0]), lucid.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    name = "linalg.cross"
    require_tensor(name, other, "other")
    left, right = input._data.shape, other._data.shape
    if len(left) != len(right):
        raise RuntimeError(f"{name}: inputs must have the same number of dimensions, got shapes {left} and {right}")
    if not left:
        raise IndexError(f"{name}: Dimension specified as {dim} but tensor has no dimensions")
    axis = wrap_dim(dim, len(left), name)
    if left[axis] != 3 or right[axis] != 3:
        raise RuntimeError(f"{name}: inputs dimension {dim} must have length 3. Got {left[axis]} and {right[axis]}")
    if input._data.dtype == mx.bool_:
        raise NotImplementedError(f"{name}: not implemented for bool tensors; call .long() first")
    same_dtype(name, input, other, "input and other")
    shape = broadcast(name, left, right)

    def cross(a: mx.array, b: mx.array) -> mx.array:
        a, b = mx.broadcast_to(a, shape), mx.broadcast_to(b, shape)
        if a.size == 0:
            return a
        kind = a.dtype
        if kind in HALF:
            a, b = a.astype(mx.float32), b.astype(mx.float32)
        (a0, a1, a2), (b0, b1, b2) = (mx.split(v, 3, axis=axis) for v in (a, b))
        found = mx.concatenate([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=axis)
        return found.astype(kind)

    cross.__qualname__ = "cross"
    return give(apply(cross, input, other), out, name, exact=True)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """The sum of conj(`x`) * `y` over `dim`, broadcast. Raises RuntimeError for integers and for two dtypes.

    >>> import lucid
    >>> lucid.linalg.vecdot(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]), lucid.tensor([1.0, 1.0]))
    tensor([3., 7.])
    """
    name = "linalg.vecdot"
    require_tensor(name, x, "x")
    require_tensor(name, y, "y")
    kind = x._data.dtype
    if kind not in INEXACT:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {OF_MX[kind]!r}; call .float() first"
        )
    same_dtype(name, x, y, "x and y")
    shape = broadcast(name, x._data.shape, y._data.shape)
    axis = wrap_dim(dim, len(shape), name)

    def vecdot(a: mx.array, b: mx.array) -> mx.array:
        if kind == mx.complex64:
            a = mx.conjugate(a)
        if kind in HALF:
            a, b = a.astype(mx.float32), b.astype(mx.float32)
        products = mx.broadcast_to(a, shape) * b
        return (total(products, (axis,)) if shape else products).astype(kind)

    vecdot.__qualname__ = "vecdot"
    return give(apply(vecdot, x, y), out, name, exact=True)


def vander(x: Tensor, *, N: int | None = None) -> Tensor:
    """The matrices whose columns are the powers 0 to `N` - 1 of `x`: (..., n) becomes (..., n, N), N = n by default.

    Integers become int64. Raises RuntimeError for `N` < 2, for bool and half precision.

    >>> import lucid
    >>> lucid.linalg.vander(lucid.tensor([2, 3]), N=4)
    tensor([[ 1,  2,  4,  8],
            [ 1,  3,  9, 27]])
    """
    name = "linalg.vander"
    require_tensor(name, x, "x")
    kind = x._data.dtype
    if kind in HALF or kind == mx.bool_:
        raise RuntimeError(
            f"{name}: supports floating point, complex, and integer tensors, but got {OF_MX[kind]!r}; call .float() "
            "or .long() first"
        )
    if N is not None and (not hasattr(N, "__index__") or isinstance(N, bool)):
        raise TypeError(f"{name}(): argument 'N' must be int, not {type(N).__name__}")
    count = (x._data.shape[-1] if x._data.ndim else 1) if N is None else N.__index__()
    if count <= 1:
        raise RuntimeError(f"{name}: N must be greater than 1, got {count}")

    def vander(a: mx.array) -> mx.array:
        return powers((a if a.ndim else a.reshape(1)).astype(kind if kind in INEXACT else mx.int64), count)

    vander.__qualname__ = "vander"
    return apply(vander, x)  # type: ignore[no-any-return]


def powers(a: mx.array, count: int) -> mx.array:
    """The powers 0 to `count` - 1 of each element, in a new last dimension, with products only: their gradient is
    finite at 0.
    """
    if a.size == 0 or count == 0:
        return mx.zeros((*a.shape, count), a.dtype)
    a = a[..., None]
    found, step = mx.concatenate([mx.ones_like(a), a], axis=-1), a
    while found.shape[-1] < count:  # one multiplication doubles the number of columns
        step = mx.square(step)
        found = mx.concatenate([found, found * step], axis=-1)
    return found[..., :count]


def multi_dot(tensors: Sequence[Tensor], *, out: Tensor | None = None) -> Tensor:
    """The product of two or more matrices, multiplied in the order that takes the fewest operations.

    The first may be a vector, which counts as a row, and the last one, which counts as a column; these dimensions are
    not in the result.

    >>> import lucid
    >>> lucid.linalg.multi_dot([lucid.ones(2, 3), lucid.ones(3, 4), lucid.ones(4)])
    tensor([12., 12.])
    """
    name = "linalg.multi_dot"
    if isinstance(tensors, TensorCore) or not isinstance(tensors, Sequence):
        raise TypeError(f"{name}(): argument 'tensors' must be a tuple of Tensors, not {type(tensors).__name__}")
    if len(tensors) < 2:
        raise RuntimeError(f"{name}(): expected at least 2 tensors but got {len(tensors)}")
    parts: list[Any] = [require_tensor(name, t, "tensors") for t in tensors]
    last = len(parts) - 1
    for k, t in enumerate(parts):
        ndim = t._data.ndim
        if ndim != 2 and not (ndim == 1 and k in (0, last)):
            wanted = "1D or 2D" if k in (0, last) else "2D"
            raise RuntimeError(f"{name}(): tensor {k} must be {wanted} but got {ndim}D")
        if t._data.dtype != parts[0]._data.dtype:
            raise RuntimeError(
                f"{name}(): all tensors must have the same dtype but tensor 0 is {parts[0].dtype!r} and tensor {k} "
                f"{t.dtype!r}"
            )
    row, column = parts[0]._data.ndim == 1, parts[last]._data.ndim == 1
    if row:
        parts[0] = parts[0].unsqueeze(0)
    if column:
        parts[last] = parts[last].unsqueeze(1)
    shapes = [t._data.shape for t in parts]
    for k in range(last):
        if shapes[k][1] != shapes[k + 1][0]:
            raise RuntimeError(
                f"{name}(): tensors {k} and {k + 1} with shapes {tensors[k]._data.shape} and "
                f"{tensors[k + 1]._data.shape} cannot be multiplied"
            )
    result = cheapest(parts, [s[0] for s in shapes] + [shapes[last][1]])
    if column:
        result = result.squeeze(-1)
    if row:
        result = result.squeeze(0)
    return give(result, out, name, exact=True)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The view of the diagonals of the matrices in `dim1` and `dim2`: `lucid.diagonal` with other defaults.

    >>> import lucid
    >>> lucid.linalg.diagonal(lucid.tensor([[[1, 2], [3, 4]]]))
    tensor([[1, 4]])
    """
    return diagonal_of(A, offset, dim1, dim2)
