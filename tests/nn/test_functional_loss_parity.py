"""Losses, distances and attention of `lucid.nn.functional` against PyTorch."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid.nn.functional as F
from tests.checks import check_error
from tests.nn.test_functional_parity import HALF, check, ints, p, r

pytestmark = pytest.mark.parity

REDUCTIONS = ("mean", "sum", "none")


def signs(*shape: int) -> torch.Tensor:
    return torch.where(p(*shape, seed=9).detach() > 0.5, 1.0, -1.0)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_cross_entropy(reduction):
    t, w = ints(6, 4), p(6).detach()
    soft = torch.softmax(r(4, 6, seed=3), 1).detach().requires_grad_()
    check("cross_entropy", r(4, 6), t, reduction=reduction)
    check("cross_entropy", r(4, 6, 3, 2), ints(6, 4, 3, 2), reduction=reduction)
    check("cross_entropy", r(6), torch.tensor(2), reduction=reduction)
    check("cross_entropy", r(4, 6), t, w, reduction=reduction, label_smoothing=0.1)
    check("cross_entropy", r(4, 6), t, reduction=reduction, ignore_index=int(t[0]))
    check("cross_entropy", r(4, 6), t, w, reduction=reduction, label_smoothing=0.1, ignore_index=int(t[0]))
    check("cross_entropy", r(4, 6), soft, w, reduction=reduction, label_smoothing=0.1)
    check("cross_entropy", r(4, 6, 2), torch.softmax(r(4, 6, 2, seed=1), 1).detach(), reduction=reduction)
    check("cross_entropy", r(4, 6), torch.full((4,), -100), reduction=reduction)
    check("cross_entropy", r(0, 6), ints(6, 0), reduction=reduction)
    check("nll_loss", r(4, 6), t, w, reduction=reduction, ignore_index=int(t[1]))
    check("nll_loss", r(4, 6, 3), ints(6, 4, 3), reduction=reduction)
    check("nll_loss", r(6), torch.tensor(2), reduction=reduction)
    for dtype in (torch.float64, *HALF):
        check(
            "cross_entropy", r(4, 6, dtype=dtype), t, reduction=reduction, tol=1e-6 if dtype is torch.float64 else 4e-2
        )


def test_cross_entropy_errors():
    x, t = r(4, 6), ints(6, 4)
    for bad in (t[:3], r(4), t.int(), torch.tensor([0, 1, 2, 6]), torch.tensor([0, -1, 2, 3]), ints(6, 4, 2)):
        check_error(F.cross_entropy, TF.cross_entropy, x, bad)
        check_error(F.nll_loss, TF.nll_loss, x, bad)
    check_error(F.cross_entropy, TF.cross_entropy, x, t, r(5))
    check_error(F.cross_entropy, TF.cross_entropy, x, t, reduction="average")
    check_error(F.cross_entropy, TF.cross_entropy, x, t, label_smoothing=1.5)
    check_error(F.cross_entropy, TF.cross_entropy, ints(3, 4, 6), t)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_distance_losses(reduction):
    x, y, w = r(4, 3), r(4, 3, seed=1), p(4, 3).detach()
    for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
        check(name, x, y, reduction=reduction)
        check(name, r(0, 3), r(0, 3), reduction=reduction)
        for dtype in HALF:
            check(name, r(4, 3, dtype=dtype), r(4, 3, dtype=dtype, seed=1), reduction=reduction, tol=3e-2)
    for name in ("mse_loss", "l1_loss", "huber_loss"):
        check(name, x, y, reduction=reduction, weight=w)
    check("smooth_l1_loss", x, y, reduction=reduction, beta=0.3)
    check("smooth_l1_loss", x, y, reduction=reduction, beta=0.0)
    check("huber_loss", x, y, reduction=reduction, delta=0.3)
    check("mse_loss", x, torch.tensor(1.0), reduction=reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_likelihood_losses(reduction):
    x, q, counts = r(4, 3), p(4, 3), ints(5, 4, 3).float()
    edge = torch.tensor([0.0, 1.0, 0.3, 1.0, 0.0]), torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0])
    check("binary_cross_entropy", q, p(4, 3, seed=1).detach(), reduction=reduction)
    check("binary_cross_entropy", q, p(4, 3, seed=1).detach(), p(3).detach(), reduction=reduction)
    check("binary_cross_entropy", *edge, reduction=reduction)
    check("binary_cross_entropy_with_logits", x, q, reduction=reduction)
    check("binary_cross_entropy_with_logits", x, q, p(3).detach(), pos_weight=p(3).detach() * 3, reduction=reduction)
    check("kl_div", x, q, reduction=reduction)
    check("kl_div", x, torch.tensor([0.0, 0.2, 0.8]).expand(4, 3), reduction=reduction)
    check("kl_div", x, r(4, 3, seed=2), reduction=reduction, log_target=True)
    check("poisson_nll_loss", x, counts, reduction=reduction, full=True)
    check("poisson_nll_loss", q, counts, reduction=reduction, log_input=False)
    check("gaussian_nll_loss", x, r(4, 3, seed=1), q, reduction=reduction)
    check("gaussian_nll_loss", x, r(4, 3, seed=1), p(4), reduction=reduction, full=True)
    check("gaussian_nll_loss", x, r(4, 3, seed=1), 0.5, reduction=reduction)
    check("soft_margin_loss", x, signs(4, 3), reduction=reduction)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margin_losses(reduction):
    x, y, z = r(4, 3), r(4, 3, seed=1), r(4, 3, seed=2)
    check("margin_ranking_loss", r(4), r(4, seed=1), signs(4), reduction=reduction, margin=0.2)
    check("hinge_embedding_loss", x, signs(4, 3), reduction=reduction)
    check("cosine_embedding_loss", x, y, signs(4), reduction=reduction, margin=0.1)
    check("cosine_embedding_loss", r(3), r(3, seed=1), torch.tensor(1.0), reduction=reduction)
    check("multilabel_soft_margin_loss", x, p(4, 3).detach().round(), p(3).detach(), reduction=reduction)
    check("multi_margin_loss", x, torch.tensor([0, 1, 2, 1]), reduction=reduction)
    check("multi_margin_loss", x, torch.tensor([0, 1, 2, 1]), 2, 0.4, p(3).detach(), reduction=reduction)
    check("multilabel_margin_loss", r(2, 4), torch.tensor([[3, 0, -1, 1], [1, 2, 3, 0]]), reduction=reduction)
    check("multilabel_margin_loss", r(4), torch.tensor([3, 0, -1, 1]), reduction=reduction)
    check("triplet_margin_loss", x, y, z, reduction=reduction)
    check("triplet_margin_loss", x, y, z, reduction=reduction, swap=True, p=1.5)
    check("triplet_margin_with_distance_loss", x, y, z, reduction=reduction, swap=True)


def test_other_reductions_and_errors():
    x, y = r(4, 3), p(4, 3)
    check("kl_div", x, y, reduction="batchmean")
    check("mse_loss", x, y, size_average=False)
    check("mse_loss", x, y, reduce=False)
    check_error(F.mse_loss, TF.mse_loss, x, y, reduction="average")
    check_error(F.kl_div, TF.kl_div, x, y, reduction="average")
    check_error(F.binary_cross_entropy, TF.binary_cross_entropy, y, y[:2])
    check_error(F.binary_cross_entropy_with_logits, TF.binary_cross_entropy_with_logits, x, y[:2])
    check_error(F.smooth_l1_loss, TF.smooth_l1_loss, x, y, beta=-1.0)
    check_error(F.huber_loss, TF.huber_loss, x, y, delta=0.0)
    check_error(F.triplet_margin_loss, TF.triplet_margin_loss, x, y, y, margin=-1.0)
    check_error(F.triplet_margin_loss, TF.triplet_margin_loss, x, y, r(3))
    check_error(F.triplet_margin_with_distance_loss, TF.triplet_margin_with_distance_loss, x, y, y, margin=-1.0)
    check_error(F.margin_ranking_loss, TF.margin_ranking_loss, x, y, r(3))
    check_error(F.cosine_embedding_loss, TF.cosine_embedding_loss, x, y, y)
    check_error(F.multi_margin_loss, TF.multi_margin_loss, x, ints(3, 4), p=3)
    check_error(F.multi_margin_loss, TF.multi_margin_loss, x, ints(3, 3))
    check_error(F.multi_margin_loss, TF.multi_margin_loss, x, ints(3, 4), weight=r(4))
    check_error(F.multi_margin_loss, TF.multi_margin_loss, x, ints(3, 4).float())
    check_error(F.multilabel_margin_loss, TF.multilabel_margin_loss, x, ints(3, 4, 3).float())
    check_error(F.multilabel_margin_loss, TF.multilabel_margin_loss, x, ints(3, 4))
    check_error(F.gaussian_nll_loss, TF.gaussian_nll_loss, x, y, r(2))
    check_error(F.gaussian_nll_loss, TF.gaussian_nll_loss, x, y, -1.0)
    check_error(F.mse_loss, TF.mse_loss, x, y, weight=r(2))


def test_distances():
    check("cosine_similarity", r(4, 3), r(4, 3, seed=1))
    check("cosine_similarity", r(4, 1, 3), r(2, 3), dim=-1)
    check("pairwise_distance", r(4, 3), r(4, 3, seed=1))
    check("pairwise_distance", r(4, 3), r(3), p=1.0, keepdim=True)
    check("pdist", r(5, 3))
    check("pdist", r(1, 3))
    check("pdist", r(5, 3), 3.0)
    check_error(F.pdist, TF.pdist, r(5))
    check_error(F.pdist, TF.pdist, r(5, 2), -1.0)
    check("cosine_similarity", r(0, 3), r(0, 3))
    check_error(F.cosine_similarity, TF.cosine_similarity, ints(3, 4), ints(3, 4), dim=0)


# ---- attention -------------------------------------------------------------------------------------------------------

DEAD = torch.rand(5, 7, generator=torch.Generator().manual_seed(0)) > 0.5
DEAD[2] = False
ADDED = r(2, 1, 5, 7, grad=False)
ADDED[0, 0, 2] = -float("inf")


@pytest.mark.parametrize("grad", [True, False])
def test_attention(grad):
    def at(*shape: int, seed: int = 0) -> torch.Tensor:
        return r(*shape, seed=seed, grad=grad)

    q, k, v = at(2, 3, 5, 4), at(2, 3, 7, 4), at(2, 3, 7, 6, seed=1)
    name = "scaled_dot_product_attention"
    check(name, q, k, v)
    check(name, q, at(2, 3, 5, 4, seed=1), at(2, 3, 5, 4, seed=2), is_causal=True)
    check(name, q, k, v, is_causal=True)
    check(name, k, q, at(2, 3, 5, 4, seed=2), is_causal=True)
    check(name, q, k, v, scale=0.3)
    check(name, q, k, v, attn_mask=DEAD)
    check(name, q, k, v, attn_mask=ADDED)
    check(name, q, k, at(2, 3, 7, 4, seed=2), attn_mask=DEAD, is_causal=True)
    check(name, q, k, at(2, 3, 7, 4, seed=2), attn_mask=ADDED, is_causal=True)
    check(name, q, k, v, attn_mask=at(5, 7))
    check(name, at(2, 6, 5, 4), at(2, 2, 7, 4), at(2, 2, 7, 4, seed=1), enable_gqa=True)
    check(name, at(5, 4), at(7, 4), at(7, 4, seed=1))
    check(name, at(3, 5, 4), at(3, 7, 4), at(3, 7, 4, seed=1))
    check(name, at(2, 2, 3, 5, 4), at(2, 2, 3, 7, 4), at(2, 2, 3, 7, 4, seed=1), attn_mask=DEAD)
    check(name, at(2, 3, 5, 4), at(1, 3, 7, 4), at(1, 3, 7, 4, seed=1))
    check(name, q, k, v, dropout_p=1.0)
    for dtype in (torch.float64, *HALF):
        x, y, z = (r(2, 3, 5, 4, dtype=dtype, grad=grad, seed=k) for k in range(3))
        check(name, x, y, z, is_causal=True, tol=1e-6 if dtype is torch.float64 else 3e-2)


def test_attention_errors():
    q, k = r(2, 3, 5, 4), r(2, 3, 7, 4)
    f, g = F.scaled_dot_product_attention, TF.scaled_dot_product_attention
    check_error(f, g, q, r(2, 3, 7, 5), k)
    check_error(f, g, r(4), r(4), r(4))
    check_error(f, g, ints(3, 1, 2, 4), ints(3, 1, 2, 4), ints(3, 1, 2, 4))
    check_error(f, g, q, k.double(), k)
    check_error(f, g, q, k, k, attn_mask=ints(2, 5, 7))
    check_error(f, g, q, k, k, attn_mask=DEAD[:4])
    check_error(f, g, r(2, 3, 5, 4), r(2, 2, 7, 4), r(2, 2, 7, 4), enable_gqa=True)
    check_error(f, g, [1.0], k, k)
