"""Distances and similarities on random arguments against PyTorch."""

from __future__ import annotations

import random

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import check_both, check_error

pytestmark = pytest.mark.parity


DTYPES = (torch.float32, torch.float64, torch.bfloat16)
SHAPES = ((), (3,), (2, 3), (4, 2, 3), (1, 3), (2, 2), (0, 3))
NORMS = (2, 1, 2.0, 3, 0, 0.5, 1.5, float("inf"), float("-inf"), -1)


def data(rng: random.Random, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    x = torch.randn(shape).to(dtype)
    x = x.mT.contiguous().mT if x.ndim > 1 and rng.random() < 0.3 else x
    return x.requires_grad_(dtype is not torch.bfloat16)


def test_pairs():
    rng = random.Random(0)
    for k in range(150):
        shape = rng.choice(SHAPES)
        other = shape if rng.random() < 0.7 else rng.choice([(), (3,), (2, 3), (1, 3), (4, 1, 3)])
        one, two = data(rng, shape, DTYPES[k % 3]), data(rng, other, DTYPES[(k + (rng.random() < 0.1)) % 3])
        second = one.dtype is two.dtype is torch.float64
        tol = 2e-2 if torch.bfloat16 in (one.dtype, two.dtype) else 1e-4
        p = rng.choice(NORMS)
        eps, keepdim = rng.choice([1e-6, 1e-2, 1]), rng.choice([True, False])
        check_both(F.pairwise_distance, TF.pairwise_distance, one, two, p, eps, keepdim, second=second, tol=tol)
        dim = rng.choice([0, -1, 3, -4]) if shape == other else -1
        check_both(F.cosine_similarity, TF.cosine_similarity, one, two, dim, tol=tol)


def test_norms_below_eps():
    x, y = torch.randn(4, 3, dtype=torch.float64) * 0.3, torch.randn(4, 3, dtype=torch.float64)
    for eps in (1e-8, 0.5, 1, 3):
        check_both(
            F.cosine_similarity, TF.cosine_similarity, x.requires_grad_(), y.requires_grad_(), eps=eps, second=True
        )


def test_integers():
    one, two = torch.tensor([[1, 5, 2]]), torch.tensor([[4, 1, 2]])
    for dtype in (torch.int64, torch.int32, torch.int8, torch.bool):
        for eps in (1, 1e-6):
            check_both(F.pairwise_distance, TF.pairwise_distance, one.to(dtype), two.to(dtype), eps=eps)
        check_both(F.cosine_similarity, TF.cosine_similarity, one.to(dtype), two.to(dtype))
        check_both(F.cosine_similarity, TF.cosine_similarity, one.to(dtype), two.float())
    # A 0-dim tensor counts with its own dtype here.
    check_both(F.cosine_similarity, TF.cosine_similarity, one.half(), torch.tensor(1.0), tol=1e-2)


def test_all_pairs():
    rng = random.Random(1)
    for k in range(60):
        dtype, columns, p = DTYPES[k % 2], rng.choice([0, 1, 3]), rng.choice([q for q in NORMS if q != float("-inf")])
        lead, other = rng.choice([((), ()), ((2,), (2,)), ((2, 1), (3,)), ((), (2,))])
        one, two = data(rng, (*lead, 4, columns), dtype), data(rng, (*other, rng.choice([1, 5]), columns), dtype)
        check_both(lucid.cdist, torch.cdist, one, two, p)
        if p != float("inf"):  # PyTorch does not share the gradient out between equal ones
            check_both(F.pdist, TF.pdist, data(rng, (rng.choice([2, 5]), 3), dtype), p)
    one = torch.randn(4, 3)
    check_error(lucid.cdist, torch.cdist, one, one.double())
    check_error(lucid.cdist, torch.cdist, one, one[:, :2])
    check_error(lucid.cdist, torch.cdist, one[0], one)
    check_error(F.pdist, TF.pdist, one[0])


def test_gradients_where_elements_are_equal():
    for p in (0.5, -1, 1, 1.5, 2, 3, float("inf")):
        x = torch.tensor([0.0, 1.0, -2.0, 0.0], requires_grad=True)
        check_both(F.pairwise_distance, TF.pairwise_distance, x, torch.zeros(4), p, 0.0)
    for p, eps in ((2.0, 5.0), (1.0, 3.0), (float("inf"), 2.0)):  # the norm, or what it is held at
        x = torch.tensor([[0.0, 1.0, -2.0, 0.0]], requires_grad=True)
        check_both(F.normalize, TF.normalize, x, p, 1, eps)
