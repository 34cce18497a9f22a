"""Resizing one dimension of an image: which elements a new one is made of, and with which weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.nn.functional import _cubic

Resize = Callable[[mx.array, int], mx.array]


def along(mode: str, size: int, out: int, step: float | None, align: bool, real: Any) -> Resize:
    """The function that resizes one dimension. Positions are `real`, those of the nearest float32, as in PyTorch."""
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
    return _weighted([np.clip(first + k, 0, size - 1) for k in offsets], weights)


def _weighted(indices: Sequence[Any], weights: Sequence[Any]) -> Resize:
    """The function that adds up the elements at each of `indices`, times its weight."""
    taken = [mx.array(i.astype(np.int32)) for i in indices]

    def resize(x: mx.array, axis: int) -> mx.array:
        shape = [1] * x.ndim
        shape[axis] = -1
        parts = [mx.take(x, i, axis) * mx.array(w, x.dtype).reshape(shape) for i, w in zip(taken, weights, strict=True)]
        return sum(parts[1:], parts[0])

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


def filtered(mode: str, size: int, out: int, step: float | None, align: bool, real: Any) -> Resize:
    """The function that resizes one dimension, its filter widened by as much as the dimension shrinks."""
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
    return _weighted(list(np.minimum(at, size - 1).T), list(weights.T))
