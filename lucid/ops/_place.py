"""Where a scatter or gather runs."""

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
