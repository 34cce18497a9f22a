"""Matrices that several of the tests here factorize."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

SHAPES = [
    (1, 1),
    (3, 3),
    (5, 3),
    (3, 5),
    (2, 4, 4),
    (2, 1, 4, 2),
    (2, 2, 4),
    (0, 0),
    (0, 3),
    (3, 0),
    (0, 2, 2),
    (2, 0, 0),
]


def normal(*shape: int, dtype: Any = torch.float64, seed: int = 0) -> Any:
    """Normally distributed numbers that require a gradient."""
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(seed)).requires_grad_()
