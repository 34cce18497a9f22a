"""Metal."""

import mlx.core as mx

__all__ = ["is_available", "is_built"]


def is_available() -> bool:
    """True if MLX computes on Metal here."""
    return mx.metal.is_available()


def is_built() -> bool:
    """True if this build of MLX has Metal."""
    return mx.metal.is_available()
