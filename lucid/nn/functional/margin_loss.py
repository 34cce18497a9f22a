"""Losses with a margin: ranking, embedding and hinge losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import ops
from lucid._tape import apply
from lucid.nn.functional import _check, _reduction
from lucid.nn.functional._index import clamped, in_bounds
from lucid.nn.functional._reduction import chosen, pointwise
from lucid.nn.functional.distance import apart, pairwise_distance
from lucid.ops import _precise

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "cosine_embedding_loss",
    "hinge_embedding_loss",
    "margin_ranking_loss",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
]


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`max(0, -target * (input1 - input2) + margin)`: a target of 1 wants the first input larger, -1 the second.

    Raises RuntimeError if the inputs differ in their number of dimensions.
    """
    if not input1.ndim == input2.ndim == target.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
            f"{input1.shape}, input2: "
            f"{input2.shape}, target: {target.shape}"
        )
    return pointwise(
        "margin_ranking_loss",
        lambda a, b, t: mx.maximum(margin - t * (a - b), 0),
        chosen(reduction, size_average, reduce),
        input1,
        input2,
        target,
        floats=True,
    )


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`input` where the target is 1, `max(0, margin - input)` where it is -1. The result has the dtype of `input`."""
    name = "hinge_embedding_loss"
    _check.tensor(name, "target", target)

    def fn(x: mx.array, not_near: mx.array, not_far: mx.array) -> mx.array:
        return mx.where(not_near != 0, mx.maximum(margin - x, 0), 0) + mx.where(not_far != 0, x, 0)

    sides = ops.ne(target, 1), ops.ne(target, -1)
    return pointwise(name, fn, chosen(reduction, size_average, reduce), input, *sides, whole=True)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`1 - cos(input1, input2)` where the target is 1, `max(0, cos - margin)` where it is -1.

    Args:
        input1: shape (N, D) or (D).
        input2: of the same shape.
        target: shape (N) or ().
        margin: from which cosine on to count.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: "mean", "sum" or "none".

    Raises RuntimeError for shapes that do not fit.
    """
    if target.ndim not in (0, 1) or input1.ndim != target.ndim + 1 or input2.ndim != target.ndim + 1:
        raise RuntimeError(
            f"cosine_embedding_loss: {target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but "
            "found inputs with "
            f"sizes {input1.shape} and {input2.shape}"
        )

    def fn(a: mx.array, b: mx.array, t: mx.array) -> mx.array:
        norms = mx.sum(mx.square(a), axis=-1) + 1e-12, mx.sum(mx.square(b), axis=-1) + 1e-12
        cosine = mx.sum(a * b, axis=-1) / mx.sqrt(norms[0] * norms[1])
        return mx.where(t == 1, 1 - cosine, 0) + mx.where(t == -1, mx.maximum(cosine - margin, 0), 0)

    chosen_one = chosen(reduction, size_average, reduce)
    return pointwise("cosine_embedding_loss", fn, chosen_one, input1, input2, target, floats=True)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the classes of `binary_cross_entropy_with_logits`. `weight` is a weight for each class."""

    name = "multilabel_soft_margin_loss"
    _check.floating(name, input)
    if not input.ndim:
        raise IndexError(f"{name}: expected input of shape (*, C), got a 0-dim tensor")
    if _check.tensor(name, "target", target)._data.dtype == mx.bool_:
        raise RuntimeError(f"{name}: a bool target cannot be subtracted from 1; convert it with .float()")
    classes = input.shape[-1]

    def fn(x: mx.array, t: mx.array, w: mx.array | None) -> mx.array:
        loss = t * _precise.softplus(-x) + (1 - t) * _precise.softplus(x)
        loss = loss if w is None else loss * w
        if not loss.size:
            return mx.full(loss.shape[:-1], 0.0 if classes else float("nan"), loss.dtype)
        return mx.divide(mx.sum(loss, axis=-1), classes)

    return pointwise(name, fn, chosen(reduction, size_average, reduce), input, target, weight)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over the other classes of `max(0, margin - input[target] + input[class]) ** p`.

    Args:
        input: scores, shape (N, C) or (C).
        target: classes, int64, shape (N) or ().
        p: 1 or 2.
        margin: how much larger the target's score should be.
        weight: a weight for each of the C classes.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: "mean", "sum" or "none".

    Raises RuntimeError for shapes that do not fit, ValueError for another `p`.
    """
    reduction = chosen(reduction, size_average, reduce)
    _reduction.check(reduction, "multi_margin_loss")
    _check.floating("multi_margin_loss", input)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    _check.tensor("multi_margin_loss", "target", target)
    if weight is not None and weight.ndim != 1:
        raise ValueError(f"weight must be one-dimensional, got shape {weight.shape}")
    if target._data.dtype != mx.int64:
        raise RuntimeError(f"multi_margin_loss: expected a target of dtype lucid.int64, got {target.dtype!r}")
    if input.ndim == 0:
        input = input.reshape(1)
    if 0 in input.shape[-1:]:
        raise RuntimeError(f"multi_margin_loss: expected at least one class, got input of shape {input.shape}")
    given, rows = target.shape, input.shape[:-1]
    if input.ndim > 2 or target.ndim > 1 or given.numel() != rows.numel():
        raise RuntimeError(f"multi_margin_loss: inconsistent target size, got: {target.shape} for input {input.shape}")
    if weight is not None and tuple(weight.shape) != (input.shape[-1],):
        raise RuntimeError(
            f"multi_margin_loss: inconsistent weight size, expected {input.shape[-1]} but got {weight.shape}"
        )
    classes, dtype = input.shape[-1], input._data.dtype
    in_bounds(target, classes, "multi_margin_loss: target {} is out of range", error=RuntimeError)

    def multi_margin_loss(x: mx.array, t: mx.array, w: mx.array | None) -> mx.array:
        t = clamped(t.reshape(rows), classes)[..., None]
        short = mx.maximum(margin - mx.take_along_axis(x, t, -1) + x, 0)
        short = mx.square(short) if p == 2 else short
        short = short if w is None else short * mx.take(w, t)
        others = mx.where(mx.arange(classes) == t, 0, short)
        return _reduction.reduced((mx.sum(others, axis=-1) / classes).reshape(given), reduction, dtype)

    return apply(multi_margin_loss, input, target, weight)  # type: ignore[no-any-return]


def multilabel_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The sum of `max(0, 1 - input[target] + input[class])` over target and other classes, by the number of classes.

    Args:
        input: scores, shape (N, C) or (C).
        target: int64, of the same shape: the target classes, followed by -1.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: "mean", "sum" or "none".

    Raises RuntimeError for shapes that do not fit.
    """
    reduction = chosen(reduction, size_average, reduce)
    _reduction.check(reduction, "multilabel_margin_loss")
    _check.floating("multilabel_margin_loss", input)
    if _check.tensor("multilabel_margin_loss", "target", target)._data.dtype != mx.int64:
        raise RuntimeError(f"multilabel_margin_loss: expected a target of dtype lucid.int64, got {target.dtype!r}")
    if input.ndim == target.ndim == 0:
        input, target = input.reshape(1), target.reshape(1)
    classes, dtype = input.shape[-1], input._data.dtype
    if input.ndim not in (1, 2) or target.shape != input.shape or not classes:
        raise RuntimeError(
            f"multilabel_margin_loss: inconsistent target size: {target.shape} for input of size: {input.shape}"
        )
    in_bounds(target, classes, "multilabel_margin_loss: target {} is out of range", -1, RuntimeError)

    def multilabel_margin_loss(x: mx.array, t: mx.array) -> mx.array:
        listed = mx.cumsum((t < 0).astype(mx.int32), axis=-1) == 0  # up to the first -1
        chosen_class = mx.where(listed, clamped(t, classes), 0)
        is_target = mx.any((chosen_class[..., None] == mx.arange(classes)) & listed[..., None], axis=-2)
        gap = 1 - mx.take_along_axis(x, chosen_class, -1)[..., :, None] + x[..., None, :]
        counted = listed[..., :, None] & ~is_target[..., None, :]
        loss = mx.sum(mx.where(counted, mx.maximum(gap, 0), 0), axis=(-1, -2)) / classes
        return _reduction.reduced(loss, reduction, dtype)

    return apply(multilabel_margin_loss, input, target)  # type: ignore[no-any-return]


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-06,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """`max(0, margin + distance(anchor, positive) - distance(anchor, negative))`, with the p-norm of differences.

    Args:
        anchor: shape (*, D).
        positive: what should be near, of that shape.
        negative: what should be far, of that shape.
        margin: how much farther; has to be positive.
        p: which norm.
        eps: added to the differences.
        swap: use the distance of positive and negative where it is smaller than that of anchor and negative.
        size_average: deprecated, see `reduction`.
        reduce: deprecated, see `reduction`.
        reduction: "mean", "sum" or "none".

    Raises ValueError for a `margin` that is not positive, RuntimeError for numbers of dimensions that differ.
    """
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    for name, t in (("anchor", anchor), ("positive", positive), ("negative", negative)):
        _check.tensor("triplet_margin_loss", name, t)
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "triplet_margin_loss: the anchor, positive, and negative tensors are expected to have the same number "
            "of dimensions, but "
            f"got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative {negative.ndim}D inputs"
        )

    def fn(a: mx.array, good: mx.array, bad: mx.array) -> mx.array:
        near, far = apart(a, good, p, eps), apart(a, bad, p, eps)
        if swap:
            far = mx.minimum(far, apart(good, bad, p, eps))
        return mx.maximum(margin + near - far, 0)

    chosen_one = chosen(reduction, size_average, reduce)
    return pointwise("triplet_margin_loss", fn, chosen_one, anchor, positive, negative, floats=True)


def triplet_margin_with_distance_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with a distance function of the user's; `pairwise_distance` if None."""
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    distance: Any = pairwise_distance if distance_function is None else distance_function
    near, far = distance(anchor, positive), distance(anchor, negative)
    other = distance(positive, negative) if swap else None

    def fn(n: mx.array, f: mx.array, o: mx.array | None) -> mx.array:
        return mx.maximum(margin + n - (f if o is None else mx.minimum(f, o)), 0)

    return pointwise("triplet_margin_with_distance_loss", fn, reduction, near, far, other, floats=True)
