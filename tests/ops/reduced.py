"""Inputs for the parity tests of ops that work along dimensions."""

from __future__ import annotations

import torch

from tests.ops.samples import DTYPES, FLOATS

SHAPES: list[tuple[int, ...]] = [(), (1,), (5,), (3, 4), (2, 3, 4), (0,), (0, 3), (3, 0), (1, 1)]
INF, NAN = float("inf"), float("nan")


def rows(shape: tuple[int, ...], dtype: torch.dtype = torch.float32, kind: str = "random") -> torch.Tensor:
    """A tensor of distinct values, or with "ties", "nan", "inf" or "transposed". It wants a gradient if it can."""
    generator = torch.Generator().manual_seed(7)
    if not (dtype.is_floating_point or dtype.is_complex):
        return torch.randint(0, 2 if dtype is torch.bool else 5, shape, generator=generator).to(dtype)
    wide = torch.complex64 if dtype.is_complex else torch.float64
    x = torch.randn(shape, dtype=wide, generator=generator)
    if kind == "ties":
        x = torch.randint(-1, 2, shape, generator=generator).to(wide)
    if kind in ("nan", "inf") and x.numel() > 2:
        x.view(-1)[1] = NAN if kind == "nan" else INF
        x.view(-1)[-1] = NAN if kind == "nan" else -INF
    if kind == "transposed" and x.ndim > 1:
        x = x.mT.contiguous().mT
    return x.to(dtype).requires_grad_()


def inputs(
    dtypes: list[torch.dtype] | None = None, kinds: tuple[str, ...] = ("ties", "nan", "transposed")
) -> list[torch.Tensor]:
    """Every shape in float32 and int64, every dtype in some shapes, and the special kinds in float32."""
    found = [rows(shape, dtype) for dtype in dtypes or DTYPES for shape in ((), (3, 4), (0, 3))]
    found += [rows(shape, dtype) for dtype in (torch.float32, torch.int64) for shape in SHAPES]
    return found + [rows(shape, torch.float32, kind) for kind in kinds for shape in ((5,), (2, 3, 4))]


__all__ = ["DTYPES", "FLOATS", "INF", "NAN", "SHAPES", "inputs", "rows"]
