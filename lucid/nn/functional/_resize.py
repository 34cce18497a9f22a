"""Resizing one dimension of an image: which elements a new one is made of, and with which weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.nn.functional import _cubic

Resize = Callable[[mx.array, int], mx.array]


def along(mode: str, size: int, out: int, step: float | None, align: bool, real: Any, mixed: bool = False) -> Resize:
    """The function that resizes one dimension. Positions are `real`, those of the nearest float32, as in PyTorch.

    Also as there, a size that stays as it is, or doubles in mode "nearest-plane", has no other `step` than that, except
    in modes "bicubic" and "nearest".
    """
    if out == size and mode in ("linear", "bilinear", "trilinear", "nearest-plane"):
        return lambda x, axis: x
    if out == 2 * size and mode == "nearest-plane":
        return lambda x, axis: mx.repeat(x, 2, axis)
    real = np.float32 if mode.startswith("nearest") else real
    scale = real(size / out if step is None else step)
    places = np.arange(out, dtype=real)
    if mode.startswith("nearest"):
        if out % size == 0 and scale == np.float32(size / out):
            return lambda x, axis: x if out == size else mx.repeat(x, out // size, axis)
        at = np.floor((places + np.float32(0.5) if mode == "nearest-exact" else places) * scale)
        index = mx.array(np.minimum(at, size - 1).astype(np.int32))
        return lambda x, axis: mx.take(x, index, axis)
    if align:
        where = places * real((size - 1) / (out - 1) if out > 1 else 0)
    else:
        where = (places + real(0.5)) * scale - real(0.5)
        where = where if mode == "bicubic" else np.maximum(where, 0)
    first = np.floor(where).astype(np.int32)
    rest = (where - first).astype(real)
    if mode == "bicubic":
        offsets, weights = (
            range(-1, 3),
            [_cubic.far(rest + 1), _cubic.near(rest), _cubic.near(1 - rest), _cubic.far(2 - rest)],
        )
    else:
        offsets, weights = range(2), [1 - rest, rest]
    indices = [np.clip(first + k, 0, size - 1) for k in offsets]
    return _mixed(*_merged(indices, weights)) if mixed else _weighted(indices, weights)


def _weighted(indices: Sequence[Any], weights: Sequence[Any]) -> Resize:
    """The function that adds up the elements at each of `indices`, times its weight."""
    taken = [mx.array(i.astype(np.int32)) for i in indices]

    def resize(x: mx.array, axis: int) -> mx.array:
        shape = [1] * x.ndim
        shape[axis] = -1
        parts = [mx.take(x, i, axis) * mx.array(w, x.dtype).reshape(shape) for i, w in zip(taken, weights, strict=True)]
        return sum(parts[1:], parts[0])

    return resize


def _merged(indices: Sequence[Any], weights: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """The same elements, each only once: the weights of those that are repeated at the edges are added up."""
    sums = [w.copy() for w in weights]
    for k in range(len(indices)):
        for j in range(k):
            same = indices[k] == indices[j]
            sums[j] += np.where(same, sums[k], 0)
            sums[k] = np.where(same, 0, sums[k])
    return list(indices), sums


def _mixed(indices: Sequence[Any], weights: Sequence[Any]) -> Resize:
    """`_weighted` for uint8, rounded. Weights are whole numbers of 15 bits, as in PyTorch: the sums are the same."""
    largest = max(float(np.abs(w).max()) for w in weights)
    bits = 0
    while bits < 22 and 0.5 + largest * 2 ** (bits + 1) < 2**15:
        bits += 1
    shares = [mx.array(np.trunc(w * 2**bits + np.copysign(0.5, w)).astype(np.int32)) for w in weights]
    taken = [mx.array(i.astype(np.int32)) for i in indices]

    def resize(x: mx.array, axis: int) -> mx.array:
        shape = [1] * x.ndim
        shape[axis] = -1
        y = x.astype(mx.int32)
        total = mx.array(2**bits // 2, mx.int32)
        for i, share in zip(taken, shares, strict=True):
            total = total + mx.take(y, i, axis) * share.reshape(shape)
        return mx.clip(mx.right_shift(total, mx.array(bits, mx.int32)), 0, 255).astype(mx.uint8)

    return resize


def _triangle(d: Any) -> Any:
    return np.maximum(1 - d, 0)


def _smooth(d: Any) -> Any:
    return np.where(d < 1, _cubic.near(d, _cubic.SMOOTH), np.where(d < 2, _cubic.far(d, _cubic.SMOOTH), 0))


def _lanczos(d: Any) -> Any:
    return np.where(d < 3, np.sinc(d) * np.sinc(d / 3), 0)


# The weight of an element by its distance, and how far that reaches.
FILTERS: dict[str, tuple[Callable[[Any], Any], int]] = {
    "bilinear": (_triangle, 1),
    "bicubic": (_smooth, 2),
    "lanczos": (_lanczos, 3),
}


def filtered(mode: str, size: int, out: int, step: float | None, align: bool, real: Any, mixed: bool = False) -> Resize:
    """The function that resizes one dimension, its filter widened by as much as the dimension shrinks."""
    if out == size:
        return lambda x, axis: x
    weigh, reach = FILTERS[mode]
    if align:
        step = (size - 1) / (out - 1) if out > 1 else 0
    scale = real(size / out if step is None else step)
    wide = max(scale, real(1))
    support = real(reach) * wide
    centre = scale * (np.arange(out, dtype=real) + real(0.5))
    first = np.maximum((centre - support + real(0.5)).astype(np.int64), 0)
    last = np.minimum((centre + support + real(0.5)).astype(np.int64), size)
    at = first[:, None] + np.arange(int((last - first).max()))
    distance = np.abs((at + real(0.5) - centre[:, None]) / wide)
    weights = np.where(at < last[:, None], weigh(distance), 0)
    weights = (weights / weights.sum(1, keepdims=True)).astype(real)
    return (_mixed if mixed else _weighted)(list(np.minimum(at, size - 1).T), list(weights.T))
