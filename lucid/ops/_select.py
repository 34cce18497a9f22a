"""Choosing between arrays with gradients that do not leak.

The gradient of `mx.where` (MLX 0.32.4) is the cotangent times the condition as numbers, in which NaN and infinity times
0 are NaN; PyTorch's is 0 where nothing was taken.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx


def _keep(a: mx.array, mask: mx.array) -> mx.array:
    return mx.where(mask, a, mx.zeros((), a.dtype))


def _kept(primals: tuple[mx.array, mx.array], cotangent: mx.array, _: mx.array) -> tuple[mx.array, mx.array]:
    mask = primals[1]
    return keep(cotangent, mask), mx.zeros_like(mask)


keep: Any = mx.custom_function(_keep)
"""`a` where `mask`, of the same shape, is True, and 0 elsewhere, and so is its gradient: `keep(a, mask)`."""
keep.vjp(_kept)
