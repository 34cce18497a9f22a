"""Building blocks of reductions: pure functions of arrays that MLX 0.32 needs a hand with.

MLX hangs on zero-size reductions, adds float32 numbers one after the other (2**25 ones sum to 2**24), and keeps float16
sums in float16 and small-integer sums in int32. Every sum in lucid goes through `total`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid._grad_mode import mode
from lucid._op_names import op_name
from lucid._tape import array, evaluate
from lucid.dtypes import INEXACT
from lucid.ops._dims import wrap_dims

Axes = tuple[int, ...] | None

HALF = frozenset((mx.float16, mx.bfloat16))
_WIDE = INEXACT - HALF
_BLOCK = 4096  # up to here a chain of float32 additions loses less than the last three bits
_BLOCKED = frozenset((mx.float32, mx.complex64))


def axes_of(dim: Any, ndim: int, operation: str) -> Axes:
    """`dim` counted from 0 as a tuple; None for all dimensions."""
    if dim.__class__ is int and -ndim <= dim < ndim:
        return (dim + ndim if dim < 0 else dim,)
    if dim is None or ndim == 0:
        if dim is not None:
            wrap_dims(dim, ndim, operation)
        return None
    return wrap_dims(dim, ndim, operation)


def reduced_shape(shape: tuple[int, ...], axes: Axes, keepdim: bool) -> tuple[int, ...]:
    """The shape of a reduction of an array of `shape` over `axes`."""
    if keepdim:
        return tuple(1 if axes is None or k in axes else n for k, n in enumerate(shape))
    return () if axes is None else tuple(n for k, n in enumerate(shape) if k not in axes)


def reduced_count(shape: tuple[int, ...], axes: Axes) -> int:
    """How many elements of an array of `shape` go into one of its reduction over `axes`."""
    return math.prod(shape if axes is None else [shape[k] for k in axes])


def total(a: mx.array, axes: Axes, keepdim: bool = False) -> mx.array:
    """The sum over `axes`: of integers in int64, of half precision through float32, of many numbers in blocks."""
    kind, size = a.dtype, a.size
    if kind in _WIDE:
        if 0 < size <= _BLOCK:
            return mx.sum(a, axes, keepdim)
    elif kind in HALF:
        return total(a.astype(mx.float32), axes, keepdim).astype(kind)
    else:
        a = a.astype(mx.int64)
    if size == 0:
        return mx.zeros(reduced_shape(a.shape, axes, keepdim), a.dtype)
    if size > _BLOCK and kind in _BLOCKED and reduced_count(a.shape, axes) > _BLOCK:
        return _in_blocks(a, axes, keepdim)
    return mx.sum(a, axis=axes, keepdims=keepdim)


def _in_blocks(a: mx.array, axes: Axes, keepdim: bool) -> mx.array:
    """The same sum by several short chains of additions instead of a long one."""
    shape = reduced_shape(a.shape, axes, keepdim)
    if axes is None:
        return _rows(a.reshape(-1), 0).reshape(shape)
    for k in axes:
        if a.shape[k] > 1 and reduced_count(a.shape, axes) > _BLOCK:
            a = _rows(a, k)
    return mx.sum(a, axis=axes).reshape(shape)


def _rows(a: mx.array, axis: int) -> mx.array:
    """The sum over one axis, which is kept."""
    n = a.shape[axis]
    if n <= _BLOCK:
        return mx.sum(a, axis=axis, keepdims=True)
    rows = _divisor(n)
    if rows == 1:  # a prime number, or nearly: the rest of a division is added on its own
        rows = math.isqrt(min(n, _BLOCK * _BLOCK))
        cut = n - n % rows
        head, tail = mx.split(a, [cut], axis=axis)
        return _rows(head, axis) + mx.sum(tail, axis=axis, keepdims=True)
    folded = mx.unflatten(a, axis, (rows, n // rows))
    return _rows(mx.sum(folded, axis=axis), axis)


@functools.lru_cache(maxsize=1024)
def _divisor(n: int) -> int:
    """The largest divisor of `n` that is no larger than its square root; 1 if there is none worth using."""
    top = math.isqrt(min(n, _BLOCK * _BLOCK))
    return next((k for k in range(top, top // 16, -1) if n % k == 0), 1)


def average(a: mx.array, axes: Axes, keepdim: bool = False) -> mx.array:
    """The mean over `axes`, NaN for none, accumulated in float32 or better."""
    if a.dtype in HALF:
        return average(a.astype(mx.float32), axes, keepdim).astype(a.dtype)
    count = a.size if axes is None else reduced_count(a.shape, axes)
    return total(a, axes, keepdim) / count


def extreme(reduce: Callable[..., mx.array], a: mx.array, axes: Axes, keepdim: bool = False) -> mx.array:
    """`mx.max` or `mx.min`, which hang where nothing is left over: the caller has refused to reduce nothing."""
    if a.size == 0:
        return mx.zeros(reduced_shape(a.shape, axes, keepdim), a.dtype)
    return reduce(a, axis=axes, keepdims=keepdim)


def position(find: Callable[..., mx.array], a: mx.array, axis: int | None, keepdim: bool = False) -> mx.array:
    """`mx.argmax` or `mx.argmin`, with nothing to find in zero-size arrays."""
    if a.size == 0:
        return mx.zeros(reduced_shape(a.shape, None if axis is None else (axis,), keepdim), mx.uint32)
    return find(a, axis=axis, keepdims=keepdim)


def pick(a: mx.array, index: mx.array, axis: int) -> mx.array:
    """The elements at `index` along `axis`: their gradient goes where they came from, and to nowhere else."""
    if index.size == 0:
        return mx.zeros(index.shape, a.dtype)
    return mx.take_along_axis(a, mx.stop_gradient(index), axis)


def on_rows(fn: Callable[..., Any], ndim: int) -> Callable[..., Any]:
    """`fn`, which works along a dimension, for 0-dim arrays too: they count as one row of one element."""
    if ndim:
        return fn

    def lifted(a: mx.array, *rest: Any) -> Any:
        out = fn(a.reshape(1), *rest)
        return out.reshape(()) if isinstance(out, mx.array) else tuple([o.reshape(()) for o in out])

    lifted.__qualname__ = op_name(fn)
    return lifted


def need_elements(shape: tuple[int, ...], axes: Axes, operation: str) -> None:
    """Raise as PyTorch does if `operation`, which has no identity, would reduce no elements."""
    if reduced_count(shape, axes):
        return
    if axes is None:
        raise IndexError(
            f"{operation}(): expected a tensor with elements, got shape {tuple(shape)}; there is no value to return"
        )
    empty = next(k for k in axes if shape[k] == 0)
    raise IndexError(f"{operation}(): Expected reduction dim {empty} to have non-zero size.")


def product(a: mx.array, axes: Axes, keepdim: bool = False) -> mx.array:
    """The product over `axes`: of integers in int64, of half precision accumulated in float32."""
    kind = a.dtype
    if kind not in INEXACT:
        a = a.astype(mx.int64)
    elif kind in HALF:
        return product(a.astype(mx.float32), axes, keepdim).astype(kind)
    if a.size == 0:
        return mx.ones(reduced_shape(a.shape, axes, keepdim), a.dtype)
    if kind == mx.complex64 or (mode.level is not None and kind in INEXACT):
        return _product_by_halves(a, axes).reshape(reduced_shape(a.shape, axes, keepdim))
    return mx.prod(a, axis=axes, keepdims=keepdim)


def _product_by_halves(a: mx.array, axes: Axes) -> mx.array:
    """The same product, with derivatives of any order.

    The second one of MLX 0.32.4's own forgets a conjugate, and is NaN beside a zero where tangents go forward; the
    third one always is.
    """
    for axis in (0,) if axes is None else axes:
        a = a.reshape(-1) if axes is None else a
        while (n := a.shape[axis]) > 1:
            half = n // 2
            product = front(a, axis, 0, half) * front(a, axis, half, 2 * half)
            a = product if n % 2 == 0 else mx.concatenate([product, front(a, axis, n - 1, n)], axis=axis)
    return a


def evenly(a: mx.array, value: mx.array) -> mx.array:
    """`value`, an element of `a`, with a gradient that all elements equal to it share (NaN equals NaN here)."""
    if a.dtype not in INEXACT:
        return value
    value = mx.stop_gradient(value)
    same = (a == value) | (mx.isnan(a) & mx.isnan(value))
    share = mx.sum(mx.where(same, a, mx.zeros((), a.dtype))) / mx.sum(same).astype(a.dtype)
    return mx.where(mx.isfinite(value), value + (share - mx.stop_gradient(share)), share)


def front(a: mx.array, axis: int, start: int, stop: int) -> mx.array:
    """`a[start:stop]` along `axis`."""
    return a[(slice(None),) * axis + (slice(start, stop),)]


def host(t: Any) -> np.ndarray[Any, Any]:
    """The values of the tensor `t` as a numpy array, evaluated; bfloat16 as float32."""
    evaluate(t)
    data = array(t)
    return np.array(data.astype(mx.float32) if data.dtype == mx.bfloat16 else data)


def first_true(**checks: mx.array) -> str | None:
    """The name of the first of `checks` that is true somewhere. In a traced function there are no values yet."""
    found = {name: mx.any(wrong) for name, wrong in checks.items()}
    try:
        mx.eval(list(found.values()))
    except ValueError:
        return None
    return next((name for name, wrong in found.items() if wrong.item()), None)
