"""Losses of one element each, and how they are reduced."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import ops
from lucid.dtypes import OF_MX
from lucid.nn.functional import _check
from lucid.nn.functional._reduction import REDUCTIONS, chosen, pointwise
from lucid.ops import _precise
from lucid.ops._promotion import result_type
from lucid.ops.exponential import _xlogy

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
]


def _distance(
    operation: str, fn: Any, reduction: str, input: Any, target: Any, weight: Any, like: Any = None
) -> Tensor:
    """A loss of the difference of two tensors, with a warning where they are broadcast; of the dtype of `like`."""
    _check.tensor(operation, "input", input)
    _check.tensor(operation, "target", target)
    if target._data.shape != input._data.shape:
        warnings.warn(
            f"{operation}: Using a target size ({tuple(target.shape)}) that is different to the input size "
            f"({tuple(input.shape)}). "
            "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
    whole = operation == "l1_loss"
    if whole and mx.bool_ in (input._data.dtype, target._data.dtype):
        raise RuntimeError("l1_loss: bool tensors cannot be subtracted; convert them with .float()")
    if weight is None:
        return pointwise(operation, lambda x, y: fn(x - y), reduction, input, target, whole=whole, like=like)
    if _check.tensor(operation, "weight", weight)._data.shape != input._data.shape:
        raise ValueError(
            f"{operation}: Weights and input must have the same size, got {weight.shape} and {input.shape}"
        )
    weighted = (input, target, weight)
    return pointwise(operation, lambda x, y, w: fn(x - y) * w, reduction, *weighted, whole=whole, like=like)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The squared difference.

    Args:
        input: any shape.
        target: of the same shape.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: "mean", "sum" or "none".
        weight: a weight for each element; with "mean", the weighted mean.

    Raises ValueError for another reduction.

    >>> import lucid
    >>> lucid.nn.functional.mse_loss(lucid.tensor([1.0, 2.0]), lucid.tensor([1.0, 4.0]))
    tensor(2.)
    """
    if not result_type(_check.tensor("mse_loss", "input", input), target).is_floating_point:
        raise NotImplementedError(f"mse_loss: expected a floating dtype, got {input.dtype!r}; convert with .float()")
    return _weighted("mse_loss", mx.square, chosen(reduction, size_average, reduce), input, target, weight)


def _weighted(operation: str, fn: Any, reduction: str, input: Tensor, target: Tensor, weight: Any) -> Tensor:
    if weight is None or reduction != "mean":
        return _distance(operation, fn, reduction, input, target, weight)
    total = _distance(operation, fn, "sum", input, target, weight)
    return ops.div(total, ops.sum(weight))


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """The absolute difference. Arguments as in `mse_loss`."""
    return _weighted("l1_loss", mx.abs, chosen(reduction, size_average, reduce), input, target, weight)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """The absolute difference minus `beta / 2`, and below `beta` a parabola. Arguments as in `mse_loss`.

    Raises RuntimeError for a negative `beta`.
    """
    if beta < 0:
        raise RuntimeError(f"smooth_l1_loss does not support negative values for beta, got {beta}")

    def fn(difference: mx.array) -> mx.array:
        d = mx.abs(difference)
        return d if beta == 0 else mx.where(d < beta, 0.5 * mx.square(difference) / beta, d - 0.5 * beta)

    return _distance("smooth_l1_loss", fn, chosen(reduction, size_average, reduce), input, target, None)


def huber_loss(
    input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """Half the squared difference, and above `delta` a straight line. Other arguments as in `mse_loss`, but with
    "mean" a `weight` does not divide. The result has the dtype of `input`.

    Raises RuntimeError for a `delta` that is not positive.
    """
    if delta <= 0:
        raise RuntimeError(f"huber_loss does not support non-positive values for delta, got {delta}")

    def fn(difference: mx.array) -> mx.array:
        d = mx.abs(difference)
        return mx.where(d <= delta, 0.5 * mx.square(difference), delta * (d - 0.5 * delta))

    return _distance("huber_loss", fn, chosen(reduction, None, None), input, target, weight, like=input)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The cross entropy of probabilities against targets between 0 and 1; logarithms are cut off at -100.

    Args:
        input: probabilities.
        target: of the same shape.
        weight: a weight for each element, broadcast.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: "mean", "sum" or "none".

    Raises ValueError for shapes that differ, RuntimeError for dtypes that do. Use `binary_cross_entropy_with_logits`
    where the probabilities come from a sigmoid.
    """
    name = "binary_cross_entropy"
    reduction = chosen(reduction, size_average, reduce)
    _check.floating(name, input)
    _same_shape(name, input, target)
    _check.same_dtype(name, input=input, target=target)
    _no_larger(name, input, weight=weight)

    def fn(p: mx.array, t: mx.array, w: mx.array | None) -> mx.array:
        loss = -(t * _log(p, 1 - p) + (1 - t) * _log(1 - p, p))
        return loss if w is None else loss * w

    return pointwise(name, fn, reduction, input, target, weight, like=input)


def _log(p: mx.array, rest: mx.array) -> mx.array:
    """The logarithm of `p`, at least -100. Where `p * rest` is below 1e-12 it goes on as a straight line with the slope
    `rest / 1e-12`, so that its derivative is as large as PyTorch's.
    """
    q, r = mx.stop_gradient(p), mx.stop_gradient(rest)
    tiny = q * r < 1e-12
    value = mx.maximum(mx.log(mx.where(tiny, 1, p)), -100)
    return mx.where(tiny, mx.maximum(mx.log(q), -100) + (p - q) * (r * 1e12), value)


def _no_larger(operation: str, input: Tensor, **weights: Tensor | None) -> None:
    """Raise RuntimeError unless all of `weights` can be broadcast to the shape of `input`."""
    shape = input._data.shape
    for name, w in weights.items():
        if w is not None and w._data.shape != shape:
            have = _check.tensor(operation, name, w)._data.shape
            ends = zip(reversed(have), reversed(shape), strict=False)
            if len(have) > len(shape) or any(a not in (1, b) for a, b in ends):
                raise RuntimeError(
                    f"{operation}: expected a {name} that can be broadcast to the input's shape {tuple(shape)}, got "
                    f"{tuple(have)}"
                )


def _same_shape(operation: str, input: Tensor, target: Any) -> None:
    if _check.tensor(operation, "target", target)._data.shape != input._data.shape:
        raise ValueError(
            f"{operation}: Target size ({tuple(target.shape)}) must be the same as input size ({tuple(input.shape)})"
        )


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """`binary_cross_entropy` of the sigmoid of `input`, also where that is 0 or 1 in floating point.

    Args:
        input: logits.
        target: of the same shape, between 0 and 1.
        weight: a weight for each element, broadcast.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: "mean", "sum" or "none".
        pos_weight: a weight for the positive part of each target, broadcast.

    The result has the dtype of `target`. Raises ValueError for shapes that differ, RuntimeError for a target that is
    not of a floating dtype.
    """
    name = "binary_cross_entropy_with_logits"
    reduction = chosen(reduction, size_average, reduce)
    _check.floating(name, input)
    _same_shape(name, input, target)
    _no_larger(name, input, weight=weight, pos_weight=pos_weight)

    def fn(x: mx.array, t: mx.array, w: mx.array | None, pw: mx.array | None) -> mx.array:
        surprise = _precise.softplus(-x)  # of a positive
        if pw is not None:
            surprise = surprise * (1 + (pw - 1) * t)
        loss = (1 - t) * x + surprise
        return loss if w is None else loss * w

    return pointwise(name, fn, reduction, input, target, weight, pos_weight, like=target)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """The Kullback-Leibler divergence of each element: `target * (log(target) - input)`.

    Args:
        input: log probabilities.
        target: probabilities, or their logarithms.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: "batchmean" (the sum over the size of dimension 0: the divergence as defined), "mean", "sum" or
            "none".
        log_target: whether `target` holds logarithms.

    Raises ValueError for another reduction, RuntimeError for integers.
    """
    reduction = chosen(reduction, size_average, reduce)
    for name, t in (("input", input), ("target", target)):
        if not OF_MX[_check.tensor("kl_div", name, t)._data.dtype].is_inexact:
            raise RuntimeError(f"kl_div: expected {name} of a floating dtype, got {t.dtype!r}; convert with .float()")
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' "
            "divides only by the "
            "batch size, and aligns with the KL math definition.",
            stacklevel=2,
        )

    def fn(x: mx.array, t: mx.array) -> mx.array:
        if log_target:
            return _precise.exp(t) * (t - x)
        return _xlogy(t, t) - t * x

    if reduction != "batchmean":
        return pointwise("kl_div", fn, reduction, input, target, allowed=(*REDUCTIONS, "batchmean"))
    total = pointwise("kl_div", fn, "sum", input, target)
    return total / input.shape[0] if input.ndim else total


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-08,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood of Poisson counts.

    Args:
        input: the expected counts, or their logarithms.
        target: the counts.
        log_input: whether `input` holds logarithms.
        full: add Stirling's approximation of the constant term.
        size_average: deprecated, see `reduction`.
        eps: added to the input before its logarithm is taken.
        reduce: deprecated, see `reduction`.
        reduction: "mean", "sum" or "none".
    """

    def fn(x: mx.array, t: mx.array) -> mx.array:
        loss = _precise.exp(x) - t * x if log_input else x - t * mx.log(x + eps)
        if full:
            large = mx.where(t > 1, t, 1)
            loss = loss + mx.where(t > 1, large * mx.log(large) - large + 0.5 * mx.log(2 * math.pi * large), 0)
        return loss

    return pointwise("poisson_nll_loss", fn, chosen(reduction, size_average, reduce), input, target, floats=True)


def gaussian_nll_loss(
    input: Tensor, target: Tensor, var: Tensor | float, full: bool = False, eps: float = 1e-06, reduction: str = "mean"
) -> Tensor:
    """The negative log likelihood under Gaussians with mean `input` and variance `var`.

    Args:
        input: the means.
        target: of the same shape, or broadcast.
        var: of the same shape, or without the last dimension, or with size 1 in one dimension; or one number.
        full: add the constant term.
        eps: the smallest variance.
        reduction: "mean", "sum" or "none".

    Raises ValueError for a negative variance, a shape that does not fit or another reduction.
    """
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = (input * 0).detach() + var
    elif tuple(var.shape) != tuple(input.shape):
        if tuple(input.shape[:-1]) == tuple(var.shape):
            var = var.unsqueeze(-1)
        elif input.ndim != var.ndim or sum(v for s, v in zip(input.shape, var.shape, strict=True) if s != v) != 1:
            raise ValueError(f"gaussian_nll_loss: var is of incorrect size: {var.shape} for input {input.shape}")

    def fn(x: mx.array, t: mx.array, v: mx.array) -> mx.array:
        v = v + mx.stop_gradient(mx.maximum(v, eps) - v)
        loss = 0.5 * (mx.log(v) + mx.square(x - t) / v)
        return loss + 0.5 * math.log(2 * math.pi) if full else loss

    return pointwise("gaussian_nll_loss", fn, reduction, input, target, var)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`log(1 + exp(-target * input))` for targets of 1 and -1. Arguments as in `mse_loss`. Keeps the input's dtype."""
    return pointwise(
        "soft_margin_loss",
        lambda x, t: _precise.softplus(-t * x),
        chosen(reduction, size_average, reduce),
        input,
        target,
        like=input,
    )
