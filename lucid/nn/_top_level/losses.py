"""Losses that take their reduction as a number: 0 none, 1 the mean, 2 the sum."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lucid.nn import functional as F

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "ctc_loss",
    "hinge_embedding_loss",
    "kl_div",
    "margin_ranking_loss",
    "poisson_nll_loss",
    "triplet_margin_loss",
]


def _named(operation: str, reduction: int) -> str:
    names = ("none", "mean", "sum")
    if not isinstance(reduction, int) or not 0 <= reduction < 3:
        raise ValueError(
            f"{operation}: expected reduction to be 0 (none), 1 (mean) or 2 (sum), got {reduction!r}; "
            f"lucid.nn.functional.{operation} takes it as a string"
        )
    return names[reduction]


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, pos_weight: Tensor | None = None, reduction: int = 1
) -> Tensor:
    """See `lucid.nn.functional.binary_cross_entropy_with_logits`; `reduction` is a number."""
    name = _named("binary_cross_entropy_with_logits", reduction)
    return F.binary_cross_entropy_with_logits(input, target, weight, reduction=name, pos_weight=pos_weight)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """See `lucid.nn.functional.cosine_embedding_loss`; `reduction` is a number."""
    name = _named("cosine_embedding_loss", reduction)
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=name)


def ctc_loss(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | Sequence[int],
    target_lengths: Tensor | Sequence[int],
    blank: int = 0,
    reduction: int = 1,
    zero_infinity: bool = False,
) -> Tensor:
    """See `lucid.nn.functional.ctc_loss`; `reduction` is a number."""
    name = _named("ctc_loss", reduction)
    return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, name, zero_infinity)


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: int = 1) -> Tensor:
    """See `lucid.nn.functional.hinge_embedding_loss`; `reduction` is a number."""
    return F.hinge_embedding_loss(input, target, margin, reduction=_named("hinge_embedding_loss", reduction))


def kl_div(input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False) -> Tensor:
    """See `lucid.nn.functional.kl_div`; `reduction` is a number."""
    name = _named("kl_div", reduction)
    with warnings.catch_warnings():  # that "mean" is not the mathematical one: at this level nobody chose a name
        warnings.simplefilter("ignore")
        return F.kl_div(input, target, reduction=name, log_target=log_target)


def margin_ranking_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0, reduction: int = 1
) -> Tensor:
    """See `lucid.nn.functional.margin_ranking_loss`; `reduction` is a number."""
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=_named("margin_ranking_loss", reduction))


def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool, full: bool, eps: float, reduction: int) -> Tensor:
    """See `lucid.nn.functional.poisson_nll_loss`; `reduction` is a number."""
    name = _named("poisson_nll_loss", reduction)
    return F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=name)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 1,
) -> Tensor:
    """See `lucid.nn.functional.triplet_margin_loss`; `reduction` is a number."""
    name = _named("triplet_margin_loss", reduction)
    return F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=name)
