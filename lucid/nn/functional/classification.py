"""Losses over classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import ops
from lucid._tape import apply
from lucid.dtypes import OF_MX
from lucid.nn.functional import _check, _reduction
from lucid.nn.functional._index import clamped, in_bounds
from lucid.nn.functional.softmax import log_softmax_of
from lucid.ops._promotion import result_type

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["cross_entropy", "nll_loss"]


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """The cross entropy of logits against classes, or against probabilities of classes.

    Args:
        input: logits, shape (N, C), (N, C, d1, ...) or (C).
        target: classes, int64, of the input's shape without C; or probabilities, of the input's shape.
        weight: a weight for each of the C classes.
        size_average: deprecated, see `reduction`.
        ignore_index: a class that counts nothing.
        reduce: deprecated, see `reduction`.
        reduction: "mean" (over what is not ignored, weighted), "sum" or "none".
        label_smoothing: how much of the target to spread over all classes, from 0 to 1.

    Raises RuntimeError for shapes and dtypes that do not fit, IndexError for a class out of bounds.

    >>> import lucid
    >>> lucid.nn.functional.cross_entropy(lucid.tensor([[0.0, 0.0]]), lucid.tensor([1]))
    tensor(0.6931)
    """
    reduction = _reduction.chosen(reduction, size_average, reduce)
    _reduction.check(reduction, "cross_entropy")
    _check.floating("cross_entropy", input)
    _check.tensor("cross_entropy", "target", target)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"cross_entropy: label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if input._data.shape == target._data.shape and input.ndim:
        if ignore_index >= 0:
            raise RuntimeError(
                f"cross_entropy: ignore_index has no meaning for a target of probabilities, got {ignore_index}"
            )
        _check_weight("cross_entropy", input, weight)
        return _of_probabilities(input, target, weight, reduction, label_smoothing)
    target = _fitting_target("cross_entropy", input, target)
    _check_weight("cross_entropy", input, weight)
    axis = 1 if input.ndim > 1 else 0
    classes, dtype = input._data.shape[axis], input._data.dtype
    plain = weight is None and label_smoothing == 0.0
    in_bounds(target, classes, "Target {} is out of bounds.", ignore_index)

    def cross_entropy(x: mx.array, t: mx.array, w: mx.array | None) -> mx.array:
        if plain and x.size and dtype != mx.float64:
            valid = t != ignore_index
            if mx.default_device().type == mx.cpu:
                x = _wide(x)  # MLX (0.32.4) sums up in the dtype of the logits here
            loss = mx.fast.cross_entropy(x if axis == x.ndim - 1 else mx.moveaxis(x, axis, -1), clamped(t, classes))
            return _averaged(mx.where(valid, loss, 0), valid, reduction, dtype)
        return _nll(log_softmax_of(_wide(x), axis), t, w, ignore_index, reduction, dtype, label_smoothing)

    return apply(cross_entropy, input, target, weight)  # type: ignore[no-any-return]


def _of_probabilities(input: Tensor, target: Tensor, weight: Any, reduction: str, smoothing: float) -> Tensor:
    _check.floating("cross_entropy", target)
    axis = 1 if input.ndim > 1 else 0
    classes, dtype = input._data.shape[axis], result_type(input, target).mx

    def cross_entropy(x: mx.array, t: mx.array, w: mx.array | None) -> mx.array:
        if smoothing > 0 and classes:
            t = t * (1 - smoothing) + smoothing / classes
        terms = log_softmax_of(_wide(x), axis) * t
        loss = (
            -mx.sum(terms if w is None else terms * _along(w, terms, axis), axis=axis) if x.size else _no_sum(x, axis)
        )
        if reduction == "mean":
            rows = x.size // classes if classes else 0
            return (mx.sum(loss) / rows).astype(dtype) if x.size else mx.array(float("nan"), dtype)
        return _reduction.reduced(loss, reduction, dtype)

    return apply(cross_entropy, input, target, weight)  # type: ignore[no-any-return]


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood of classes, from log probabilities. Arguments as in `cross_entropy`."""
    reduction = _reduction.chosen(reduction, size_average, reduce)
    _reduction.check(reduction, "nll_loss")
    _check.floating("nll_loss", input)
    _check.tensor("nll_loss", "target", target)
    target = _fitting_target("nll_loss", input, target)
    _check_weight("nll_loss", input, weight)
    dtype = input._data.dtype
    in_bounds(target, input._data.shape[1 if input.ndim > 1 else 0], "Target {} is out of bounds.", ignore_index)

    def nll_loss(x: mx.array, t: mx.array, w: mx.array | None) -> mx.array:
        return _nll(_wide(x), t, w, ignore_index, reduction, dtype, 0.0)

    return apply(nll_loss, input, target, weight)  # type: ignore[no-any-return]


def _nll(
    log_p: mx.array, t: mx.array, w: mx.array | None, ignore: int, reduction: str, dtype: mx.Dtype, smoothing: float
) -> mx.array:
    axis = 1 if log_p.ndim > 1 else 0
    classes = log_p.shape[axis]
    valid = t != ignore
    if not t.size or not classes:
        return _averaged(mx.zeros(t.shape, log_p.dtype), valid, reduction, dtype)
    t = clamped(t, classes)
    loss = -mx.squeeze(mx.take_along_axis(log_p, mx.expand_dims(t, axis), axis), axis)
    share = valid.astype(log_p.dtype) if w is None else mx.take(w.astype(log_p.dtype), t) * valid
    if smoothing > 0:
        even = -mx.sum(log_p if w is None else log_p * _along(w, log_p, axis), axis=axis)
        loss = mx.where(valid, (1 - smoothing) * loss * share + smoothing / classes * even, 0)
    else:
        loss = mx.where(valid, loss * share, 0)
    return _averaged(loss, share, reduction, dtype)


def _averaged(loss: mx.array, share: mx.array, reduction: str, dtype: mx.Dtype) -> mx.array:
    if reduction != "mean":
        return _reduction.reduced(loss, reduction, dtype)
    if not loss.size:
        return mx.array(float("nan"), dtype)
    # Where everything was ignored the mean is NaN, but its gradient is 0.
    if share.dtype == mx.bool_:
        total = mx.sum(share)
        by = mx.maximum(total, 1).astype(loss.dtype)
    else:
        total = mx.sum(share.astype(loss.dtype))
        by = mx.where(total == 0, 1, total)
    return (mx.sum(loss / by) + mx.where(total == 0, mx.nan, 0)).astype(dtype)


def _wide(x: mx.array) -> mx.array:
    return x.astype(mx.float32) if x.dtype in _check.HALF else x


def _along(w: mx.array, x: mx.array, axis: int) -> mx.array:
    shape = [1] * x.ndim
    shape[axis] = -1
    return w.astype(x.dtype).reshape(shape)


def _no_sum(x: mx.array, axis: int) -> mx.array:
    return mx.zeros([s for k, s in enumerate(x.shape) if k != axis], x.dtype)


def _check_weight(operation: str, input: Tensor, weight: Any) -> None:
    if weight is None:
        return
    classes = input.shape[1] if input.ndim > 1 else input.shape[0] if input.ndim else 1
    if tuple(_check.tensor(operation, "weight", weight).shape) != (classes,):
        raise RuntimeError(
            f"{operation}: weight tensor should be defined either for all {classes} classes or no classes but got "
            "weight tensor "
            f"of shape: {weight.shape}"
        )
    _check.same_dtype(operation, input=input, weight=weight)


def _fitting_target(operation: str, input: Tensor, target: Tensor) -> Tensor:
    """`target`, as int64 and of the shape of `input` without its classes."""
    x, t = tuple(input._data.shape), tuple(target._data.shape)
    if not x:
        raise IndexError(f"{operation}: expected input of shape (N, C, *) or (C), got a 0-dim tensor")
    if len(x) > 1 and (not t or x[0] != t[0]):
        raise ValueError(
            f"{operation}: Expected input batch_size ({x[0]}) to match target batch_size ({t[0] if t else ()})."
        )
    kind = target._data.dtype
    if kind != mx.int64 and not (kind == mx.uint8 and len(x) <= 2):
        raise RuntimeError(
            f"{operation}: expected target of dtype int64, but found {OF_MX[kind]!r}; convert it with .long()"
        )
    if len(x) == len(t) == 1:
        if t != (1,):
            raise ValueError(f"{operation}: For 1D input, 1D target must have size 1, but got target size: {t[0]}")
        return ops.squeeze(target).long()
    if (x[:1] + x[2:] if len(x) > 1 else ()) != t:
        raise RuntimeError(f"{operation}: expected target of the input's shape {x} without its classes, got {t}")
    return target if kind == mx.int64 else target.long()
