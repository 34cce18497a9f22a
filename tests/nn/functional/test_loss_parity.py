"""Losses on random arguments, of all pairs of dtypes, and at the edges of their domains, against PyTorch."""

from __future__ import annotations

import itertools
import random
import warnings
from typing import Any

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import assert_same, check_both, check_error, to_lucid

pytestmark = pytest.mark.parity

PAIRS = (
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "kl_div", "soft_margin_loss", "hinge_embedding_loss"),
    *("binary_cross_entropy", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss", "poisson_nll_loss"),
)
OPTIONS: dict[str, dict[str, tuple[Any, ...]]] = {
    "smooth_l1_loss": {"beta": (0.0, 0.5, 2, -1)},
    "huber_loss": {"delta": (0.5, 2, 0.0)},
    "kl_div": {"log_target": (True, False)},
    "hinge_embedding_loss": {"margin": (0.5, 2, -1)},
    "poisson_nll_loss": {"log_input": (True, False), "full": (True, False), "eps": (1e-3,)},
}
DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool)
SHAPES = ((), (4,), (0,), (2, 3), (3, 2, 4), (0, 3))


def both(name: str, *args: object, **kwargs: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_both(getattr(F, name), getattr(TF, name), *args, **kwargs)


@pytest.mark.parametrize("name", PAIRS)
def test_random_arguments(name):
    rng, generator = random.Random(name), torch.Generator().manual_seed(0)
    for k in range(48):
        dtype, shape = DTYPES[k % 4], rng.choice(SHAPES)
        x = torch.rand(shape, generator=generator) * 0.9 + 0.05
        target = torch.rand(shape, generator=generator)
        if name in ("soft_margin_loss", "hinge_embedding_loss"):
            target = (target - 0.5).sign()
        kwargs: dict[str, Any] = {"reduction": rng.choice(["none", "mean", "sum"])}
        if name != "huber_loss" and rng.random() < 0.3:
            kwargs = {"size_average": rng.choice([True, False, None]), "reduce": rng.choice([True, False, None])}
        kwargs |= {key: rng.choice(values) for key, values in OPTIONS.get(name, {}).items() if rng.random() < 0.6}
        if name in ("binary_cross_entropy", "binary_cross_entropy_with_logits") and rng.random() < 0.5:
            sizes = rng.choice([shape, shape[-1:], (2, *shape), (5,)])
            kwargs["weight"] = torch.rand(sizes, generator=generator).to(dtype)
        if name.endswith("logits") and rng.random() < 0.5:
            kwargs["pos_weight"] = torch.rand(shape[-1:], generator=generator).to(rng.choice([dtype, torch.float32]))
        differentiable = name in ("mse_loss", "l1_loss", "kl_div", "smooth_l1_loss") and rng.random() < 0.5
        arguments = x.to(dtype).requires_grad_(), target.to(dtype).requires_grad_(differentiable)
        both(name, *arguments, **kwargs, second=dtype is torch.float64)
    both(name, torch.ones(2), torch.ones(2), reduction="bad")


@pytest.mark.parametrize("name", PAIRS)
def test_dtypes(name):
    for mine, theirs in itertools.product(DTYPES, DTYPES):
        if name == "poisson_nll_loss" and not mine.is_floating_point:
            continue  # of integers and half precision PyTorch makes float32
        both(name, torch.ones(2, 3).to(mine), torch.ones(2, 3).to(theirs), reduction="none", tol=2e-2)


def test_binary_cross_entropy_of_0_and_1():
    p = torch.tensor([0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1e-13, 0.5])
    for target in (0.0, 1.0, 0.25):
        for dtype in (torch.float32, torch.float64):
            x = p.to(dtype).requires_grad_()
            both("binary_cross_entropy", x, torch.full_like(x, target).detach(), reduction="none")


def test_deprecated_reduction():
    x = torch.ones(2, 3)
    for name in ("mse_loss", "huber_loss", "soft_margin_loss"):
        with pytest.warns(UserWarning, match="elementwise_mean"):
            got = getattr(F, name)(to_lucid(x), to_lucid(x), reduction="elementwise_mean")
        assert_same(got, getattr(TF, name)(x, x))


@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
def test_classes(name):
    rng, generator = random.Random(name), torch.Generator().manual_seed(1)
    for k in range(120):
        dtype = DTYPES[k % 4]
        n, classes, rest = rng.choice([0, 1, 3]), rng.choice([1, 2, 5]), rng.choice([(), (), (2,), (3, 2), (2, 1, 3)])
        unbatched = rng.random() < 0.2
        shape = (classes,) if unbatched else (n, classes, *rest)
        sizes = rng.choice([(), (1,)]) if unbatched else (n, *rest)
        if rng.random() < 0.1 and n:
            sizes = rng.choice([(), (2,), (n, 1)])
        target = torch.randint(classes + (rng.random() < 0.05), sizes, generator=generator)
        kwargs: dict[str, Any] = {"reduction": rng.choice(["none", "mean", "sum"])}
        if rng.random() < 0.5:
            kwargs["ignore_index"] = rng.choice([-100, 0, -1])
        if rng.random() < 0.3:
            kwargs["weight"] = torch.rand(classes, generator=generator).to(dtype)
        if name == "cross_entropy" and rng.random() < 0.4 and sizes != (1,):
            kwargs["label_smoothing"] = rng.choice([0.0, 0.1, 1.0])
        x = torch.randn(shape, generator=generator).to(dtype).requires_grad_()
        kind = rng.choice([torch.int64] * 6 + [torch.uint8, torch.int32]) if "label_smoothing" not in kwargs else None
        if sizes == (1,):
            x = x.detach()  # PyTorch has no gradient here
        if kind is torch.uint8 and x.ndim > 2 and not target.numel():
            continue
        check_both(getattr(F, name), getattr(TF, name), x, target.to(kind), second=dtype is torch.float64, **kwargs)


def test_probabilities():
    for input_dtype, target_dtype in itertools.product(DTYPES[:3], DTYPES[:3]):
        x, t = torch.randn(3, 4, 2), torch.rand(3, 4, 2)
        for kwargs in ({}, {"label_smoothing": 0.2, "reduction": "sum"}, {"reduction": "none"}):
            arguments = x.to(input_dtype).requires_grad_(), t.to(target_dtype).requires_grad_()
            both("cross_entropy", *arguments, **kwargs, tol=2e-3)


def test_half_precision_is_computed_in_float32():
    x, t = torch.randn(50, 7) * 4, torch.randint(7, (50,))
    for dtype in (torch.float16, torch.bfloat16):
        exact = TF.cross_entropy(x.to(dtype).float(), t, reduction="none").to(dtype)
        got = F.cross_entropy(to_lucid(x.to(dtype)), to_lucid(t), reduction="none")
        assert_same(got, exact, tol=2 * torch.finfo(dtype).eps)


def test_margins_at_the_edges():
    x = torch.randn(2, 3, requires_grad=True)
    for target in ([0, 3], [-1, 0], [2, 0]):
        both("multi_margin_loss", x, torch.tensor(target))
    for row in ([0, -1, 5], [3, -1, -1], [-2, 0, 0], [-1, -1, -1], [2, 0, -1]):
        both("multilabel_margin_loss", x, torch.tensor([row, [1, -1, -1]]))
    for empty in ((0,), (2, 0)):
        check_error(F.multilabel_margin_loss, TF.multilabel_margin_loss, torch.zeros(empty), torch.zeros(empty).long())
        both("multilabel_soft_margin_loss", torch.zeros(empty), torch.zeros(empty))
    both("multilabel_soft_margin_loss", torch.tensor(1.0), torch.tensor(1.0))
    for p in (1, 2, 0.5, float("inf")):
        points = [torch.tensor(v, requires_grad=True) for v in (1.0, 2.5, 4.0)]
        for swap in (True, False):
            both("triplet_margin_loss", *points, p=p, swap=swap)
        both("pairwise_distance", *points[:2], p=p, keepdim=True)
    whole = [torch.tensor([[1, 2], [3, 5]]) * k for k in (1, 2, 3)]
    both("triplet_margin_with_distance_loss", *whole, distance_function=lambda a, b: (a - b).abs().sum(-1))
    both("hinge_embedding_loss", whole[0], torch.tensor([1.0, -1.0]), reduction="sum")


def test_gradients_of_targets_that_have_none():
    x, t = lucid.ones(3, requires_grad=True), lucid.ones(3, requires_grad=True)
    F.hinge_embedding_loss(x, t).backward()
    assert t.grad is None
    assert not F.hinge_embedding_loss(x.detach(), t).requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("look", [False, True])
def test_nothing_counts(dtype: torch.dtype, look: bool) -> None:
    """The mean over no targets is NaN, and no input has a part in it."""
    for name in ("cross_entropy", "nll_loss"):
        x = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=dtype)
        mine, theirs = to_lucid(x).requires_grad_(), x.clone().requires_grad_()
        loss = getattr(F, name)(mine, lucid.tensor([-100, -100]))
        if look:
            assert loss.isnan().item()
        loss.backward()
        getattr(TF, name)(theirs, torch.tensor([-100, -100])).backward()
        assert_same(mine.grad, theirs.grad)
        assert not theirs.grad.any()
