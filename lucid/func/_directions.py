"""Pushing tangents forward, pulling cotangents back and mapping over a dimension: pure functions of arrays, on MLX."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mlx.core as mx

Fn = Callable[..., list[mx.array]]


def lacks(rule: str, error: Exception) -> bool:
    """Whether MLX (0.32.4) said that an operation has no "jvp" or "vmap"."""
    return rule in str(error).lower()


def separate(arrays: list[mx.array]) -> list[mx.array]:
    """Outputs to be derived: MLX 0.32 drops a cotangent where two of them are one array."""
    return arrays if len(arrays) == 1 else [mx.contiguous(a) for a in arrays]


def pull(fn: Fn, inputs: Sequence[mx.array], cotangents: Sequence[mx.array]) -> tuple[list[mx.array], list[mx.array]]:
    """The values of `fn` and the gradients of its inputs."""
    if not cotangents:
        return [], [mx.zeros_like(a) for a in inputs]
    values, gradients = mx.vjp(lambda *arrays: separate(fn(*arrays)), list(inputs), list(cotangents))
    return values, gradients


def push(fn: Fn, inputs: Sequence[mx.array], tangents: Sequence[mx.array]) -> tuple[list[mx.array], list[mx.array]]:
    """The values of `fn` and their tangents.

    MLX has no jvp of convolutions, scatters and some others. A gradient is linear in its cotangent, and its own
    gradient by that is the tangent.
    """
    try:
        values, found = mx.jvp(fn, list(inputs), list(tangents))
    except (ValueError, RuntimeError, NotImplementedError) as error:
        if not lacks("jvp", error):
            raise
        values = fn(*inputs)
        found = pull(lambda *c: pull(fn, inputs, c)[1], [mx.zeros_like(v) for v in values], tangents)[1]
    return values, found


def over(fn: Fn, arrays: Sequence[mx.array], chunk: int | None = None) -> list[mx.array]:
    """The results of `fn` for each index of the first dimension of `arrays`, stacked; `chunk` of them at a time."""
    count = arrays[0].shape[0]
    size = count if chunk is None else chunk
    if size >= count:
        return _mapped(fn, arrays)
    parts = [_mapped(fn, [a[k : k + size] for a in arrays]) for k in range(0, count, size)]
    return [mx.concatenate(list(found)) for found in zip(*parts, strict=True)]


def _mapped(fn: Fn, arrays: Sequence[mx.array]) -> list[mx.array]:
    count = arrays[0].shape[0]
    if count == 1:
        return [a[None] for a in fn(*[a[0] for a in arrays])]
    try:
        return list(mx.vmap(fn, in_axes=(0,) * len(arrays))(*arrays))
    except (ValueError, RuntimeError, NotImplementedError) as error:
        if not lacks("vmap", error):
            raise
    rows = [fn(*[a[k] for a in arrays]) for k in range(count)]
    return [mx.stack(list(found)) for found in zip(*rows, strict=True)]


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
