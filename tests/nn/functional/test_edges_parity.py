"""Empty sizes, integer arguments and other edges of `lucid.nn.functional` against PyTorch."""

from __future__ import annotations

import math
import warnings

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as TF

import lucid
import lucid.nn.functional as F
from tests.checks import check_both, check_error

pytestmark = pytest.mark.parity


def both(name: str, *args: object, **kwargs: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_both(getattr(F, name), getattr(TF, name), *args, **kwargs)


def refused(name: str, *args: object, **kwargs: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_error(getattr(F, name), getattr(TF, name), *args, **kwargs)


def r(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))).requires_grad_()


LOSSES = (
    *("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "soft_margin_loss", "poisson_nll_loss"),
    *("hinge_embedding_loss", "kl_div", "binary_cross_entropy", "binary_cross_entropy_with_logits"),
)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_losses_of_integers(name, reduction):
    both(name, torch.tensor([1, 3, -2]), torch.tensor([1, -1, 1]), reduction=reduction)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_adaptive_pooling_to_nothing_or_of_an_empty_batch(n):
    size = (6, 5, 4)[:n]
    for output in (0, 2, (3, 2, 2)[:n], None, (None, 2, 0)[:n] if n > 1 else 1, (2,) * (n + 1)):
        for x in (r(2, 3, *size), r(3, *size), r(0, 3, *size)):
            both(f"adaptive_max_pool{n}d", x.detach(), output)
            both(f"adaptive_max_pool{n}d", x.detach(), output, True)
            both(f"adaptive_avg_pool{n}d", x.detach(), output)
    both(f"max_pool{n}d", r(0, 3, *size), 2, return_indices=True)


@pytest.mark.parametrize("name", ["dropout2d", "dropout3d", "feature_alpha_dropout"])
def test_feature_dropout_of_a_vector(name):
    for p in (0.0, 1.0):
        both(name, r(3), p, True)
    both(name, r(3), 0.5, training=False)
    if name != "dropout3d":
        refused(name, r(3), 0.5, training=True)


@pytest.mark.filterwarnings("ignore:dropout")
def test_channels_without_a_batch():
    for name, shape, decide in (
        ("dropout1d", (40, 3), 1),
        ("dropout1d", (8, 5, 3), 2),
        ("dropout2d", (8, 5, 3, 2), 2),
        ("dropout2d", (8, 5, 3), 2),
        ("dropout3d", (8, 5, 3, 2, 2), 2),
        ("dropout3d", (40, 5, 3, 2), 1),
        ("dropout3d", (40, 5), 1),
        ("dropout3d", (40,), 1),
    ):
        kept = getattr(F, name)(lucid.ones(*shape), 0.5, True).reshape(math.prod(shape[:decide]), -1) > 0
        assert lucid.equal(kept.all(1), kept.any(1)), f"{name} of {shape}: a part of a channel"
        assert 0 < kept.all(1).sum().item() < kept.shape[0]


def test_normalisation_of_single_values():
    for shape in ((1, 4), (2, 4), (4,), (1, 4, 1), (2, 4, 1)):
        both("instance_norm", r(*shape))
        for groups in (1, 2, 4, 0):
            both("group_norm", r(*shape), groups, eps=0.1)


def test_attention_needs_as_many_heads():
    q, k, v = r(2, 4, 5, 4), r(2, 2, 6, 4), r(2, 2, 6, 3)
    refused("scaled_dot_product_attention", q, k, v)
    both("scaled_dot_product_attention", q, k, v, enable_gqa=True)
    both("scaled_dot_product_attention", q[:, :1], k, v)
    both("scaled_dot_product_attention", q[:1, :2], k, v)
    both("scaled_dot_product_attention", q.detach()[:, :1], k.detach(), v.detach())
    both("scaled_dot_product_attention", q.detach(), k.detach()[:, :1], v.detach()[:, :1])


def test_wrong_targets_are_found_before_wrong_weights():
    for name in ("cross_entropy", "nll_loss"):
        refused(name, r(3, 4), torch.tensor([0, 1]), torch.rand(3))
        refused(name, r(3, 4), torch.tensor([0, 1, 2]), torch.rand(3))


def test_bools_and_spellings():
    refused("softsign", torch.tensor([True]))
    refused("tanhshrink", torch.tensor([True]))
    both("one_hot", input=torch.tensor([1, 0]), num_classes=3)
    both("threshold", r(4), threshold=0.1, value=2.0)
    both("interpolate", r(1, 1, 4).detach(), 0, mode="area")
