"""Blocks of images, and elements moved between space and channels, on random arguments against PyTorch."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import assert_same, check_both, check_error, to_lucid

pytestmark = pytest.mark.parity


DTYPES = (torch.float32, torch.float64, torch.bfloat16, torch.bool)


def size(rng: random.Random, low: int, high: int) -> Any:
    pair = (rng.randint(low, high), rng.randint(low, high))
    return rng.choice([pair[0], pair, list(pair)])


def pair(value: Any) -> tuple[int, int]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)


def data(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    x = torch.randn(shape).to(dtype)
    return x.requires_grad_() if x.is_floating_point() else x


def test_random_arguments():
    rng = random.Random(0)
    for k in range(150):
        dtype = DTYPES[k % len(DTYPES)]
        kernel, out = size(rng, 1, 3), size(rng, 2, 7)
        options = {"dilation": size(rng, 1, 2), "padding": size(rng, 0, 2), "stride": size(rng, 1, 3)}
        options = {key: value for key, value in options.items() if rng.random() < 0.7}
        x = data((*rng.choice([(), (1,), (2,), (0,)]), rng.randint(1, 3), *pair(out)), dtype)
        second = dtype is torch.float64
        check_both(F.unfold, TF.unfold, x, kernel, second=second, **options)
        counts = [
            (o + 2 * p - d * (k - 1) - 1) // s + 1
            for o, k, d, p, s in zip(
                pair(out),
                pair(kernel),
                pair(options.get("dilation", 1)),
                pair(options.get("padding", 0)),
                pair(options.get("stride", 1)),
                strict=True,
            )
        ]
        if min(counts) > 0:
            rows = math.prod(pair(kernel)) * rng.randint(1, 2) + (rng.random() < 0.05)
            blocks = data((*rng.choice([(), (1,), (2,)]), rows, math.prod(counts) + (rng.random() < 0.05)), dtype)
            check_both(F.fold, TF.fold, blocks, out, kernel, second=second, tol=2e-2, **options)


def test_what_is_refused():
    x = torch.randn(1, 2, 4, 4)
    for bad in ((2,), (1, 2, 3), 0, -1, (0, 1)):
        check_error(F.unfold, TF.unfold, x, bad)
        check_error(F.fold, TF.fold, torch.randn(1, 4, 9), 4, bad)
        check_error(F.unfold, TF.unfold, x, 2, stride=bad)
    for shape in ((4,), (4, 4), (1, 1, 1, 4, 4), (1, 0, 4, 4), (1, 1, 0, 4)):
        check_error(F.unfold, TF.unfold, torch.randn(shape), 2, padding=1)
    for shape in ((4,), (1, 1, 4, 9)):
        check_error(F.fold, TF.fold, torch.randn(shape), 4, 2)


def test_shuffles():
    for lead, r, dtype in itertools.product([(), (2,), (2, 1)], [1, 2, 3], DTYPES):
        second = dtype is torch.float64
        check_both(F.pixel_shuffle, TF.pixel_shuffle, data((*lead, 2 * r * r, 2, 3), dtype), r, second=second)
        check_both(F.pixel_unshuffle, TF.pixel_unshuffle, data((*lead, 2, 2 * r, 3 * r), dtype), r, second=second)
        check_both(F.channel_shuffle, TF.channel_shuffle, data((2, 2 * r, 3, *lead), dtype), r, second=second)
    for name in ("pixel_shuffle", "pixel_unshuffle", "channel_shuffle"):
        for bad in (0, -1, 2.0, "a", None, True, 5):
            check_error(getattr(F, name), getattr(TF, name), torch.randn(2, 4, 4, 4), bad)
        check_error(getattr(F, name), getattr(TF, name), torch.randn(4, 4), 2)


def test_half_precision_is_added_up_in_float32():
    x = torch.randn(1, 18, 25)
    for dtype in (torch.float16, torch.bfloat16):
        want = TF.fold(x.to(dtype).float(), 7, 3).to(dtype)
        assert_same(F.fold(to_lucid(x.to(dtype)), 7, 3), want, tol=torch.finfo(dtype).eps)
        image = lucid.zeros(1, 2, 7, 7, dtype=to_lucid(dtype), requires_grad=True)
        F.unfold(image, 3).backward(to_lucid(x.to(dtype)))
        assert_same(image.grad, want, tol=torch.finfo(dtype).eps)
