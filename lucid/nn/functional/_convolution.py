"""Convolution as a sum of matrix products, for the dtypes that MLX's kernels (0.32.4) do not take."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import mlx.core as mx

Ints = Sequence[int]

DTYPES = (mx.float64, mx.complex64, mx.int64)


def convolve(
    x: mx.array, w: mx.array, steps: Ints, low: Ints, high: Ints, apart: Ints, groups: int, spread: Ints = ()
) -> mx.array:
    """What `mx.conv_general` computes from `x`, (N, *, C), and `w`, (out, *, C/groups).

    With `spread`, the distance of the elements of `x` in between zeros, the kernel is flipped: that is a transposed
    convolution.
    """
    if x.dtype == mx.int64:  # float64 is exact up to 2**53, and on the CPU only
        with mx.stream(mx.cpu):
            wide = x.astype(mx.float64), w.astype(mx.float64)
            return mx.round(convolve(*wide, steps, low, high, apart, groups, spread)).astype(mx.int64)
    if groups > 1:
        parts = zip(mx.split(x, groups, axis=-1), mx.split(w, groups, axis=0), strict=True)
        return mx.concatenate([convolve(a, b, steps, low, high, apart, 1, spread) for a, b in parts], axis=-1)
    for axis, distance in enumerate(spread, 1):
        x = _spread(x, axis, distance)
    x = mx.pad(x, [(0, 0), *zip(low, high, strict=True), (0, 0)])
    kernel = w.shape[1:-1]
    outs = [(s - d * (k - 1) - 1) // t + 1 for s, d, k, t in zip(x.shape[1:-1], apart, kernel, steps, strict=True)]
    total: Any = None
    for at in itertools.product(*[range(k) for k in kernel]):
        cut = [slice(i * d, i * d + t * (o - 1) + 1, t) for i, d, t, o in zip(at, apart, steps, outs, strict=True)]
        place = [k - 1 - i for i, k in zip(at, kernel, strict=True)] if spread else at
        part = mx.matmul(x[(slice(None), *cut)], w[(slice(None), *place)].T)
        total = part if total is None else total + part
    return total  # type: ignore[no-any-return]


def _spread(x: mx.array, axis: int, distance: int) -> mx.array:
    """`x` with `distance - 1` zeros between its elements along `axis`."""
    if distance == 1:
        return x
    n = x.shape[axis]
    pad = [(0, 0)] * (x.ndim + 1)
    pad[axis + 1] = (0, distance - 1)
    wide = mx.pad(mx.expand_dims(x, axis + 1), pad).reshape(*x.shape[:axis], n * distance, *x.shape[axis + 1 :])
    return wide[(slice(None),) * axis + (slice(0, (n - 1) * distance + 1),)]
