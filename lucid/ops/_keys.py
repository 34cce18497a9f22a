"""Reading the key of `x[key]`: PyTorch's rules, and every check that MLX leaves out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import mlx.core as mx
import numpy as np

from lucid import _known, _tape
from lucid._grad_mode import mode
from lucid._tape import TensorCore, array
from lucid.ops._check import is_tensor

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Shape = tuple[int, ...]
_all = slice(None)
_PLAIN = (int, slice, type(None), type(Ellipsis))
INDEX = (mx.int64, mx.int32)
MASK = (mx.bool_, mx.uint8)


class Plan(NamedTuple):
    """A key with index tensors, in two steps.

    A basic index, then index tensors at some of the dimensions that it leaves.
    """

    basic: tuple[Any, ...]
    shape: Shape  # what the basic index leaves
    places: list[int]  # the dimensions of `shape` that are indexed
    indices: list[Any]  # an index tensor or array for each
    mask: Any = None  # a bool tensor, if it is the only index: it covers the dimensions from `places[0]` on

    def result(self) -> Shape:
        """The shape of what is selected, where no mask is involved."""
        try:
            spread = np.broadcast_shapes(*[shape_of_index(i) for i in self.indices])
        except ValueError:
            shapes = ", ".join(str(list(shape_of_index(i))) for i in self.indices)
            raise IndexError(
                f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
            ) from None
        rest = [s for k, s in enumerate(self.shape) if k not in self.places]
        first = self.places[0]
        at = first if self.places == list(range(first, first + len(self.places))) else 0
        return (*rest[:at], *spread, *rest[at:])


def shape_of_index(index: Any) -> Shape:
    """The shape of an index tensor or array."""
    return index._data.shape if is_tensor(index) else index.shape


def items_of(key: Any) -> tuple[Any, ...]:
    """The parts of a key. A list that holds more than numbers is taken as the tuple of its items."""
    if key.__class__ is tuple:
        return key
    if isinstance(key, tuple):
        return tuple(key)
    if isinstance(key, list) and len(key) < 32:
        structured = (TensorCore, list, tuple, range, np.ndarray, slice, type(Ellipsis), type(None))
        if any(isinstance(item, structured) for item in key):
            return tuple(key)
    return (key,)


def basic(items: tuple[Any, ...], shape: Shape) -> tuple[Any, ...] | None:
    """`items` checked against `shape`, if they are ints, slices, None and `...` only; else None."""
    found: list[Any] = []
    at, n = 0, len(shape)
    for position, item in enumerate(items):
        kind = item.__class__
        if kind is int:
            if at >= n:
                raise too_many(n)
            size = shape[at]
            if not -size <= item < size:
                raise out_of_bounds(item, at, size)
            found.append(item)
            at += 1
        elif kind is slice:
            if at >= n:
                raise too_many(n)
            found.append(checked_slice(item, shape[at]))
            at += 1
        elif item is None:
            found.append(None)
        elif item is Ellipsis:
            if any(later.__class__ not in _PLAIN for later in items[position + 1 :]):
                return None
            skipped = n - at - sum(1 for later in items[position + 1 :] if later is not None and later is not Ellipsis)
            if skipped < 0:
                raise too_many(n)
            found.extend([_all] * skipped)
            at += skipped
        else:
            return None
    while found and found[-1] is _all:
        found.pop()
    return tuple(found)


def checked_slice(item: slice, size: int) -> slice:
    """`item` with its bounds within `size`. Raises ValueError unless its step is positive."""
    start, stop, step = item.start, item.stop, item.step
    if start is None and stop is None and step is None:
        return _all
    try:
        first, last, by = item.indices(size)
    except TypeError:
        bad = next((v for v in (start, stop, step) if v is not None and not hasattr(v, "__index__")), step)
        raise TypeError(
            f"slice indices must be integers or None or have an __index__ method, got {type(bad).__name__}"
        ) from None
    if by <= 0:
        raise ValueError("step must be greater than zero")
    if first == 0 and last == size and by == 1:
        return _all
    return slice(first, max(first, last), by)


def too_many(n: int) -> IndexError:
    """The error for a key with more parts than dimensions."""
    if n == 0:
        return IndexError("invalid index of a 0-dim tensor. Use `tensor.item()` to convert a 0-dim tensor to a number")
    return IndexError(f"too many indices for tensor of dimension {n}")


def out_of_bounds(index: int, dim: int, size: int) -> Exception:
    """The error for an index outside its dimension: ValueError for one beyond 64 bits."""
    if not -(2**63) <= index < 2**63:
        return ValueError(f"getitem: Overflow when unpacking long long: index {index} does not fit in 64 bits")
    return IndexError(f"index {index} is out of bounds for dimension {dim} with size {size}")


def basic_shape(key: tuple[Any, ...], shape: Shape) -> Shape:
    """The shape that the checked basic key leaves of `shape`."""
    found: list[int] = []
    at = 0
    for item in key:
        if item is None:
            found.append(1)
            continue
        if item.__class__ is slice:
            found.append(shape[at] if item is _all else len(range(item.start, item.stop, item.step)))
        at += 1
    return (*found, *shape[at:])


def as_index(item: Any) -> Any:
    """One part of a key as an int, slice, None, Ellipsis, bool, tensor or numpy array.

    Raises IndexError for anything else.
    """
    if item is None or item is Ellipsis or isinstance(item, (bool, slice, TensorCore)):
        return item
    if isinstance(item, (int, np.integer)):
        return int(item)
    if isinstance(item, mx.array):
        return _tape.wrap(item)
    if isinstance(item, (list, tuple, range, np.ndarray)):
        found = _host(item)
        if found.dtype.kind == "b" or (found.dtype == np.uint8 and isinstance(item, np.ndarray)):
            found = found != 0
            return found if found.ndim else bool(found)
        if found.dtype.kind in "iuf":
            return found.astype(np.int64) if found.ndim else int(found)
        if found.dtype.kind == "O" and all(isinstance(v, int) for v in found.flat):
            raise ValueError("getitem: Overflow when unpacking long long: an index does not fit in 64 bits")
        if found.dtype.kind in "cUS":
            raise TypeError(f"getitem: expected integers as indices, got a sequence of {found.dtype}")
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if isinstance(item, (str, bytes)):
        raise TypeError(f"getitem: invalid data type {type(item).__name__!r} for an index")
    if hasattr(item, "__index__"):
        return item.__index__()
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        f"(got {type(item).__name__})"
    )


def _host(item: Any) -> np.ndarray[Any, Any]:
    if isinstance(item, (list, tuple)) and any(is_tensor(v) for v in item):
        item = [v.tolist() if is_tensor(v) else v for v in item]
    return np.asarray(item)


def plan(input: Tensor, items: tuple[Any, ...]) -> Plan:
    """The plan for a key of parts from `as_index`, with index tensors, arrays or bools among them."""
    shape = array(input).shape
    parts = list(items)
    used = sum(width(part) for part in parts)
    if used > len(shape):
        raise too_many(len(shape))
    if Ellipsis not in [p if p is Ellipsis else None for p in parts]:
        parts.append(Ellipsis)
    key: list[Any] = []
    left: list[int] = []  # the sizes that the basic step leaves
    places: list[int] = []
    indices: list[Any] = []
    masks: list[tuple[Any, int]] = []
    at, spare = 0, len(shape) - used
    for part in parts:
        if part is Ellipsis:
            key += [_all] * spare
            left += shape[at : at + spare]
            at, spare = at + spare, 0
        elif part is None:
            key.append(None)
            left.append(1)
        elif part.__class__ is bool or (
            not isinstance(part, (int, slice)) and _is_mask(part) and not shape_of_index(part)
        ):
            truth = part if part.__class__ is bool else bool(part)
            key.append(None)
            places.append(len(left))
            indices.append(mx.array(np.zeros(int(truth), np.int32)))
            left.append(1)
        elif isinstance(part, int):
            if not -shape[at] <= part < shape[at]:
                raise out_of_bounds(part, at, shape[at])
            key.append(part)
            at += 1
        elif isinstance(part, slice):
            key.append(checked_slice(part, shape[at]))
            left.append(basic_shape((key[-1],), (shape[at],))[0])
            at += 1
        elif _is_mask(part):
            wanted = shape_of_index(part)
            if shape[at : at + len(wanted)] != wanted:
                raise IndexError(
                    f"The shape of the mask {list(wanted)} at index {at} does not match the shape of the indexed "
                    f"tensor {list(shape)} "
                    f"at index {at}"
                )
            masks.append((part, len(left)))
            places += range(len(left), len(left) + len(wanted))
            indices += [None] * len(wanted)
            key += [_all] * len(wanted)
            left += wanted
            at += len(wanted)
        else:
            places.append(len(left))
            indices.append(checked_index(part, at, shape[at]))
            key.append(_all)
            left.append(shape[at])
            at += 1
    while key and key[-1] is _all:
        key.pop()
    if len(masks) == 1 and all(i is None for i in indices):
        return Plan(tuple(key), tuple(left), places, [], masks[0][0])
    for mask, place in masks:
        found = np.nonzero(mask_values(mask))
        for k, positions in enumerate(found):
            indices[places.index(place + k)] = mx.array(positions.astype(np.int32))
    return Plan(tuple(key), tuple(left), places, indices)


def width(part: Any) -> int:
    """How many dimensions one part of a key takes up."""
    if part is None or part is Ellipsis or part.__class__ is bool:
        return 0
    if isinstance(part, (int, slice)):
        return 1
    return len(shape_of_index(part)) if _is_mask(part) else 1


def _is_mask(index: Any) -> bool:
    if is_tensor(index):
        return index._data.dtype in MASK
    return index.dtype.kind == "b"  # type: ignore[no-any-return]


def mask_values(mask: Any) -> np.ndarray[Any, Any]:
    """The values of a mask, which are computed if need be: the shape of the result depends on them."""
    if not is_tensor(mask):
        return mask  # type: ignore[no-any-return]
    if not _known.is_known(mask):
        _tape.evaluate(mask)
    found: np.ndarray[Any, Any] = np.array(array(mask), copy=False) != 0
    return found


def checked_index(index: Any, dim: int, size: int) -> Any:
    """An index for MLX: checked if its values are known, else clamped in the graph.

    Raises IndexError out of range or for its dtype.
    """
    if is_tensor(index):
        if index._data.dtype not in INDEX:
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return bounded(index, dim, -size, size)
    check_bounds(index, dim, -size, size)
    return mx.array(index.astype(np.int32 if size < 2**31 else np.int64))


def check_bounds(
    values: np.ndarray[Any, Any], dim: int, low: int, high: int, error: type[Exception] = IndexError
) -> None:
    """Raise `error` unless all of `values` lie in [low, high)."""
    if values.size and (values.min() < low or values.max() >= high):
        if high == 0:
            raise error("index is out of bounds for dimension with size 0")
        bad = values[(values < low) | (values >= high)].flat[0]
        raise error(f"index {bad} is out of bounds for dimension {dim} with size {high}")


def bounded(index: Tensor, dim: int, low: int, high: int, error: type[Exception] = IndexError) -> Any:
    """`index` checked to be in [low, high) if its values are known or anomalies are looked for, else clamped."""
    array(index)
    if _known.within(index, low, high) or index._data.size == 0:
        return index
    if high == 0:
        raise error("index is out of bounds for dimension with size 0")
    if mode.anomaly and not _known.is_known(index):
        _tape.evaluate(index)
        _known.know(array(index))
    values = _known.values(index)
    if values is None:
        return clamped(index, low, high - 1)
    check_bounds(values, dim, low, high, error)
    _known.saw(index, int(values.min()), int(values.max()))
    return index


def clamped(index: Tensor, low: int, high: int) -> Any:
    """`index` held within [low, high], without looking at it."""
    if index._data.size == 0:
        return index
    return _tape.apply(lambda i: mx.clip(i, low, high), index)
