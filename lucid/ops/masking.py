"""Ops that choose by a mask: where, masked_fill, masked_select, nonzero."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _known, _tape, _views
from lucid._tape import apply, array
from lucid.dtypes import FLOATING
from lucid.ops import _keys, _select
from lucid.ops._arguments import numpy_names
from lucid.ops._check import check_tensor, is_tensor
from lucid.ops._fits import fitting
from lucid.ops._out import give
from lucid.ops._place import take
from lucid.ops._promotion import constant, result_type

__all__ = ["argwhere", "masked_fill", "masked_scatter", "masked_select", "nonzero", "where"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def where(condition: Tensor, input: Any = None, other: Any = None, *, out: Tensor | None = None) -> Any:
    """`input` where `condition` holds and `other` elsewhere, broadcast and promoted.

    Given the condition alone, it is `nonzero(condition, as_tuple=True)`.

    Raises RuntimeError unless the condition is bool (or uint8).

    >>> import lucid
    >>> lucid.where(lucid.tensor([True, False]), 1.0, 0.0)
    tensor([1., 0.])
    """
    if not is_tensor(condition):
        raise TypeError(f"where(): argument 'condition' (position 1) must be Tensor, not {type(condition).__name__}")
    if input is None and other is None:
        return nonzero(condition, as_tuple=True)
    if input is None or other is None:
        raise TypeError("where(): expected condition alone, or condition, input and other")
    if array(condition).dtype not in _keys.MASK:
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {condition.dtype!r}"
        )
    if condition._data.dtype == mx.bool_:
        a, b = _beside(input, other), _beside(other, input)
        if a is not None and b is not None:
            recorded = getattr(a, "_node", None) is not None or getattr(b, "_node", None) is not None
            result: Tensor = apply(_select.where if recorded else mx.where, condition, a, b)
            return result if out is None else give(result, out, "where", exact=True)
    to = result_type(input, other).mx
    a = input if is_tensor(input) else fitting(input, to, "where", rounds=True)
    b = other if is_tensor(other) else fitting(other, to, "where", rounds=True)

    def fn(c: mx.array, x: mx.array, y: mx.array) -> mx.array:
        return _select.where(c if c.dtype == mx.bool_ else c != 0, x.astype(to), y.astype(to))

    fn.__qualname__ = "where"
    result = apply(fn, condition, a, b)
    return result if out is None else give(result, out, "where", exact=True)


def _beside(value: Any, other: Any) -> Any:
    """`value`, a tensor or number, if nothing has to be converted where it stands beside `other`; else None."""
    if is_tensor(value):
        return value if not is_tensor(other) or value._data.dtype == other._data.dtype else None
    if not is_tensor(other) or other._data.dtype not in FLOATING:
        return None
    found = constant(value, other._data.dtype)
    return found if found is not None and (-6e4 < value < 6e4 or not math.isfinite(value)) else None


def method_where(input: Tensor, condition: Tensor, other: Any) -> Tensor:
    """`input` where `condition` holds and `other` elsewhere: see `lucid.where`."""
    result: Tensor = where(condition, input, other)
    return result


def _mask(operation: str, input: Tensor, mask: Any) -> None:
    check_tensor(operation, input)
    if not is_tensor(mask):
        raise TypeError(f"{operation}(): argument 'mask' must be Tensor, not {type(mask).__name__}")
    if array(mask).dtype != mx.bool_:
        raise RuntimeError(f"{operation} only supports boolean masks, but got mask with dtype {mask.dtype!r}")


def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """A copy of `input` with `value`, a number or a 0-dim tensor, where `mask` is True; the mask is broadcast.

    Raises RuntimeError unless the mask is bool and the value fits the dtype.
    """
    _mask("masked_fill", input, mask)
    to = array(input).dtype
    known = constant(value, to) if to in FLOATING else None
    if known is not None and (-6e4 < value < 6e4 or not math.isfinite(value)):
        fill = _masked_fill if input._node is None else _masked_fill_recorded
        return apply(fill, input, mask, known)  # type: ignore[no-any-return]
    if is_tensor(value):
        if array(value).ndim:
            raise RuntimeError(
                f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._data.ndim} "
                "dimension(s)."
            )
        if value.dtype.is_complex and not input.dtype.is_complex:
            raise RuntimeError(
                f"value cannot be converted to type {input.dtype!r} without overflow: it is {value.dtype!r}"
            )
    else:
        value = fitting(value, to, "masked_fill")

    def fn(a: mx.array, m: mx.array, v: mx.array) -> mx.array:
        return _select.where(m, v.astype(to), a)

    fn.__qualname__ = "masked_fill"
    return apply(fn, input, mask, value)  # type: ignore[no-any-return]


def _masked_fill(a: mx.array, mask: mx.array, value: mx.array) -> mx.array:
    return mx.where(mask, value, a)


def _masked_fill_recorded(a: mx.array, mask: mx.array, value: mx.array) -> mx.array:
    return _select.where(mask, value, a)


_masked_fill_recorded.__qualname__ = "masked_fill"


@numpy_names
def masked_select(input: Tensor, mask: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The elements of `input` where `mask` is True, both broadcast, in one dimension. Evaluates the mask.

    Raises RuntimeError unless the mask is bool.
    """
    _mask("masked_select", input, mask)
    shape = _common("masked_select", array(input).shape, array(mask).shape)
    chosen = np.flatnonzero(np.broadcast_to(_keys.mask_values(mask), shape))
    positions = mx.array(chosen.astype(np.int32 if len(chosen) < 2**31 else np.int64))

    def fn(a: mx.array, where: mx.array) -> mx.array:
        return take(mx.broadcast_to(a, shape).reshape(-1), where, 0)

    fn.__qualname__ = "masked_select"
    return give(apply(fn, input, positions), out, "masked_select", exact=True)


def _common(operation: str, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        n = max(len(a), len(b))
        for k in range(1, n + 1):
            x, y = (a[-k] if k <= len(a) else 1), (b[-k] if k <= len(b) else 1)
            if x != y and 1 not in (x, y):
                raise RuntimeError(
                    f"{operation}: The size of tensor a ({x}) must match the size of tensor b ({y}) at "
                    f"non-singleton dimension {n - k}"
                ) from None
        raise


@numpy_names
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """A copy of `input` with the elements of `source`, in order, where `mask` is True; the mask is broadcast.

    Raises RuntimeError unless the mask is bool and the dtypes are the same.
    """
    check_tensor("masked_scatter", input)
    check_tensor("masked_scatter", source)
    if array(mask).dtype != mx.bool_:
        raise RuntimeError(f"masked_scatter_ only supports boolean masks, but got mask with dtype {mask.dtype!r}")
    if array(input).dtype != array(source).dtype:
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {input.dtype!r} and {source.dtype!r}"
        )
    shape = _common("masked_scatter", input._data.shape, mask._data.shape)
    count = source._data.size
    chosen = _known.values(mask)
    if chosen is not None and np.broadcast_to(chosen, shape).sum() > count:
        raise RuntimeError(
            f"masked_scatter: expected the number of elements in source ({count}) to be at least the number of ones "
            "in the mask"
        )
    if count == 0:
        source = _tape.wrap(mx.zeros((1,), input._data.dtype))

    def fn(a: mx.array, m: mx.array, s: mx.array) -> mx.array:
        if 0 in shape:
            return mx.zeros(shape, a.dtype)
        flat = mx.broadcast_to(m, shape).reshape(-1)
        order = mx.clip(mx.cumsum(flat.astype(mx.int32)) - 1, 0, max(count, 1) - 1)
        values = take(s.reshape(-1), order, 0).reshape(shape)
        return mx.where(m, values, a)

    fn.__qualname__ = "masked_scatter"
    result: Tensor = apply(fn, input, mask, source)
    return result


@numpy_names
def nonzero(input: Tensor, *, out: Tensor | None = None, as_tuple: bool = False) -> Any:
    """The indices of the elements that are not zero: one row each, or with `as_tuple` one tensor for each dimension.

    Evaluates `input`: the shape of the result depends on it.

    >>> import lucid
    >>> lucid.nonzero(lucid.tensor([3, 0, 4]))
    tensor([[0],
            [2]])
    """
    check_tensor("nonzero", input)
    if not _known.is_known(input):
        _tape.evaluate(input)
    data = array(input)
    if data.dtype == mx.bfloat16:
        data = data.astype(mx.float32)
    values = np.array(data, copy=False)
    if as_tuple:
        if out is not None:
            raise RuntimeError("nonzero: out= takes one tensor, as_tuple=True gives several; leave one of the two out")
        found = np.nonzero(values.reshape(1) if values.ndim == 0 else values)
        return tuple([_views.pin(_tape.wrap(_known.know(mx.array(k.astype(np.int64)))), input.device) for k in found])
    rows = np.argwhere(values).astype(np.int64)
    return give(_views.pin(_tape.wrap(_known.know(mx.array(rows))), input.device), out, "nonzero", exact=True)


@numpy_names
def argwhere(input: Tensor) -> Tensor:
    """The indices of the elements that are not zero, one row each."""
    result: Tensor = nonzero(input)
    return result
