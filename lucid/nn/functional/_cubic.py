"""Cubic convolution (Keys 1981): the weight of a neighbour by its distance, for numpy and MLX arrays alike."""

from __future__ import annotations

from typing import Any

SHARP = -0.75  # the kernel's slope at distance 1: PyTorch's choice for images
SMOOTH = -0.5  # and for those that it filters while it shrinks them


def near(d: Any, a: float = SHARP) -> Any:
    """The weight at a distance of at most 1."""
    return ((a + 2) * d - (a + 3)) * d * d + 1


def far(d: Any, a: float = SHARP) -> Any:
    """The weight at a distance from 1 to 2."""
    return ((d - 5) * d + 8) * d * a - 4 * a
