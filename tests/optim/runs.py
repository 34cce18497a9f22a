"""Training the same parameters with the same gradients in both packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import lucid
import lucid.nn
import lucid.optim
from tests.checks import to_lucid

SHAPES: list[tuple[int, ...]] = [(4, 3), (5,), (), (2, 1, 3), (0, 2)]


def values(seed: int, dtype: str, shapes: list[tuple[int, ...]] = SHAPES) -> list[Any]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(s, generator=generator, dtype=torch.float64).to(getattr(torch, dtype)) for s in shapes]


def parameters(package: Any, seed: int = 0, dtype: str = "float32") -> list[Any]:
    return [package.nn.Parameter(t if package is torch else to_lucid(t)) for t in values(seed, dtype)]


def give_gradients(params: list[Any], step: int) -> None:
    """The same gradients for both packages; one parameter gets its first one late, and misses some later."""
    dtype = str(params[0].dtype).split(".")[-1]
    for k, (p, g) in enumerate(zip(params, values(step + 1, dtype), strict=True)):
        g = g if "16" in dtype else g * 10.0 ** (k - 2)
        p.grad = None if k == 1 and step % 3 != 2 else g if isinstance(p, torch.Tensor) else to_lucid(g)


def close(got: Any, want: Any, tol: float) -> None:
    """Values equal to `tol`, and everything around them exactly: types, keys and their order."""
    if isinstance(want, torch.Tensor):
        assert str(got.dtype).split(".")[-1] == str(want.dtype).split(".")[-1]
        host = want.detach().float() if want.dtype is torch.bfloat16 else want.detach()
        np.testing.assert_allclose(got.detach().numpy(force=True), host.numpy(), rtol=tol, atol=tol)
    elif isinstance(want, dict):
        assert list(got) == list(want)
        for key in want:
            close(got[key], want[key], tol)
    elif isinstance(want, (list, tuple)):
        assert type(got) is type(want)
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            close(g, w, tol)
    else:
        assert type(got) is type(want)
        assert got == want


def run(
    package: Any, make: Callable[[Any, list[Any]], Any], steps: int = 50, dtype: str = "float32"
) -> tuple[Any, list[Any]]:
    params = parameters(package, dtype=dtype)
    optimizer = make(package, params)
    for step in range(steps):
        give_gradients(params, step)
        optimizer.step()
    return optimizer, params


def compare(make: Callable[[Any, list[Any]], Any], tol: float = 2e-5, dtype: str = "float32", steps: int = 50) -> None:
    (mine, a), (theirs, b) = (run(package, make, steps, dtype) for package in (lucid, torch))
    close(a, b, tol)
    close(mine.state_dict(), theirs.state_dict(), tol)
    assert repr(mine) == repr(theirs)
