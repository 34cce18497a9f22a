"""A tensor repeated, turned or shifted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _known, _tape
from lucid._tape import apply, array
from lucid.ops import _keys
from lucid.ops._arguments import numpy_names
from lucid.ops._check import check_tensor, is_tensor
from lucid.ops._dims import shape_of, wrap_dim, wrap_dims
from lucid.ops._place import take
from lucid.ops.geometry import laid_out_as
from lucid.ops.shape import one_of, transpose

__all__ = ["flip", "fliplr", "flipud", "repeat_interleave", "roll", "rot90", "tile"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_all = slice(None)


def repeat(input: Tensor, *sizes: Any, repeats: Any = None) -> Tensor:
    """`input` so many times along each dimension, new ones in front included. It copies; `expand` does not.

    Raises RuntimeError if there are fewer numbers than dimensions, or a negative one.
    """
    return _tiled("repeat", input, shape_of((one_of(sizes) if repeats is None else repeats,), "repeat"))


def tile(input: Tensor, *sizes: Any, dims: Any = None) -> Tensor:
    """`input` so many times along each of its last dimensions."""
    check_tensor("tile", input)
    times = shape_of((one_of(sizes) if dims is None else dims,), "tile")
    return _tiled("repeat", input, (1,) * (array(input).ndim - len(times)) + times)


def _tiled(operation: str, input: Tensor, times: tuple[int, ...]) -> Tensor:
    shape = array(input).shape
    if len(times) < len(shape):
        raise RuntimeError(
            f"{operation}: Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            f"tensor: got {len(times)} "
            f"for {len(shape)}"
        )
    if any(k < 0 for k in times):
        raise RuntimeError(f"{operation}: Trying to create tensor with negative dimension: got repeats {list(times)}")
    padded = (1,) * (len(times) - len(shape)) + tuple(shape)
    wanted = tuple(n * k for n, k in zip(padded, times, strict=True))

    def fn(a: mx.array) -> mx.array:
        if 0 in wanted:
            return mx.zeros(wanted, a.dtype)
        between = [s for n, k in zip(padded, times, strict=True) for s in (1, n)]
        spread = [s for n, k in zip(padded, times, strict=True) for s in (k, n)]
        return mx.broadcast_to(a.reshape(between), spread).reshape(wanted)

    fn.__qualname__ = operation
    result: Tensor = apply(fn, input)
    return result


def repeat_interleave(
    input: Tensor | None = None, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element of `input` repeated `repeats` times along `dim`; without `dim`, of all elements in one dimension.

    `repeats` is a number or a vector with one for each index; given alone, the indices themselves are repeated. A
    vector is evaluated: the shape of the result depends on it. Raises RuntimeError for negative repeats and where the
    sizes do not fit.

    >>> import lucid
    >>> lucid.repeat_interleave(lucid.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if input is None or repeats is None:
        given = repeats if input is None else input
        check_tensor("repeat_interleave", given, "repeats")
        counts = _counts(given)
        if counts.ndim != 1:
            raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
        return _tape.wrap(_known.know(mx.array(np.repeat(np.arange(len(counts)), counts).astype(counts.dtype))))
    check_tensor("repeat_interleave", input)
    if not is_tensor(repeats):
        if not isinstance(repeats, (int, np.integer)) or isinstance(repeats, bool):
            raise TypeError(
                f"repeat_interleave(): argument 'repeats' must be Tensor or int, not {type(repeats).__name__}"
            )
        if repeats < 0:
            raise RuntimeError(f"repeat_interleave: repeats can not be negative, got {repeats}")
    shape = array(input).shape
    flat = dim is None
    d = 0 if flat else wrap_dim(dim, len(shape), "repeat_interleave")
    if not flat and not shape:
        raise IndexError(f"repeat_interleave: Dimension specified as {dim} but tensor has no dimensions")
    size = array(input).size if flat else shape[d] if shape else 1
    counts = np.asarray(repeats) if not is_tensor(repeats) else _counts(repeats)
    if counts.ndim > 1:
        raise RuntimeError("repeat_interleave: repeats must be 0-dim or 1-dim tensor")
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeat_interleave: repeats can not be negative")
    if counts.ndim == 1 and len(counts) not in (1, size):
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {len(counts)} and "
            f"input.size({d}) = {size}"
        )
    chosen = np.repeat(np.arange(size, dtype=np.int32), np.broadcast_to(counts, (size,)))
    if output_size is not None and output_size != len(chosen):
        raise RuntimeError(
            f"repeat_interleave: allocated size {output_size} does not match required size {len(chosen)}"
        )

    def fn(a: mx.array, i: mx.array) -> mx.array:
        if flat:
            a = a.reshape(-1)
        return take(a, i, d)

    fn.__qualname__ = "repeat_interleave"
    result: Tensor = apply(fn, input, mx.array(chosen))
    return result


def _counts(repeats: Tensor) -> np.ndarray[Any, Any]:
    if array(repeats).dtype not in _keys.INDEX:
        raise NotImplementedError(
            f"repeat_interleave: repeats has to be an int64 or int32 tensor, got {repeats.dtype!r}"
        )
    if not _known.is_known(repeats):
        _tape.evaluate(repeats)
    found = np.array(array(repeats), copy=False)
    if found.size and found.min() < 0:
        raise RuntimeError("repeat_interleave: repeats can not be negative")
    return found


# ---- turned and shifted ----------------------------------------------------------------------------------------------


def flip(input: Tensor, *sizes: Any, dims: Any = None) -> Tensor:
    """`input` in reverse order along `dims`. It copies. Raises RuntimeError if a dimension is named twice."""
    check_tensor("flip", input)
    wanted = one_of(sizes) if dims is None else dims
    n = array(input).ndim
    turned = wrap_dims(wanted, n, "flip") if isinstance(wanted, int) or len(wanted) else ()
    return _flipped("flip", input, turned)


def _flipped(operation: str, input: Tensor, dims: Sequence[int]) -> Tensor:
    shape = array(input).shape
    key = tuple([slice(None, None, -1) if k in dims and shape[k] > 1 else _all for k in range(len(shape))])
    still = all(item is _all for item in key) or 0 in shape

    def fn(a: mx.array) -> mx.array:
        return a if still else a[key]

    fn.__qualname__ = operation
    return laid_out_as(apply(fn, input), input)


@numpy_names
def fliplr(input: Tensor) -> Tensor:
    """`input` in reverse order along dimension 1. Raises RuntimeError for fewer than 2 dimensions."""
    check_tensor("fliplr", input)
    if array(input).ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return _flipped("flip", input, (1,))


@numpy_names
def flipud(input: Tensor) -> Tensor:
    """`input` in reverse order along dimension 0. Raises RuntimeError for a 0-dim tensor."""
    check_tensor("flipud", input)
    if array(input).ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return _flipped("flip", input, (0,))


@numpy_names
def roll(input: Tensor, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None) -> Tensor:
    """`input` shifted by `shifts` along `dims`: what leaves at one end comes back at the other.

    Without `dims`, all elements are shifted as one row.
    Raises RuntimeError if `shifts` and `dims` differ in number.
    """
    check_tensor("roll", input)
    by = shape_of((shifts,) if not isinstance(shifts, (tuple, list)) else (tuple(shifts),), "roll")
    along = () if dims is None else shape_of((dims,) if not isinstance(dims, (tuple, list)) else (tuple(dims),), "roll")
    shape = array(input).shape
    if not by:
        raise RuntimeError("`shifts` required")
    if (not along and len(by) != 1) or (along and len(along) != len(by)):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(along)}")
    if along and not shape:
        raise IndexError("roll: Dimension specified as 0 but tensor has no dimensions")
    axes = [wrap_dim(d, len(shape), "roll") for d in along]

    def fn(a: mx.array) -> mx.array:
        if a.size == 0:
            return a
        if not axes:
            return mx.roll(a.reshape(-1), by[0] % a.size).reshape(shape)
        for shift, axis in zip(by, axes, strict=True):
            a = mx.roll(a, shift % shape[axis], axis)
        return a

    fn.__qualname__ = "roll"
    result: Tensor = apply(fn, input)
    return result


@numpy_names
def rot90(input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """`input` turned by 90 degrees `k` times in the plane of `dims`, from the first towards the second.

    Raises RuntimeError unless `dims` are two different dimensions.
    """
    check_tensor("rot90", input)
    n = array(input).ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if n < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {n}")
    for d in dims:
        if not -n <= d < n:
            raise IndexError(f"rot90: Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})")
    first, second = dims[0] % n, dims[1] % n
    if first == second:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    times = k % 4
    turned = _flipped("rot90", input, {1: (second,), 2: (first, second), 3: (first,)}.get(times, ()))
    return transpose(turned, first, second) if times % 2 else turned
