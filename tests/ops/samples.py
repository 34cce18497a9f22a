"""Inputs for the parity tests of elementwise ops: every dtype, its special values, and shapes that broadcast."""

from __future__ import annotations

from typing import Any

import torch

FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
INTEGERS = [torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8]
DTYPES = [*FLOATS, *INTEGERS, torch.bool, torch.complex64]
SHAPES: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((), (2,)),
    ((2, 3), ()),
    ((), ()),
    ((0, 3), (3,)),
    ((2, 0), (1, 0)),
]
INF, NAN = float("inf"), float("nan")


def special(dtype: torch.dtype) -> torch.Tensor:
    """The values that ops treat apart: signed zeros, infinities, NaN, halves, the ends of a range."""
    if dtype is torch.bool:
        return torch.tensor([True, False])
    if dtype.is_complex:
        return torch.tensor([1 + 2j, -0.5 + 0.3j, 2j, -1.5, 3 - 1j], dtype=dtype)
    if dtype is torch.uint8:
        return torch.tensor([0, 1, 5, 200, 255], dtype=dtype)
    if not dtype.is_floating_point:
        return torch.tensor([0, 1, -1, 5, -7, 100, -128], dtype=dtype)
    values = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, 3.7, -3.7, 1e-3, 10.0, -10.0, INF, -INF, NAN]
    return torch.tensor(values, dtype=dtype)


def smooth(
    shape: tuple[int, ...], dtype: torch.dtype, low: float = -2.0, high: float = 2.0, seed: int = 0
) -> torch.Tensor:
    """Values between `low` and `high`, away from 0, that want a gradient if their dtype can have one."""
    generator = torch.Generator().manual_seed(seed)
    if dtype.is_complex:
        return torch.randn(shape, dtype=dtype, generator=generator).requires_grad_()
    if dtype is torch.bool:
        return torch.rand(shape, generator=generator) > 0.5
    if not dtype.is_floating_point:
        return torch.randint(0 if dtype is torch.uint8 else -5, 6, shape, generator=generator).to(dtype)
    values = torch.rand(shape, dtype=torch.float64, generator=generator) * (high - low) + low
    return values.to(dtype).requires_grad_()


def accepts(reference: Any, *args: Any, **kwargs: Any) -> bool:
    """True if the reference takes these arguments."""
    try:
        reference(*args, **kwargs)
    except Exception:
        return False
    return True
