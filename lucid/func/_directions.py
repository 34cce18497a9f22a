"""Pushing tangents forward, pulling cotangents back and mapping over a dimension: pure functions of arrays, on MLX."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mlx.core as mx

from lucid._grad_mode import mode
from lucid._tape import vjp_of
from lucid.func._mapping import CannotMap, corrected, mapped, over

Fn = Callable[..., list[mx.array]]


def separate(arrays: list[mx.array]) -> list[mx.array]:
    """Outputs to be derived: MLX 0.32 drops a cotangent where two of them are one array."""
    return arrays if len(arrays) == 1 else [mx.contiguous(a) for a in arrays]


def fresh(arrays: Sequence[mx.array]) -> list[mx.array]:
    """The same values as other arrays.

    MLX 0.32.4 stops to follow an array that a derivative is taken by, inside another derivative that is not by it: what
    is computed from it later has no gradient any more.
    """
    return [mx.squeeze(mx.expand_dims(a, 0), 0) for a in arrays]


def pull(
    fn: Fn, inputs: Sequence[mx.array], cotangents: Sequence[mx.array], careful: bool | None = None
) -> tuple[list[mx.array], list[mx.array]]:
    """The values of `fn` and the gradients of its inputs.

    `careful` says whether to use only operations whose gradients MLX can map: by default inside `mx.vmap`.
    """
    if not cotangents:
        return [], [mx.zeros_like(a) for a in inputs]
    before, mode.careful = mode.careful, mode.mapping if careful is None else careful
    try:
        values, gradients = vjp_of(lambda *arrays: separate(fn(*arrays)), fresh(inputs), list(cotangents))
    finally:
        mode.careful = before
    return values, gradients


def push(
    fn: Fn, inputs: Sequence[mx.array], tangents: Sequence[mx.array], careful: bool = False
) -> tuple[list[mx.array], list[mx.array]]:
    """The values of `fn` and their tangents.

    MLX has no jvp of convolutions, scatters and some others, and cannot map all it has. There, and if `careful`, they
    come otherwise: a gradient is linear in its cotangent, and its own gradient by that is the tangent.
    """
    with corrected("pushing"):
        if not careful:
            try:
                return mx.jvp(fn, fresh(inputs), list(tangents))
            except (ValueError, RuntimeError, NotImplementedError) as error:
                if "jvp" not in str(error).lower():
                    raise
        values = fn(*inputs)
        return values, pull(lambda *c: pull(fn, inputs, c)[1], [mx.zeros_like(v) for v in values], tangents)[1]


def for_all(fn: Callable[..., list[mx.array]], vectors: Sequence[mx.array], chunk: int | None = None) -> list[mx.array]:
    """The results of `fn(careful, *vectors)` for each index of the first dimension, stacked; `chunk` at a time."""
    count = vectors[0].shape[0]
    if not count:
        return [mx.zeros((0, *a.shape), a.dtype) for a in fn(False, *[mx.zeros(v.shape[1:], v.dtype) for v in vectors])]
    size = count if chunk is None else min(chunk, count)
    parts = [_mapped(fn, [v[k : k + size] for v in vectors]) for k in range(0, count, size)]
    return parts[0] if len(parts) == 1 else [mx.concatenate(list(found)) for found in zip(*parts, strict=True)]


def _mapped(fn: Callable[..., list[mx.array]], vectors: Sequence[mx.array]) -> list[mx.array]:
    size, nested = vectors[0].shape[0], mode.mapping
    if size == 1:
        return [a[None] for a in fn(nested, *[v[0] for v in vectors])]
    axes = [0] * len(vectors)
    if not nested:
        try:
            return list(mapped(lambda *v: fn(False, *v), vectors, axes))
        except CannotMap:
            pass
    return over(lambda *v: fn(True, *v), vectors, axes, size)


def basis(shapes: Sequence[tuple[int, ...]], dtypes: Sequence[mx.Dtype]) -> list[mx.array]:
    """The unit vectors of the space of several arrays: for each array (N, *shape), N being the elements of all."""
    sizes = [_size(shape) for shape in shapes]
    total, found, start = sum(sizes), [], 0
    for shape, size, dtype in zip(shapes, sizes, dtypes, strict=True):
        found.append(mx.eye(total, size, -start, dtype=dtype).reshape((total, *shape)))
        start += size
    return found


def split(stacked: mx.array, shapes: Sequence[tuple[int, ...]]) -> list[mx.array]:
    """`stacked`, (N, *rest) for the unit vectors of a `basis`, cut into (*shape, *rest) for each of its arrays."""
    found, start = [], 0
    for shape in shapes:
        size = _size(shape)
        found.append(stacked[start : start + size].reshape((*shape, *stacked.shape[1:])))
        start += size
    return found


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size
