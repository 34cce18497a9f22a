"""Padding of random shapes by random widths, in all modes, against PyTorch."""

from __future__ import annotations

import random

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import assert_same, check_both, check_error, to_lucid

pytestmark = pytest.mark.parity


DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool)


def check(x: torch.Tensor, widths: list[int], *args: object, **kwargs: object) -> None:
    x.requires_grad_(x.dtype in (torch.float32, torch.float64))
    check_both(F.pad, TF.pad, x, tuple(widths), *args, second=x.dtype is torch.float64, **kwargs)


def test_constants():
    rng = random.Random(0)
    for k in range(140):
        shape = rng.choice([(), (3,), (2, 3), (2, 3, 4), (0, 3), (2, 1, 3, 2)])
        widths = [rng.randint(-2, 3) for _ in range(2 * rng.randint(0, len(shape)))]
        value = rng.choice([None, 0, 1, 2.5, -1, True, float("inf"), 300])
        check(torch.randn(shape).abs().to(DTYPES[k % len(DTYPES)]), widths, value=value)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_elements_of_the_input(mode):
    rng = random.Random(mode)
    for k in range(120):
        n, low = rng.choice([1, 2, 3]), rng.choice([0, 0, -2])
        shape = [rng.randint(1, 5) for _ in range(n + rng.choice([1, 2]))]
        widths = [rng.randint(low, 3) for _ in range(2 * n)]
        if mode == "circular" and low < 0 < max(widths):
            continue  # PyTorch copies elements that it did not write yet
        if mode != "circular" and sum(shape[-k - 1] + sum(widths[2 * k : 2 * k + 2]) == 0 for k in range(n)):
            continue  # PyTorch returns or refuses it by the number of such dimensions
        check(torch.randn(shape).to(DTYPES[k % len(DTYPES)]), widths, mode)


def test_nothing_is_left():
    for mode in ("reflect", "replicate", "circular"):
        for n in (1, 2, 3):
            x = torch.randn(2, 2, *[3] * n)
            check_both(F.pad, TF.pad, x, (-2, -1, *[0] * (2 * n - 2)), mode)
            check_error(F.pad, TF.pad, x, (-2, -2, *[0] * (2 * n - 2)), mode)
    for widths in ((-4, 2), (-2, -2), (-5, 5)):
        check_error(F.pad, TF.pad, torch.zeros(2, 3), widths)
    with pytest.raises(RuntimeError, match="at most 2"):
        F.pad(lucid.zeros(1, 1, 4), (-2, 3), "circular")


def test_gradients_are_added_up_in_float32():
    x = torch.randn(1, 1, 3, 3, 3)
    widths = (2, 2, 2, 2, 2, 2)
    for dtype in (torch.float16, torch.bfloat16):
        seed = torch.randn(1, 1, 7, 7, 7).to(dtype)
        for mode in ("reflect", "replicate", "circular"):
            exact = x.to(dtype).float().requires_grad_()
            TF.pad(exact, widths, mode).backward(seed.float())
            mine = to_lucid(x.to(dtype)).requires_grad_()
            F.pad(mine, widths, mode).backward(to_lucid(seed))
            assert_same(mine.grad, exact.grad.to(dtype), tol=torch.finfo(dtype).eps)


def test_what_is_refused():
    x = torch.randn(2, 3, 4)
    for bad in (2, "ab", (1.0, 2), (None, 1), (True, 1), {1: 2}, range(2), (1,), (1,) * 8):
        check_error(F.pad, TF.pad, x, bad)
    for mode in (None, "wrap", 1):
        check_error(F.pad, TF.pad, x, (1, 1), mode)
    for value in ("a", 1j):
        check_error(F.pad, TF.pad, x, (1, 1), "constant", value)
    check_error(F.pad, TF.pad, x, (1, 1), "reflect", 1.0)
    for value in (300, -1, float("inf")):
        check_error(F.pad, TF.pad, x.to(torch.uint8), (1, 1), "constant", value)
