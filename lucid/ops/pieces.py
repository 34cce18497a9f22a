"""Views of a part of a tensor: slices, pieces, diagonals, windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _views
from lucid._grad_mode import mode
from lucid._layout import Layout, dense
from lucid._tape import apply, array
from lucid._views import Move, moved
from lucid.ops._arguments import numpy_names
from lucid.ops._check import check_tensor, is_tensor
from lucid.ops._dims import shape_of, wrap_dim
from lucid.ops._out import give
from lucid.ops._select import choose
from lucid.ops.geometry import copied, storage_offset

__all__ = [
    "as_strided",
    "chunk",
    "diagonal",
    "dsplit",
    "hsplit",
    "narrow",
    "narrow_copy",
    "select",
    "split",
    "split_with_sizes",
    "tensor_split",
    "unbind",
    "vsplit",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Shape = tuple[int, ...]
Key = tuple[Any, ...]
_all = slice(
    None
)  # MLX 0.32.4 refuses `as_strided` of a broadcast array when it is evaluated, hence the `contiguous` below


def put_at(key: Key, parent: mx.array, value: mx.array) -> mx.array:
    """`parent` with `value` at the basic index `key`."""
    if value.size == 0:
        return parent
    if mode.level is not None:
        return _put_mapped(key, parent, value)
    new = mx.array(parent)  # another object over the same array: assigning to it leaves `parent` alone
    new[key] = value
    return new


def _put_mapped(key: Key, parent: mx.array, value: mx.array) -> mx.array:
    # MLX 0.32.4 maps a slice update wrongly (`mx.vmap`) where only one of the two arrays is mapped. So is its gradient,
    # which updates with zeros. Hence no such update inside transforms, but a choice between the two.
    places = mx.full(parent.shape, -1, mx.int32 if value.size < 2**31 else mx.int64)
    places[key] = mx.arange(value.size, dtype=places.dtype).reshape(value.shape)
    moved = mx.take(value.reshape(-1), mx.maximum(places, 0).reshape(-1)).reshape(parent.shape)
    return choose(places >= 0, moved.astype(parent.dtype), parent)  # type: ignore[no-any-return]


def _slice(a: mx.array, key: Key) -> mx.array:
    return a[key]


def _select(a: mx.array, key: Key) -> mx.array:
    return a[key]


def _unsqueeze(a: mx.array, key: Key) -> mx.array:
    return a[key]


def _slice_trace(at: Layout, shape: Shape, key: Key) -> Layout:
    strides: list[int] = []
    offset, k = at.offset, 0
    sizes = list(at.shape)
    for item in key:
        if item is None:
            strides.append(sizes[k] * at.strides[k] if k < len(sizes) else 1)
        elif item.__class__ is slice:
            if item.start is not None:
                sizes[k] = len(range(item.start, item.stop, item.step))
                offset += item.start * at.strides[k]
            strides.append(at.strides[k] * (item.step or 1))
            k += 1
        else:
            offset += (item if item >= 0 else item + sizes[k]) * at.strides[k]
            k += 1
    return Layout(shape, (*strides, *at.strides[k:]), offset)


def _slice_back(parent: mx.array, value: mx.array, key: Key) -> mx.array:
    return put_at(key, parent, value)


_SLICES = {
    "slice": Move(_slice, _slice_trace, _slice_back),
    "select": Move(_select, _slice_trace, _slice_back),
    "unsqueeze": Move(_unsqueeze, _slice_trace, _slice_back),
}


def sliced(operation: str, input: Tensor, key: Key) -> Tensor:
    """The view `input[key]` for a checked key of ints, slices and None."""
    return moved(_SLICES[operation], input, key)


@numpy_names
def narrow(input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """The view of `length` elements of `dim` from `start` on. Raises IndexError or RuntimeError out of range."""
    check_tensor("narrow", input)
    shape = array(input).shape
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    d = wrap_dim(dim, len(shape), "narrow")
    if is_tensor(start) and (start._data.ndim or start.dtype.rank != 1):
        raise RuntimeError("narrow: start must be an 0-dim integral Tensor.")
    first, n = start.__index__(), shape[d]
    if length < 0:
        raise RuntimeError(f"narrow(): length must be non-negative, got {length}")
    if not -n <= first <= n:
        raise IndexError(f"narrow: start out of range (expected to be in range of [{-n}, {n}], but got {first})")
    first += n if first < 0 else 0
    if first + length > n:
        raise RuntimeError(f"narrow: start ({first}) + length ({length}) exceeds dimension size ({n}).")
    return sliced("slice", input, (_all,) * d + (slice(first, first + length, 1),))


@numpy_names
def narrow_copy(input: Tensor, dim: int, start: int | Tensor, length: int, *, out: Tensor | None = None) -> Tensor:
    """`narrow` as a copy instead of a view. Raises RuntimeError for a dimension that `input` does not have."""
    check_tensor("narrow_copy", input)
    if dim.__index__() >= max(array(input).ndim, 1):
        raise RuntimeError(f"narrow_copy: expected dim < {input._data.ndim}, the number of dimensions, got {dim}")
    return give(copied(narrow(input, dim, start, length)), out, "narrow_copy", exact=True)


@numpy_names
def select(input: Tensor, dim: int, index: int | Tensor) -> Tensor:
    """The view of `input` at `index` along `dim`, which disappears. Raises IndexError out of range."""
    check_tensor("select", input)
    shape = array(input).shape
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    d, k = wrap_dim(dim, len(shape), "select"), index.__index__()
    if not -shape[d] <= k < shape[d]:
        raise IndexError(
            f"select(): index {k} out of range for tensor of size {list(shape)} at dimension {d}; index {k} is out "
            "of bounds for "
            f"dimension {d} with size {shape[d]}"
        )
    return sliced("select", input, (_all,) * d + (k,))


# ---- several pieces --------------------------------------------------------------------------------------------------


def _pieces(operation: str, input: Tensor, dim: int, bounds: Sequence[tuple[int, int]]) -> tuple[Tensor, ...]:
    """The slices `bounds` of `dim`, which follow each other, as views from one call."""
    cuts = [stop for _, stop in bounds[:-1]]
    last = bounds[-1][1]

    def fn(a: mx.array) -> Any:
        return mx.split(a, cuts, dim) if cuts else [a]

    fn.__qualname__ = operation
    whole = last == array(input).shape[dim]
    return _attached(
        apply(fn, input) if whole else apply(fn, sliced("slice", input, (_all,) * dim + (slice(0, last, 1),))),
        input,
        dim,
        bounds,
    )


def _attached(outs: Sequence[Tensor], input: Tensor, dim: int, bounds: Sequence[Any]) -> tuple[Tensor, ...]:
    lead = (_all,) * dim
    for out, bound in zip(outs, bounds, strict=True):
        key = (*lead, slice(bound[0], bound[1], 1) if isinstance(bound, tuple) else bound)
        _views.attach(out, input, _SLICES["slice"], (key,))
    return tuple(outs)


@numpy_names
def split(tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of `split_size` elements each along `dim`, the last one with the rest; or of the sizes listed.

    Raises RuntimeError unless the listed sizes add up to the dimension's size.

    >>> import lucid
    >>> lucid.split(lucid.tensor([1, 2, 3]), 2)
    (tensor([1, 2]), tensor([3]))
    """
    check_tensor("split", tensor)
    if isinstance(split_size_or_sections, (list, tuple)):
        return split_with_sizes(tensor, split_size_or_sections, dim)
    shape = array(tensor).shape
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    d, step = wrap_dim(dim, len(shape), "split"), _integer("split", split_size_or_sections)
    n = shape[d]
    if step < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={step}")
    if step == 0 and n:
        raise RuntimeError(f"split: split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
    bounds = [(k, min(k + step, n)) for k in range(0, n, step)] if n else [(0, 0)]
    return _pieces("split", tensor, d, bounds)


def method_split(input: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of `split_size` elements each along `dim`, or of the sizes listed: see `lucid.split`."""
    return split(input, split_size, dim)


def _integer(operation: str, value: Any) -> int:
    if not hasattr(value, "__index__"):
        raise TypeError(f"{operation}: expected an int or a sequence of ints, got {type(value).__name__}")
    return int(value.__index__())


def split_with_sizes(input: Tensor, split_sizes: Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of the sizes listed along `dim`. Raises RuntimeError unless they add up to the dimension's size."""
    check_tensor("split_with_sizes", input)
    shape = array(input).shape
    if not shape:
        raise RuntimeError("split_with_sizes: split expects at least a 1-dimensional tensor")
    d, sizes = wrap_dim(dim, len(shape), "split_with_sizes"), shape_of((split_sizes,), "split_with_sizes")
    if any(s < 0 for s in sizes) or sum(sizes) != shape[d]:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {shape[d]} (input tensor's size at dimension "
            f"{dim}), all "
            f"non-negative, but got split_sizes={list(sizes)}"
        )
    bounds, at = [], 0
    for s in sizes:
        bounds.append((at, at + s))
        at += s
    return _pieces("split_with_sizes", input, d, bounds) if bounds else ()


@numpy_names
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """`chunks` views of equal size along `dim`; the last may be smaller, and there may be fewer.

    Raises RuntimeError if `chunks` is not positive.
    """
    check_tensor("chunk", input)
    shape = array(input).shape
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    d = wrap_dim(dim, len(shape), "chunk")
    n = shape[d]
    step = -(-n // chunks)
    bounds = [(k, min(k + step, n)) for k in range(0, n, step)] if n else [(0, 0)] * chunks
    return _pieces("split", input, d, bounds)


@numpy_names
def tensor_split(
    input: Tensor,
    indices_or_sections: int | Sequence[int] | Tensor | None = None,
    dim: int = 0,
    *,
    indices: Any = None,
    sections: Any = None,
    tensor_indices_or_sections: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Views along `dim`: that many of nearly equal size, or cut at the indices listed."""
    check_tensor("tensor_split", input)
    cuts = _cuts("tensor_split", indices_or_sections, indices, sections, tensor_indices_or_sections)
    return _tensor_split("tensor_split", input, cuts, dim)


def _cuts(operation: str, *given: Any) -> Any:
    """The one of the arguments that is not None."""
    found = [v for v in given if v is not None]
    if len(found) != 1:
        raise TypeError(f"{operation}(): expected either 'indices' or 'sections', got {len(found)} of them")
    return found[0]


def _tensor_split(operation: str, input: Tensor, cuts: Any, dim: int) -> tuple[Tensor, ...]:
    shape = array(input).shape
    if not shape:
        raise RuntimeError(f"{operation} expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    d = wrap_dim(dim, len(shape), operation)
    if is_tensor(cuts):
        if cuts._data.ndim > 1 or str(cuts.dtype) != "lucid.int64":
            raise RuntimeError(
                f"{operation} expected tensor_indices_or_sections to be a 0- or 1-dim int64 tensor, got {cuts.dtype!r}"
            )
        cuts = cuts.tolist()
    n = shape[d]
    if isinstance(cuts, (list, tuple)):
        edges = [slice(a, b).indices(n)[:2] for a, b in zip((None, *cuts), (*cuts, None), strict=True)]
        return tuple([sliced("slice", input, (_all,) * d + (slice(a, max(a, b), 1),)) for a, b in edges])
    count = _integer(operation, cuts)
    if count <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {count}")
    if count >= 2**31:
        raise RuntimeError(f"{operation}: expected fewer than 2**31 sections, got {count}")
    small, extra = divmod(n, count)
    bounds, at = [], 0
    for k in range(count):
        size = small + (k < extra)
        bounds.append((at, at + size))
        at += size
    return _pieces("split", input, d, bounds)


def _numpy_split(operation: str, input: Tensor, cuts: Any, dim: int, least: int) -> tuple[Tensor, ...]:
    check_tensor(operation, input)
    shape = array(input).shape
    if len(shape) < least:
        raise RuntimeError(f"{operation} requires a tensor with at least {least} dimensions, but got {len(shape)}")
    if isinstance(cuts, int) and (cuts <= 0 or shape[dim] % cuts):
        raise RuntimeError(
            f"{operation} attempted to split along dimension {dim}, but the size of the dimension {shape[dim]} is "
            f"not divisible by the split_size {cuts}!"
        )
    return _tensor_split(operation, input, cuts, dim)


@numpy_names
def hsplit(
    input: Tensor, indices_or_sections: int | Sequence[int] | None = None, *, indices: Any = None, sections: Any = None
) -> tuple[Tensor, ...]:
    """Views along dimension 1 (0 for a 1-dim tensor): that many of equal size, or cut at the indices listed."""
    check_tensor("hsplit", input)
    cuts = _cuts("hsplit", indices_or_sections, indices, sections)
    return _numpy_split("hsplit", input, cuts, min(1, max(array(input).ndim - 1, 0)), 1)


@numpy_names
def vsplit(
    input: Tensor, indices_or_sections: int | Sequence[int] | None = None, *, indices: Any = None, sections: Any = None
) -> tuple[Tensor, ...]:
    """Views along dimension 0 of at least 2: that many of equal size, or cut at the indices listed."""
    cuts = _cuts("vsplit", indices_or_sections, indices, sections)
    return _numpy_split("vsplit", input, cuts, 0, 2)


@numpy_names
def dsplit(
    input: Tensor, indices_or_sections: int | Sequence[int] | None = None, *, indices: Any = None, sections: Any = None
) -> tuple[Tensor, ...]:
    """Views along dimension 2 of at least 3: that many of equal size, or cut at the indices listed."""
    cuts = _cuts("dsplit", indices_or_sections, indices, sections)
    return _numpy_split("dsplit", input, cuts, 2, 3)


@numpy_names
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """The views along `dim`, one for each index. Iterating over a tensor does this."""
    check_tensor("unbind", input)
    shape = array(input).shape
    d = wrap_dim(dim, len(shape), "unbind")
    if not shape:
        raise IndexError("unbind: Dimension specified as 0 but tensor has no dimensions")
    n = shape[d]

    def fn(a: mx.array) -> Any:
        return mx.unstack(a, axis=d)

    fn.__qualname__ = "unbind"
    return _attached(apply(fn, input), input, d, range(n)) if n else ()


# ---- diagonals and windows -------------------------------------------------------------------------------------------


@numpy_names
def diagonal(input: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """The view of the diagonal of the dimensions `dim1` and `dim2`, which comes last.

    Raises RuntimeError if they are the same.
    """
    check_tensor("diagonal", input)
    shape = array(input).shape
    d1, d2 = wrap_dim(dim1, len(shape), "diagonal"), wrap_dim(dim2, len(shape), "diagonal")
    if d1 == d2:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    rest = tuple(s for k, s in enumerate(shape) if k not in (d1, d2))
    count = max(min(shape[d1] + min(offset, 0), shape[d2] - max(offset, 0)), 0)

    def fn(a: mx.array) -> mx.array:
        return mx.diagonal(a, offset, d1, d2) if count else mx.zeros((*rest, 0), a.dtype)

    def trace(at: Layout, shape: Shape) -> Layout:
        first, second = at.strides[d1], at.strides[d2]
        start = at.offset + (0 if not count else offset * second if offset >= 0 else -offset * first)
        return Layout(shape, (*[s for k, s in enumerate(at.strides) if k not in (d1, d2)], first + second), start)

    fn.__qualname__ = "diagonal"
    return _views.view(fn, input, trace)


@numpy_names
def unfold(input: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """The view of all windows of `size` elements along `dimension`, `step` apart: they come last.

    Raises RuntimeError if `size` exceeds the dimension or `step` is not positive.
    """
    check_tensor("unfold", input)
    shape = array(input).shape or (1,)
    d = wrap_dim(dimension, len(shape), "unfold")
    if size > shape[d]:
        raise RuntimeError(f"maximum size for tensor at dimension {d} is {shape[d]} but size is {size}")
    if size < 0 or step <= 0:
        raise RuntimeError(f"unfold: size must be at least 0 and step more than 0, got size {size} and step {step}")
    scalar = not array(input).shape
    count = (shape[d] - size) // step + 1
    wanted = (*shape[:d], count, *shape[d + 1 :], size)
    if scalar:
        wanted = (size,)

    def strided(strides: Sequence[int]) -> tuple[int, ...]:
        return (1,) if scalar else (*strides[:d], strides[d] * step, *strides[d + 1 :], strides[d])

    rows = dense(shape)

    def fn(a: mx.array) -> mx.array:
        return mx.as_strided(mx.contiguous(a), wanted, strided(rows)) if 0 not in wanted else mx.zeros(wanted, a.dtype)

    def trace(at: Layout, shape: Shape) -> Layout:
        return Layout(shape, strided(at.strides), at.offset)

    fn.__qualname__ = "unfold"
    return _views.view(fn, input, trace)


@numpy_names
def as_strided(input: Tensor, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None) -> Tensor:
    """A view with the given sizes and strides of the memory that `input` lies in.

    Raises RuntimeError if it would reach beyond that memory, or if a stride is negative.
    """
    check_tensor("as_strided", input)
    sizes, strides = shape_of((size,), "as_strided"), shape_of((stride,), "as_strided")
    if len(sizes) != len(strides):
        raise RuntimeError(f"mismatch in length of strides and shape: {list(sizes)} and {list(strides)}")
    if any(s < 0 for s in strides):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(strides)}"
        )
    offset = _offset(input) if storage_offset is None else storage_offset
    whole = owner(input)
    reach = offset + sum((n - 1) * s for n, s in zip(sizes, strides, strict=True)) + 1
    if (0 not in sizes and reach > whole._data.size) or offset < 0:
        raise RuntimeError(
            f"as_strided: sizes {list(sizes)}, strides {list(strides)}, storage offset {offset} require a storage "
            f"of {reach} elements, "
            f"which is out of bounds for storage of {whole._data.size} elements"
        )

    def fn(a: mx.array) -> mx.array:
        return mx.as_strided(mx.contiguous(a), sizes, strides, offset) if 0 not in sizes else mx.zeros(sizes, a.dtype)

    def trace(at: Layout, shape: Shape) -> Layout:
        return Layout(shape, strides, offset)

    fn.__qualname__ = "as_strided"
    return _views.view(fn, whole, trace)


_offset = storage_offset  # `as_strided` has an argument of that name


def owner(t: Tensor) -> Tensor:
    """The tensor that owns the memory of `t`: `t` itself, or what it is a view of, without history if `t` is so."""
    extra = t._extra
    if extra is None or extra.base is None:
        return t
    at, detached = t, False
    while at._extra is not None and at._extra.base is not None:
        detached = detached or at._extra.fn is None
        at = at._extra.parent
    array(at)
    return _views.alias(at) if detached else at
