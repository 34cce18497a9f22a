"""Cross entropy of what a linear layer makes of the input, all at once or in parts of the batch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._grad_mode import mode
from lucid._tape import apply
from lucid.dtypes import OF_MX
from lucid.nn.functional import _check, _reduction, classification
from lucid.nn.functional._index import clamped, in_bounds
from lucid.nn.functional.linear import _linear, _linear_no_bias, linear
from lucid.nn.functional.softmax import log_softmax_of

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.nn.modules.linear_cross_entropy_options import LinearCrossEntropyOptions

__all__ = ["linear_cross_entropy"]

_NAME = "linear_cross_entropy"


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: LinearCrossEntropyOptions | None = None,
) -> Tensor:
    """The `cross_entropy` of `linear(input, linear_weight, linear_bias)`.

    Args:
        input: shape (N, in_features) or (in_features).
        linear_weight: shape (C, in_features), or (C, d1, ..., in_features) for logits of shape (N, C, d1, ...).
        target: classes or probabilities, as in `cross_entropy`.
        linear_bias: shape of `linear_weight` without in_features.
        weight: a weight for each of the C classes.
        reduction: "mean", "sum" or "none".
        ignore_index: a class that counts nothing; -100 if None. Not with probabilities.
        label_smoothing: how much of the target to spread over all classes, from 0 to 1.
        options: an `nn.LinearCrossEntropyOptions` to divide the batch into parts, whose logits are not kept for the
            backward pass. That takes int64 classes, no label smoothing and logits (N, C); in other cases a warning
            says that everything is computed at once.

    Raises RuntimeError for shapes that do not fit.
    """
    x, w = _check.tensor(_NAME, "input", input), _check.tensor(_NAME, "linear_weight", linear_weight)
    if x.ndim not in (1, 2) or w.ndim < 2 or x.shape[-1] != w.shape[-1]:
        raise RuntimeError(
            f"{_NAME}: expected input (N, in_features) or (in_features) and linear_weight (C, *, in_features), got "
            f"{x.shape} and {w.shape}"
        )
    shape = tuple(w.shape[:-1])
    if linear_bias is not None and tuple(_check.tensor(_NAME, "linear_bias", linear_bias).shape) != shape:
        raise RuntimeError(f"{_NAME}: expected linear_bias of shape {shape}, got {linear_bias.shape}")
    if len(shape) > 1 and x.ndim == 1:
        raise RuntimeError(f"{_NAME}: expected a batch of inputs for linear_weight {w.shape}, got {x.shape}")
    logits_shape = (*x.shape[:-1], *shape)
    if ignore_index is not None and tuple(_check.tensor(_NAME, "target", target).shape) == logits_shape:
        raise RuntimeError(f"{_NAME}: ignore_index has no meaning for a target of probabilities; leave it out")
    ignored = -100 if ignore_index is None else ignore_index
    if options is not None:
        if not hasattr(options, "_adjust"):
            raise TypeError(f"{_NAME}: expected options to be LinearCrossEntropyOptions, got {type(options).__name__}")
        _reduction.check(reduction, _NAME)
        if target._data.dtype == mx.int64 and not label_smoothing and len(shape) == 1:
            return _in_parts(x, w, target, linear_bias, weight, reduction, ignored, options)
        warnings.warn(
            f"{_NAME}: options ignored: the batch is divided only for int64 targets, label_smoothing=0 and a 2D "
            f"linear_weight, got {target.dtype!r}, {label_smoothing} and shape {w.shape}",
            stacklevel=2,
        )
    rows = w.reshape(-1, w.shape[-1])
    logits = linear(x, rows, None if linear_bias is None else linear_bias.reshape(-1)).reshape(logits_shape)
    return classification.cross_entropy(
        logits, target, weight, ignore_index=ignored, reduction=reduction, label_smoothing=label_smoothing
    )


def _in_parts(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    bias: Any,
    weight: Any,
    reduction: str,
    ignored: int,
    options: LinearCrossEntropyOptions,
) -> Tensor:
    """The loss, with the logits of one part of the batch after the other, and again in the backward pass."""
    _check.floating(_NAME, input)
    _check.same_dtype(_NAME, input=input, linear_weight=linear_weight, linear_bias=bias, weight=weight)
    dtype, (classes, features) = input._data.dtype, linear_weight._data.shape
    batched = input.ndim == 2
    count = input._data.shape[0] if batched else 1
    if target._data.shape != input._data.shape[:-1]:
        raise RuntimeError(f"{_NAME}: expected a target for each of {count} inputs, got shape {target.shape}")
    if weight is not None and weight._data.shape != (classes,):
        raise RuntimeError(f"{_NAME}: expected a weight for each of {classes} classes, got shape {weight.shape}")
    in_bounds(target, classes, "Target {} is out of bounds.", ignored)
    made = options._adjust(count, features, classes, OF_MX[dtype], input.device)
    size, wide = made.batch_chunk_size, made.acc_dtype.mx if made.acc_dtype is not None else dtype
    if wide != dtype and (wide != mx.float32 or dtype not in _check.HALF):
        raise RuntimeError(
            f"{_NAME}: expected acc_dtype of the input's dtype, or float32 for float16 and bfloat16, got "
            f"{made.acc_dtype!r} for {input.dtype!r}"
        )
    assert size is not None

    def run(x: mx.array, w: mx.array, t: mx.array, b: mx.array | None, scale: mx.array | None) -> mx.array:
        x, t = (x, t) if batched else (x[None], t[None])
        valid = t != ignored
        t = clamped(t, classes)
        parameters = [p.astype(wide) for p in (w, b) if p is not None]  # the sums of their gradients are in `wide` then
        # What a checkpoint closes over is not mapped (MLX 0.32.4).
        saving: Any = (lambda fn: fn) if mode.mapping else mx.checkpoint
        parts = [
            saving(_losses(t[at : at + size]))(x[at : at + size].astype(wide), *parameters)
            for at in range(0, count, size)
        ]
        loss = mx.concatenate(parts) if parts else mx.zeros(0, mx.float32)
        share = valid.astype(loss.dtype) if scale is None else mx.take(scale.astype(loss.dtype), t) * valid
        loss = mx.where(valid, loss if scale is None else loss * share, 0)
        loss = classification._averaged(loss, share, reduction, dtype)
        return loss if batched or reduction != "none" else loss[0]

    run.__qualname__ = _NAME
    return apply(run, input, linear_weight, target, bias, weight)  # type: ignore[no-any-return]


def _losses(t: mx.array) -> Any:
    def run(x: mx.array, w: mx.array, b: mx.array | None = None) -> mx.array:
        logits = classification._wide(_linear_no_bias(x, w) if b is None else _linear(x, w, b))
        if logits.dtype != mx.float64:
            return mx.fast.cross_entropy(logits, t)
        return -mx.take_along_axis(log_softmax_of(logits, 1), t[:, None], axis=1)[:, 0]

    return run
