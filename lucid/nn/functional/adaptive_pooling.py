"""Pooling to a given size: window i of n along a dimension of size s reaches from floor(i*s/n) to ceil((i+1)*s/n)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid._tape import apply
from lucid.nn.functional import _check
from lucid.nn.functional.pooling import Windows, _max_with_indices, max_of, windows

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
]

_Size = int | Sequence[int | None]


def _outs(name: str, n: int, input: Any, output_size: Any) -> tuple[int, ...]:
    _check.tensor(name, "input", input)
    if output_size is None:
        raise TypeError(f"{name}(): argument 'output_size' must be int or tuple of ints, not NoneType")
    if n > 1 and isinstance(output_size, (tuple, list)) and input._data.ndim <= len(output_size):
        raise ValueError(f"{name}: Input dimension should be at least {len(output_size) + 1}, got {input._data.ndim}")
    _check.spatial(name, input._data.shape, n)
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    if len(given) != n:
        raise RuntimeError(f"{name}: expected output_size to be a single int or {n} ints, but got {list(given)}")
    if n == 1 and None in given:
        raise TypeError(f"{name}(): argument 'output_size' must be int or tuple of ints, not {given}")
    outs = tuple(s if o is None else o for o, s in zip(given, input._data.shape[-n:], strict=True))
    for o in outs:
        if not hasattr(o, "__index__") or isinstance(o, bool):
            raise TypeError(f"{name}(): argument 'output_size' must be int or tuple of ints, not {type(o).__name__}")
        if o < 0:
            raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0, but got {outs}")
    if math.prod(outs) >= 2**31:
        raise RuntimeError(f"{name}: expected less than 2**31 windows, got output_size {outs}")
    return outs


def _even(name: str, n: int, input: Any, outs: Sequence[int]) -> Windows | None:
    """The windows, if they are all of one size and none shares an element with another."""
    shape = input._data.shape[-n:]
    if 0 in outs or any(s % o for s, o in zip(shape, outs, strict=True)):
        return None
    return windows(name, n, input, tuple([s // o for s, o in zip(shape, outs, strict=True)]), None, 0, 1, False)


def _elements(size: int, out: int) -> tuple[Any, Any]:
    """The elements of each window along a dimension (a short window repeats its last one), and how many they are."""
    i = np.arange(out, dtype=np.int64)[:, None]
    low, high = i * size // out, -(-(i + 1) * size // out)
    at = np.minimum(low + np.arange((high - low).max(initial=0)), high - 1)
    return at.astype(np.int32), (high - low).astype(np.int32)


def _adaptive_avg(n: int, input: Any, output_size: Any) -> Tensor:
    name = f"adaptive_avg_pool{n}d"
    outs = _outs(name, n, input, output_size)
    _check.floating(name, input)
    even = _even(name, n, input, outs)
    found = even or windows(name, n, input, 1, None, 0, 1, False)

    def average(x: mx.array) -> mx.array:
        y = x.astype(mx.float32) if x.dtype in _check.HALF else x
        if even is not None:
            over = range(2, 2 * n + 1, 2)
            pairs = [v for o, k in zip(outs, even.kernel, strict=True) for v in (o, k)]
            y = y.reshape(y.shape[0], *pairs, y.shape[-1])
            return (mx.mean(y, axis=tuple(over)) if y.size else mx.sum(y, axis=tuple(over))).astype(x.dtype)
        for axis, (s, o) in enumerate(zip(found.shape, outs, strict=True), 1):
            at, count = _elements(s, o)
            y = mx.take(y, mx.array(at), axis)  # (N, ..., window, element, ..., C)
            rest = (1,) * (y.ndim - axis - 2)
            within = mx.array(np.arange(at.shape[1]) < count).reshape(*at.shape, *rest)
            y = mx.sum(mx.where(within, y, mx.array(0, y.dtype)), axis=axis + 1)
            y = y / mx.array(count).astype(y.dtype).reshape(o, *rest)
        return y.astype(x.dtype)

    result: Tensor = found.run(average, input)
    return result


def adaptive_avg_pool1d(input: Tensor, output_size: _Size) -> Tensor:
    """The mean of each of `output_size` windows of `input`, (N, C, L) or (C, L)."""
    return _adaptive_avg(1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: _Size) -> Tensor:
    """The mean of each window, where the number of windows is given.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        output_size: one int or one for each spatial dimension; None in a tuple keeps the input's size.

    Raises RuntimeError for sizes that do not fit.
    """
    return _adaptive_avg(2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: _Size) -> Tensor:
    """The mean of each window of `input`, (N, C, D, H, W) or (C, D, H, W). Arguments as in `adaptive_avg_pool2d`."""
    return _adaptive_avg(3, input, output_size)


def _adaptive_max(n: int, input: Any, output_size: Any, indices: bool) -> Any:
    name = f"adaptive_max_pool{n}d"
    outs = _outs(name, n, input, output_size)
    _check.floating(name, input)
    even = _even(name, n, input, outs)
    if even is not None:
        run = _max_with_indices if indices else max_of
        return even.run(lambda x: run(even, x), input)
    found = windows(name, n, input, 1, None, 0, 1, False)
    if 0 in outs or not input._data.size:
        nothing = (*input._data.shape[:-n], *outs)

        def none(x: mx.array) -> Any:
            values = mx.zeros(nothing, x.dtype)
            return [values, mx.zeros(nothing, mx.int64)] if indices else values

        none.__qualname__ = name
        return apply(none, input)

    def largest(x: mx.array) -> Any:
        position: Any = np.zeros((), np.int32)
        for s in found.shape:
            position = position[..., None] * s + np.arange(s, dtype=np.int32)
        where = mx.broadcast_to(mx.array(position[..., None]), x.shape)
        for axis in range(n, 0, -1):  # the last axis first: of equal elements, the first in reading order is found
            s, o = found.shape[axis - 1], outs[axis - 1]
            at = mx.array(_elements(s, o)[0])
            x, where = mx.take(x, at, axis), mx.take(where, at, axis)
            best = mx.argmax(mx.stop_gradient(x), axis=axis + 1, keepdims=True)
            x, where = (mx.squeeze(mx.take_along_axis(v, best, axis + 1), axis + 1) for v in (x, where))
        return [x, where.astype(mx.int64)] if indices else x

    return found.run(largest, input)


def adaptive_max_pool1d(input: Tensor, output_size: _Size, return_indices: bool = False) -> Any:
    """The largest element of each of `output_size` windows of `input`, (N, C, L) or (C, L)."""
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: _Size, return_indices: bool = False) -> Any:
    """The largest element of each window, where the number of windows is given.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        output_size: one int or one for each spatial dimension; None in a tuple keeps the input's size.
        return_indices: return the positions of the largest elements too, in the flattened spatial dimensions.

    Raises RuntimeError for sizes that do not fit.
    """
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: _Size, return_indices: bool = False) -> Any:
    """The largest element of each window of `input`, (N, C, D, H, W) or (C, D, H, W). See `adaptive_max_pool2d`."""
    return _adaptive_max(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: _Size, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool1d` with `return_indices`, whatever that argument says."""
    return _adaptive_max(1, input, output_size, True)  # type: ignore[no-any-return]


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: _Size, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool2d` with `return_indices`, whatever that argument says."""
    return _adaptive_max(2, input, output_size, True)  # type: ignore[no-any-return]


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: _Size, return_indices: bool = False
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool3d` with `return_indices`, whatever that argument says."""
    return _adaptive_max(3, input, output_size, True)  # type: ignore[no-any-return]
