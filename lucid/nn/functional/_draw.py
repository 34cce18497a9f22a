"""Random numbers for layers: drawn outside the functions that use them, so that a backward sees the same ones."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx

from lucid._generator import Generator, draw_uniform, fresh_key


def uniform(shape: Sequence[int], low: float, high: float, generator: Generator | None = None) -> mx.array:
    """Float32 numbers from [low, high)."""
    return draw_uniform(tuple(shape), mx.float32, fresh_key(generator)) * (high - low) + low


def keep(p: float, shape: Sequence[int]) -> mx.array:
    """A mask that is True with probability `p`."""
    return mx.random.bernoulli(p, tuple(shape), fresh_key())
