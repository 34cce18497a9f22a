"""Views of another shape: the same elements under other dimensions. Writing to one writes to what it was made from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _views
from lucid._layout import Layout, folded
from lucid._tape import apply, array
from lucid._views import Move, moved
from lucid.dtypes import dtype as _dtype
from lucid.ops._check import check_tensor
from lucid.ops._dims import shape_of, wrap_dim

__all__ = [
    "adjoint",
    "flatten",
    "moveaxis",
    "movedim",
    "permute",
    "ravel",
    "reshape",
    "swapaxes",
    "swapdims",
    "t",
    "transpose",
    "unflatten",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Shape = tuple[int, ...]


def resolve(operation: str, sizes: Sequence[Any], count: int) -> tuple[int, ...]:
    """`sizes` for `count` elements, with -1 worked out.

    Raises RuntimeError where they do not fit, TypeError for non-integers.
    """
    shape = shape_of((tuple(sizes),), operation)
    if any(s < -1 for s in shape):
        raise RuntimeError(f"{operation}: invalid shape dimension {min(shape)}")
    if shape.count(-1) > 1:
        raise RuntimeError(f"{operation}: only one dimension can be inferred, got {list(shape)}")
    known = math.prod(s for s in shape if s >= 0)
    if -1 in shape:
        if known == 0 and count == 0:
            raise RuntimeError(
                f"{operation}: cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified "
                "dimension size "
                "-1 can be any value and is ambiguous"
            )
        if known and count % known == 0:
            return tuple(count // known if s < 0 else s for s in shape)
    elif known == count:
        return shape
    raise RuntimeError(f"{operation}: shape '{list(shape)}' is invalid for input of size {count}")


def _view(a: mx.array, shape: Sequence[Any]) -> mx.array:
    return mx.reshape(a, shape)


def _fold_trace(at: Layout, shape: Shape, *_: Any) -> Layout:
    return Layout(shape, folded(at, shape) or (), at.offset)


def fold_back(parent: mx.array, value: mx.array, *_: Any) -> mx.array:
    return mx.reshape(value, parent.shape)


_VIEW = Move(_view, _fold_trace, fold_back)


def _reshaped(operation: str, input: Tensor, shape: Sequence[Any], move: Move = _VIEW) -> Tensor:
    try:
        if len(shape) < 2 or min(shape) >= -1:  # MLX 0.32 takes other negative sizes
            return moved(move, input, shape)
        raise ValueError
    except (ValueError, TypeError, RuntimeError, IndexError):  # only now find out what was wrong: this is a hot path
        check_tensor(operation, input)
        size = array(input).size
        resolved = resolve(operation, shape, size)
        if resolved == tuple(shape):
            raise
        return _reshaped(operation, input, resolved, move)


def one_of(sizes: tuple[Any, ...]) -> Any:
    return sizes[0] if len(sizes) == 1 and not hasattr(sizes[0], "__index__") else sizes


def view(input: Tensor, *shape: Any, dtype: Any = None, size: Any = None) -> Tensor:
    """The same memory under another shape, or with a dtype under another interpretation of its bytes.

    One size may be -1 and is worked out. `view(dtype)` scales the last dimension by the ratio of the element sizes.
    Raises RuntimeError if the number of elements differs, or if the strides do not allow it: `reshape` copies then.

    >>> import lucid
    >>> lucid.tensor([1, 2, 3, 4]).view(2, -1)
    tensor([[1, 2],
            [3, 4]])
    """
    sizes = one_of(shape) if size is None else size
    if not shape and size is None and dtype is None:
        raise TypeError("view() received an invalid combination of arguments - got (), but expected a shape or a dtype")
    if dtype is not None or isinstance(sizes, _dtype):
        from lucid.ops.reinterpret import view_dtype

        return view_dtype(input, sizes if dtype is None else dtype)
    if input._extra is not None and not _can_view("view", input, sizes):
        resolve("view", sizes, array(input).size)
        raise RuntimeError(
            "view: view size is not compatible with input tensor's size and stride (at least one dimension spans "
            "across two "
            f"contiguous subspaces): sizes {list(input._data.shape)}, wanted {list(sizes)}. Use .reshape(...) instead."
        )
    return _reshaped("view", input, sizes)


def view_as(input: Tensor, other: Tensor) -> Tensor:
    """`input.view(other.shape)`."""
    return view(input, array(other).shape)


def reshape(input: Tensor, *sizes: Any, shape: Any = None) -> Tensor:
    """The same elements under another shape: a view where the strides allow it, else a copy.

    Takes `reshape(x, (2, 3))` and, as a method, also `x.reshape(2, 3)`. One size may be -1.
    Raises RuntimeError if the number of elements differs.
    """
    if not sizes and shape is None:
        raise TypeError("reshape() missing 1 required positional arguments: 'shape'")
    wanted = one_of(sizes) if shape is None else shape
    check_tensor("reshape", input)
    if input._extra is not None and not _can_view("reshape", input, wanted):

        def reshape(a: mx.array) -> mx.array:
            return mx.reshape(a, wanted)

        try:
            result: Tensor = apply(reshape, input)
        except (ValueError, TypeError, RuntimeError, IndexError):
            wanted = resolve("reshape", wanted, array(input).size)
            result = apply(reshape, input)
        return result
    return _reshaped("view", input, wanted)


def _can_view(operation: str, t: Tensor, shape: Any) -> bool:
    extra = t._extra
    if extra is None or extra.base is None or extra.move.trace is None:
        return True
    at = _views.layout(t)
    if at.contiguous:
        return True
    if not isinstance(shape, tuple) or -1 in shape or math.prod(shape) != t._data.size:
        shape = resolve(operation, shape, t._data.size)
    return folded(at, shape) is not None


def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """`input.reshape(other.shape)`."""
    return reshape(input, array(other).shape)


def ravel(input: Tensor) -> Tensor:
    """All elements in one dimension, one after the other: a view where they lie like that, else a copy."""
    flat = reshape(input, (-1,))
    if flat._extra is None or _views.layout(flat).contiguous:
        return flat

    def contiguous(a: mx.array) -> mx.array:
        return a

    result: Tensor = apply(contiguous, flat)
    return result


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from `start_dim` to `end_dim`, both included, made into one; a 0-dim tensor becomes 1-dim.

    Raises RuntimeError if `start_dim` comes after `end_dim`, IndexError if one is out of range.
    """
    check_tensor("flatten", input)
    shape = array(input).shape
    first, last = wrap_dim(start_dim, len(shape), "flatten"), wrap_dim(end_dim, len(shape), "flatten")
    if first > last:
        raise RuntimeError(
            f"flatten() has invalid args: start_dim cannot come after end_dim, got {start_dim} and {end_dim}"
        )
    if first == last and shape:
        return input
    return reshape(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """The dimension `dim` split into several of the given `sizes`; one may be -1.

    Raises RuntimeError if their product is not the dimension's size or `sizes` is empty.
    """
    check_tensor("unflatten", input)
    shape = array(input).shape
    d = wrap_dim(dim, len(shape), "unflatten")
    wanted = shape_of((sizes,), "unflatten")
    if not wanted:
        raise RuntimeError("unflatten: sizes must be non-empty")
    if not shape:
        raise RuntimeError(f"unflatten: Dimension specified as {dim} but tensor has no dimensions")
    try:
        inner = resolve("unflatten", wanted, shape[d])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(wanted)} don't multiply up to the size of dim {dim} ({shape[d]}) in "
            "the input tensor"
        ) from None
    return view(input, (*shape[:d], *inner, *shape[d + 1 :]))


# ---- the order of dimensions -----------------------------------------------------------------------------------------


def _permute(a: mx.array, dims: Sequence[int]) -> mx.array:
    return mx.transpose(a, dims)


def _permute_back(parent: mx.array, value: mx.array, dims: Sequence[int]) -> mx.array:
    n = parent.ndim
    return mx.transpose(value, [int(k) for k in np.argsort([d % n for d in dims])]) if n else value


def _permute_trace(at: Layout, shape: Shape, dims: Sequence[int]) -> Layout:
    return Layout(shape, tuple([at.strides[d] for d in dims]), at.offset)


PERMUTE = Move(_permute, _permute_trace, _permute_back)


def permute(input: Tensor, *order: Any, dims: Any = None) -> Tensor:
    """The dimensions in the order `dims`: `permute(x, (2, 0, 1))`, as a method also `x.permute(2, 0, 1)`.

    Raises RuntimeError unless each dimension is named once, IndexError if one is out of range.
    """
    wanted = one_of(order) if dims is None else dims
    if not order and dims is None:
        raise TypeError("permute() missing 1 required positional arguments: 'dims'")
    if wanted is None:
        raise TypeError("permute(): argument 'dims' must be tuple of ints, not NoneType")

    try:
        return moved(PERMUTE, input, wanted)
    except (ValueError, TypeError, RuntimeError, IndexError):
        check_tensor("permute", input)
        n = array(input).ndim
        found = shape_of((tuple(wanted),), "permute")
        if len(found) != n:
            raise RuntimeError(
                "permute: number of dimensions in the tensor input does not match the length of the desired "
                "ordering of dimensions "
                f"i.e. input.dim() = {n} is not equal to len(dims) = {len(found)}"
            ) from None
        if len({wrap_dim(d, n, "permute") for d in found}) < n:
            raise RuntimeError(f"permute(): duplicate dims are not allowed, got {found}") from None
        if found == wanted:
            raise
        return permute(input, found)


def _transpose(a: mx.array, dim0: int, dim1: int) -> mx.array:
    return mx.swapaxes(a, dim0, dim1)


def _transpose_back(parent: mx.array, value: mx.array, dim0: int, dim1: int) -> mx.array:
    return mx.swapaxes(value, dim0, dim1)


def _transpose_trace(at: Layout, shape: Shape, dim0: int, dim1: int) -> Layout:
    strides = list(at.strides)
    strides[dim0], strides[dim1] = strides[dim1], strides[dim0]
    return Layout(shape, tuple(strides), at.offset)


_TRANSPOSE = Move(_transpose, _transpose_trace, _transpose_back)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """`input` with the dimensions `dim0` and `dim1` exchanged. Raises IndexError if one is out of range."""
    try:
        return moved(_TRANSPOSE, input, dim0, dim1)
    except (ValueError, TypeError, RuntimeError, IndexError):
        check_tensor("transpose", input)
        n = array(input).ndim
        d0, d1 = wrap_dim(dim0, n, "transpose"), wrap_dim(dim1, n, "transpose")
        return permute(input, ()) if n == 0 else transpose(input, d0, d1)


def swapaxes(input: Tensor, axis0: int, axis1: int) -> Tensor:
    """`transpose` under numpy's name."""
    return transpose(input, axis0, axis1)


def swapdims(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """`transpose` under another name."""
    return transpose(input, dim0, dim1)


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """The dimensions `source` moved to the positions `destination`, the others keeping their order.

    Raises RuntimeError if the two differ in number or repeat a dimension.
    """
    check_tensor("movedim", input)
    n = array(input).ndim
    given = [tuple(d) if isinstance(d, Sequence) else (d,) for d in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({given[0]}) and destination ({given[1]}) differ "
            "in number"
        )
    if n == 0:
        for d in (*given[0], *given[1]):
            wrap_dim(d, 0, "movedim")
        return permute(input, ())
    wrapped = [[wrap_dim(d, n, "movedim") for d in dims] for dims in given]
    for dims, name in zip(wrapped, ("source", "destination"), strict=True):
        if len(set(dims)) < len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({dims})")
    places = dict(zip(wrapped[1], wrapped[0], strict=True))
    rest = iter([d for d in range(n) if d not in wrapped[0]])
    return permute(input, tuple([places[k] if k in places else next(rest) for k in range(n)]))


def moveaxis(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """`movedim` under numpy's name."""
    return movedim(input, source, destination)


def t(input: Tensor) -> Tensor:
    """The transpose of a matrix; tensors of 0 and 1 dimensions as they are. Raises RuntimeError for more dimensions."""
    check_tensor("t", input)
    n = array(input).ndim
    if n > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {n}D")
    return transpose(input, 0, 1) if n == 2 else permute(input, tuple(range(n)))


def reversed_dims(input: Tensor) -> Tensor:
    """All dimensions in reverse order: `x.T`."""
    return permute(input, tuple(range(array(input).ndim))[::-1])


def matrix_transpose(input: Tensor) -> Tensor:
    """The last two dimensions exchanged: `x.mT`. Raises RuntimeError for fewer than two."""
    if array(input).ndim == 0:
        return permute(input, ())
    if input._data.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {input._data.ndim}-D tensor."
        )
    return transpose(input, -2, -1)


def conjugate_transpose(input: Tensor) -> Tensor:
    """The conjugate transpose of a matrix: `x.H`. Raises RuntimeError for other than 0 or 2 dimensions."""
    n = array(input).ndim
    if n not in (0, 2):
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {n}-D tensor.")
    return adjoint(input) if n else _conjugated(input)


def adjoint(input: Tensor) -> Tensor:
    """The last two dimensions exchanged and, for complex tensors, the conjugate taken.

    Raises RuntimeError for fewer than two.
    """
    check_tensor("adjoint", input)
    if array(input).ndim == 0:
        return _conjugated(input)
    if input._data.ndim < 2:
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input._data.ndim}-D tensor."
        )
    return _conjugated(transpose(input, -2, -1))


def _conj(a: mx.array) -> mx.array:
    return mx.conjugate(a)


CONJUGATE = Move(_conj, lambda at, shape: at, lambda parent, value: mx.conjugate(value))


def _conjugated(input: Tensor) -> Tensor:
    return moved(CONJUGATE, input) if input._data.dtype == mx.complex64 else input
