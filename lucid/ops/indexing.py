"""`x[key]` and `x[key] = value`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _known, _views
from lucid._layout import Layout
from lucid._tape import TensorCore, apply, array
from lucid.ops import _keys
from lucid.ops._check import is_tensor
from lucid.ops._fits import fitting
from lucid.ops._keys import Plan, as_index, basic, basic_shape, items_of, plan, width
from lucid.ops._place import on_cpu_if_wide, take
from lucid.ops.pieces import put_at, sliced
from lucid.ops.shape import reshape

__all__ = ["index_put", "index_put_"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

_all = slice(None)


def getitem(input: Tensor, key: Any) -> Tensor:
    """`input[key]`.

    A view for ints, slices, None and `...`; a copy as soon as an index tensor, a mask or a list is among them.

    Raises IndexError for an index out of range, too many of them, or one of the wrong type, and ValueError for a step
    that is not positive.
    """
    if key.__class__ is int:  # the most frequent key
        shape = array(input).shape
        if shape and -shape[0] <= key < shape[0]:
            return sliced("select", input, (key,))
    if is_tensor(key) and array(key).dtype in _keys.INDEX and key._data.ndim:
        return _rows(input, key)
    items = items_of(key)
    found = basic(items, array(input).shape)
    if found is not None:
        return sliced(_name(items), input, found) if found else _whole(input)
    input, items = _resolved(input, items)
    found = basic(items, array(input).shape)
    if found is not None:
        return sliced(_name(items), input, found) if found else _whole(input)
    return _indexed(input, plan(input, items))


def _name(items: tuple[Any, ...]) -> str:
    last = items[-1]
    return "select" if last.__class__ is int else "unsqueeze" if last is None else "slice"


def _whole(input: Tensor) -> Tensor:
    def alias(a: mx.array) -> mx.array:
        return a

    alias.__qualname__ = "alias"
    return _views.view(alias, input, lambda at, shape: at, lambda parent, value: value)


def _resolved(input: Tensor, items: tuple[Any, ...]) -> tuple[Tensor, tuple[Any, ...]]:
    """`items` in the forms that `plan` knows. 0-dim integer tensors become ints.

    Their values if known, else 0 after taking that row lazily.
    """
    found = [as_index(item) for item in items]
    shape = array(input).shape
    used = sum(map(width, found))
    at = 0
    for k, item in enumerate(found):
        if is_tensor(item) and item._data.ndim == 0 and item._data.dtype not in _keys.MASK and item.dtype.rank == 1:
            values = _known.values(item)
            if values is not None:
                found[k] = int(values)
            elif at < len(shape):
                if shape[at] == 0:
                    raise _keys.out_of_bounds(0, at, 0)
                input, found[k] = _row(input, at, item), 0
            at += 1
        elif item is Ellipsis:
            at += len(shape) - used
        else:
            at += width(item)
    return input, tuple(found)


def _row(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slice of size 1 at a lazy `index` along `dim`, as a view."""
    size = array(input).shape[dim]
    position = _keys.clamped(index, -size, size - 1)

    def select(a: mx.array, i: mx.array) -> mx.array:
        return take(a, i.reshape(1), dim)

    select.__qualname__ = "select"
    fixed = array(position)

    def put(parent: mx.array, value: mx.array) -> mx.array:
        return _assigned(parent, (_all,) * dim + (fixed.reshape(1),), value)

    move = _views.Move(lambda a: select(a, fixed), lambda at, shape: Layout(shape, *at[1:]), put)
    return _views.attach(apply(select, input, position), input, move)


# ---- reading with index tensors --------------------------------------------------------------------------------------


def _rows(input: Tensor, key: Tensor) -> Tensor:
    """`input[key]` for one index tensor, the most frequent of these keys."""
    shape = array(input).shape
    if not shape:
        raise _keys.too_many(0)
    key = _keys.bounded(key, 0, -shape[0], shape[0])

    def index(a: mx.array, i: mx.array) -> mx.array:
        return take(a, i, 0)

    index.__qualname__ = "index"
    result: Tensor = apply(index, input, key)
    return result


def _indexed(input: Tensor, found: Plan) -> Tensor:
    if found.mask is not None:
        return _masked(input, found)
    wanted = found.result()
    cut, places = found.basic, found.places

    def index(a: mx.array, *indices: mx.array) -> mx.array:
        if 0 in wanted:
            return mx.zeros(wanted, a.dtype)
        with on_cpu_if_wide(a):
            return (a[cut] if cut else a)[_spread(places, indices)]

    index.__qualname__ = "index"
    result: Tensor = apply(index, input, *found.indices)
    return result


def _spread(places: list[int], indices: Any) -> tuple[Any, ...]:
    key: list[Any] = [_all] * (places[-1] + 1)
    for place, index in zip(places, indices, strict=True):
        key[place] = index
    return tuple(key)


def _masked(input: Tensor, found: Plan) -> Tensor:
    positions = mx.array(np.flatnonzero(_keys.mask_values(found.mask)).astype(np.int32))
    cut, first, last = found.basic, found.places[0], found.places[-1] + 1
    shape = found.shape
    flat = (*shape[:first], int(np.prod(shape[first:last])), *shape[last:])

    def index(a: mx.array, where: mx.array) -> mx.array:
        return take((a[cut] if cut else a).reshape(flat), where, first)

    index.__qualname__ = "index"
    result: Tensor = apply(index, input, positions)
    return result


# ---- writing ---------------------------------------------------------------------------------------------------------


def setitem(input: Tensor, key: Any, value: Any) -> None:
    """`input[key] = value`: broadcast and converted, written through views and recorded for gradients.

    Raises what `getitem` raises for the key, RuntimeError if the value does not broadcast, TypeError if it is no tensor
    or number.
    """
    items = items_of(key)
    to = array(input).dtype
    if not is_tensor(value):
        value = _scalar(value, input)
    else:
        array(value)
    found = basic(items, input._data.shape)
    if found is None:
        target, items = _resolved(input, items)
        if target is not input:  # a row that was taken lazily: a view, which writes through
            return setitem(target, items, value)
        found = basic(items, input._data.shape)
    if found is None:
        _views.assign(input, updated(input, plan(input, items), value, False))
        return None
    cut, shape = found, basic_shape(found, input._data.shape)

    def copy_slices(a: mx.array, v: mx.array) -> mx.array:
        return put_at(cut, a, _broadcast(v.astype(to), shape))

    copy_slices.__qualname__ = "copy_slices"
    _check_value(value, shape)
    _views.assign(input, apply(copy_slices, input, value))
    return None


def _scalar(value: Any, input: Tensor) -> mx.array:
    if isinstance(value, mx.array):
        return value
    if isinstance(value, (bool, int, float, complex, np.number, np.bool_)):
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise ValueError(f"setitem: Overflow when unpacking long long: {value} does not fit in 64 bits")
        return fitting(value, input._data.dtype, "setitem", rounds=True)
    raise TypeError(
        f"can't assign a {type(value).__name__} to a tensor of {input.dtype!r}; make it a tensor with lucid.tensor "
        "first"
    )


def _check_value(value: Any, shape: tuple[int, ...]) -> None:
    have = _keys.shape_of_index(value)
    if have == shape or not have:
        return
    while len(have) > len(shape) and have[0] == 1:
        have = have[1:]
    if len(have) > len(shape):
        raise RuntimeError(
            f"expand: the number of sizes provided ({len(shape)}) must be greater or equal to the number of "
            f"dimensions in the tensor ({len(have)})"
        )
    lead = len(shape) - len(have)
    for k, s in enumerate(have):
        if s != 1 and s != shape[lead + k]:
            raise RuntimeError(
                f"The expanded size of the tensor ({shape[lead + k]}) must match the existing size ({s}) at "
                "non-singleton dimension "
                f"{lead + k}.  Target sizes: {list(shape)}.  Tensor sizes: {list(have)}"
            )


def _broadcast(v: mx.array, shape: tuple[int, ...]) -> mx.array:
    if v.shape == shape:
        return v
    if v.ndim > len(shape):
        v = v.reshape(v.shape[v.ndim - len(shape) :])
    return mx.broadcast_to(v, shape)


def _assigned(a: mx.array, key: tuple[Any, ...], value: mx.array) -> mx.array:
    if value.size == 0:
        return a
    with on_cpu_if_wide(a):
        new = mx.array(a)
        new[key] = value
        return new


def updated(input: Tensor, found: Plan, value: Any, accumulate: bool) -> Tensor:
    """`input` with `value` put, or added, at the places of a plan."""
    dtype = input._data.dtype
    have = _keys.shape_of_index(value)
    if is_tensor(value) and value._data.dtype != dtype:
        if value._data.size != 1 or found.mask is None:
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got "
                f"{input.dtype!r} for the destination and {value.dtype!r} for the source."
            )
        value = apply(lambda v: v.astype(dtype), value)
    cut = found.basic
    if found.mask is not None:
        rest = len(found.shape) - found.places[-1] - 1
        if not accumulate and (len(have) <= rest or have[len(have) - rest - 1] == 1):
            return _where_masked(input, found, value, rest)
        positions = np.nonzero(_keys.mask_values(found.mask))
        found = Plan(cut, found.shape, found.places, [mx.array(p.astype(np.int32)) for p in positions])
    shape, places = found.result(), found.places
    while len(have) > len(shape) and have[0] == 1:
        have = have[1:]
    if len(have) > len(shape) or any(s not in (1, t) for s, t in zip(have[::-1], shape[::-1], strict=False)):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(have)} cannot be broadcast to indexing result of shape "
            f"{list(shape)}"
        )

    def index_put(a: mx.array, v: mx.array, *indices: mx.array) -> mx.array:
        part = a[cut] if cut else a
        key, spread = _spread(places, indices), _broadcast(v, shape)
        if spread.size == 0:
            return a
        if accumulate:
            with on_cpu_if_wide(a):
                part = part.at[key].add(spread)
        else:
            part = _assigned(part, key, spread)
        return put_at(cut, a, part) if cut else part

    index_put.__qualname__ = "index_put"
    result: Tensor = apply(index_put, input, value, *found.indices)
    return result


def _where_masked(input: Tensor, found: Plan, value: Any, rest: int) -> Tensor:
    """Without a look at the mask: `value` does not vary along the places it selects."""
    cut, places = found.basic, found.places
    shape, first = found.shape, found.places[0] if found.places else 0
    width = len(places)
    mask = found.mask if is_tensor(found.mask) else mx.array(found.mask)
    target = (*shape[:first], 1, *shape[first + width :])
    _check_masked(_keys.shape_of_index(value), target)

    def index_put(a: mx.array, v: mx.array, m: mx.array) -> mx.array:
        part = a[cut] if cut else a
        if part.size == 0:
            return a
        spread = _broadcast(v, target).reshape((*shape[:first], *(1,) * width, *shape[first + width :]))
        new = mx.where((m != 0).reshape(m.shape + (1,) * rest), spread, part)
        return put_at(cut, a, new) if cut else new

    index_put.__qualname__ = "index_put"
    result: Tensor = apply(index_put, input, value, mask)
    return result


def _check_masked(have: tuple[int, ...], target: tuple[int, ...]) -> None:
    while len(have) > len(target) and have[0] == 1:
        have = have[1:]
    if len(have) > len(target) or any(s not in (1, t) for s, t in zip(have[::-1], target[::-1], strict=False)):
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(have)} cannot be broadcast to indexing result of shape "
            f"{list(target)}"
        )


def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """A copy of `input` with `values` put (with `accumulate` added, as often as an index appears) at `input[indices]`.

    Raises RuntimeError if the dtypes differ or the values do not broadcast, IndexError for an index out of range.
    """
    return _put(input, indices, values, accumulate)


def index_put_(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """`index_put` in place. Returns `input`."""
    return _views.assign(input, _put(input, indices, values, accumulate))


def _put(input: Tensor, indices: Any, values: Any, accumulate: bool) -> Tensor:
    if not is_tensor(values):
        raise TypeError(f"index_put(): argument 'values' must be Tensor, not {type(values).__name__}")
    if array(values).dtype != array(input).dtype:
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {input.dtype!r} for the destination and "
            f"{values.dtype!r} for the source."
        )
    parts = tuple(indices)
    for part in parts:
        if not isinstance(part, TensorCore):
            raise TypeError(
                f"index_put(): argument 'indices' must be a tuple of Tensors, got {type(part).__name__} in it"
            )
    parts = tuple([reshape(p, (1,)) if is_tensor(p) and not array(p).ndim else p for p in parts])
    return updated(input, plan(input, parts), values, accumulate)
