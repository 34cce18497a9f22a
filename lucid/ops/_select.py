"""Choosing between arrays with gradients that do not leak.

The gradient of `mx.where` (MLX 0.32.4) is the cotangent times the condition as numbers, in which NaN and infinity times
0 are NaN; PyTorch's is 0 where nothing was taken.
"""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.ops._custom import custom

_where = mx.where  # itself: while MLX pushes tangents forward, `choose` stands for it (see lucid.func)


def _choose(mask: mx.array, a: mx.array, b: mx.array) -> mx.array:
    return _where(mask, a, b)


def _chosen(primals: tuple[mx.array, ...], cotangent: mx.array, _: mx.array) -> tuple[mx.array, ...]:
    mask, nothing = primals[0], mx.zeros_like(cotangent)
    return mx.zeros_like(mask), choose(mask, cotangent, nothing), choose(mask, nothing, cotangent)


def _going(primals: tuple[mx.array, ...], tangents: tuple[Any, ...]) -> mx.array:
    parts = [mx.zeros_like(p) if t is None else t for p, t in zip(primals[1:], tangents[1:], strict=True)]
    found: mx.array = choose(primals[0], *parts)
    return found


choose: Any = custom(_choose, _chosen, _going)
"""`mx.where(mask, a, b)` of three arrays of one shape and dtype, with 0 for the gradient of what is not taken."""


def where(mask: mx.array, a: mx.array, b: mx.array) -> mx.array:
    """`choose`, broadcast."""
    found: mx.array = choose(*mx.broadcast_arrays(mask, a, b))
    return found


def keep(a: mx.array, mask: mx.array) -> mx.array:
    """`a` where `mask`, of the same shape, is True, and 0 elsewhere; so is its gradient."""
    found: mx.array = choose(mask, a, mx.zeros_like(a))
    return found
