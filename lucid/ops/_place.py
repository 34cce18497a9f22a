"""Gathering as MLX does it, with what MLX 0.32.4 cannot do kept from it.

Empty results (SIGFPE) and 64-bit elements on Metal.
"""

from __future__ import annotations

import contextlib
from typing import Any

import mlx.core as mx

_here = contextlib.nullcontext()


def on_cpu_if_wide(a: mx.array) -> Any:
    """A context for scatter and gather on `a`: the CPU for 64-bit elements, which Metal cannot scatter (MLX 0.32.4)."""
    if a.itemsize == 8 and mx.default_device().type != mx.cpu:
        return mx.stream(mx.cpu)
    return _here


def take(a: mx.array, index: mx.array, axis: int) -> mx.array:
    """The slices of `a` at `index` along `axis`."""
    if a.size == 0 or index.size == 0:
        return mx.zeros((*a.shape[:axis], *index.shape, *a.shape[axis + 1 :]), a.dtype)
    with on_cpu_if_wide(a):
        return mx.take(a, index, axis=axis)
