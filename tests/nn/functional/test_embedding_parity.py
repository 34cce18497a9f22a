"""Looking up rows, and classes as rows of zeros and a one, on random arguments against PyTorch."""

from __future__ import annotations

import random
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid.nn.functional as F
from tests.checks import assert_same, check_both, check_error, to_lucid

pytestmark = pytest.mark.parity

DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
SHAPES = ((), (3,), (2, 3), (0,), (2, 0), (2, 2, 2), (30,))


def options(rng: random.Random, rows: int) -> dict[str, Any]:
    every = {
        "padding_idx": rng.choice([None, 0, -1, rows - 1, rows, -rows - 1]),
        "norm_type": rng.choice([1, 2.0, 3, float("inf")]),
        "scale_grad_by_freq": rng.choice([True, False]),
    }
    return {key: value for key, value in every.items() if rng.random() < 0.5}


def test_random_arguments():
    rng, generator = random.Random(0), torch.Generator().manual_seed(0)
    for k in range(120):
        rows, dtype = rng.choice([1, 4, 6]), DTYPES[k % 4]
        weight = torch.randn(rows, rng.choice([1, 3]), generator=generator).to(dtype).requires_grad_()
        kind = rng.choice([torch.int64] * 4 + [torch.int32, torch.uint8, torch.float32])
        ids = torch.randint(rows + (rng.random() < 0.05), rng.choice(SHAPES), generator=generator).to(kind)
        second = dtype is torch.float64
        check_both(F.embedding, TF.embedding, ids, weight, second=second, tol=2e-2, **options(rng, rows))


def test_rows_that_are_scaled_down():
    rng, generator = random.Random(0), torch.Generator().manual_seed(0)
    for k in range(40):
        weight = torch.randn(5, 3, generator=generator).to(DTYPES[k % 4])
        ids = torch.randint(5, rng.choice(SHAPES), generator=generator)
        kwargs = {**options(rng, 5), "max_norm": rng.choice([0.5, 1, 2.0]), "padding_idx": None}
        theirs, mine = weight.clone(), to_lucid(weight)
        want, got = TF.embedding(ids, theirs, **kwargs), F.embedding(to_lucid(ids), mine, **kwargs)
        assert_same(got, want)
        assert_same(mine, theirs)


def test_one_hot():
    for shape in SHAPES:
        ids = torch.randint(3, shape)
        for count in (-1, 3, 10, 0, 1, -2):
            check_both(F.one_hot, TF.one_hot, ids, count)
    for bad in (torch.tensor([-1, 2]), torch.tensor([0, 1]).int(), torch.tensor([0.0])):
        check_error(F.one_hot, TF.one_hot, bad)
