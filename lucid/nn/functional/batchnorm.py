"""Batch and instance normalisation, and the running statistics they keep."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _tape
from lucid._channels import Last
from lucid._grad_mode import no_grad
from lucid._tape import Pick, apply
from lucid._views import channels_last
from lucid.nn.functional import _check
from lucid.ops._out import into

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["batch_norm", "instance_norm"]


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """`input` with each channel shifted and scaled to mean 0 and variance 1; then times `weight`, plus `bias`.

    Args:
        input: shape (N, C, *).
        running_mean: shape (C): what is used outside training, and updated in training.
        running_var: shape (C), likewise.
        weight: shape (C).
        bias: shape (C).
        training: use the mean and variance of this batch.
        momentum: how much of the running statistics a batch replaces.
        eps: added to the variance.

    Raises RuntimeError for shapes that do not fit, ValueError for an `eps` that is negative, or 0 in training, and in
    training if there is one value for each channel only.
    """
    return batch_norm_with(input, running_mean, running_var, weight, bias, training, momentum, eps)


def batch_norm_with(
    input: Tensor, mean: Any, var: Any, weight: Any, bias: Any, training: bool, momentum: float | Tensor, eps: float
) -> Tensor:
    """`batch_norm`, whose momentum may be a tensor too: one over the number of batches so far."""
    if eps < 0 or (eps == 0 and training):
        kind = "positive during training" if training else "non-negative"
        raise ValueError(f"batch_norm: eps must be {kind}, but got {eps}")
    _check.floating("batch_norm", input)
    shape = input._data.shape
    if training and len(shape) > 1 and input.shape.numel() == shape[1]:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(shape)}")
    return normalised(input, mean, var, weight, bias, training, momentum, eps)


def normalised(
    input: Tensor, mean: Any, var: Any, weight: Any, bias: Any, training: bool, momentum: float | Tensor, eps: float
) -> Tensor:
    """`batch_norm_with`, also of a single value for each channel."""
    _check.floating("batch_norm", input)
    shape = input._data.shape
    if len(shape) < 2:
        raise RuntimeError(f"batch_norm: expected input of shape (N, C, *), got {input.shape}")
    for name, t in (("running_mean", mean), ("running_var", var), ("weight", weight), ("bias", bias)):
        if t is not None and tuple(_check.tensor("batch_norm", name, t)._data.shape) != (shape[1],):
            raise RuntimeError(f"batch_norm: {name} should contain {shape[1]} elements, not {t.shape.numel()}")
    if training and (mean is None) != (var is None):
        raise ValueError("batch_norm: running_mean and running_var must either both be None or neither be None")
    if not training:
        if mean is None or var is None:
            raise RuntimeError("batch_norm: Expected running_mean and running_var to be defined in evaluation mode")

        def evaluated(x: mx.array, w: Any, b: Any, m: mx.array, v: mx.array) -> mx.array:
            wide = _wide(x)
            scale = mx.rsqrt(v.astype(wide.dtype) + eps)
            scale = scale if w is None else scale * w
            shift = -m * scale if b is None else b - m * scale
            return (wide * scale + shift).astype(x.dtype)

        evaluated.__qualname__ = "batch_norm"
        return _over_channels(evaluated, input, weight, bias, mean, var)  # type: ignore[no-any-return]

    def batch_norm(x: mx.array, w: Any, b: Any, m: Any, v: Any, rate: Any) -> list[mx.array]:
        if not x.size:
            return [x]
        wide = _wide(x)
        over = tuple(range(wide.ndim - 1))
        centre = mx.mean(wide, axis=over)
        moved = wide - centre
        spread = mx.mean(mx.square(moved), axis=over)
        scale = mx.rsqrt(spread + eps)
        y = moved * (scale if w is None else scale * w)
        count = wide.size // wide.shape[-1]
        return [
            (y if b is None else y + b).astype(x.dtype),
            *_moved(m, centre, rate),
            *_moved(v, spread * (count / (count - 1) if count > 1 else math.nan), rate),
        ]

    out = _over_channels(batch_norm, input, weight, bias, mean, var, momentum)
    keep_statistics(out, [t for t in (mean, var) if t is not None] if input._data.size else [])
    return out[0]  # type: ignore[no-any-return]


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """Each channel of each sample, shifted and scaled to mean 0 and variance 1; then times `weight`, plus `bias`.

    Arguments as in `batch_norm`; `use_input_stats` says whether to use the statistics of `input` or the running ones.

    Raises RuntimeError for shapes that do not fit, ValueError if a sample has one value for each channel only.
    """
    _check.floating("instance_norm", input)
    if not use_input_stats:
        return batch_norm_with(input, running_mean, running_var, weight, bias, False, momentum, eps)
    shape = input._data.shape
    if math.prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {list(shape)}")
    for name, t in (("running_mean", running_mean), ("running_var", running_var), ("weight", weight), ("bias", bias)):
        if t is not None and tuple(_check.tensor("instance_norm", name, t)._data.shape) != (shape[1],):
            raise RuntimeError(f"instance_norm: {name} should contain {shape[1]} elements, not {t.shape.numel()}")

    def instance_norm(x: mx.array, w: Any, b: Any, m: Any, v: Any) -> list[mx.array]:
        if not x.size:
            kept = [r for r in (m, v) if r is not None]  # without elements they stay, without samples they are NaN
            return [x, *(kept if x.shape[0] else [mx.full(r.shape, math.nan, r.dtype) for r in kept])]
        wide = _wide(x)
        over = tuple(range(1, wide.ndim - 1))
        moved = wide - (centre := mx.mean(wide, axis=over, keepdims=True))
        spread = mx.mean(mx.square(moved), axis=over, keepdims=True)
        scale = mx.rsqrt(spread + eps)
        y = moved * (scale if w is None else scale * w)
        count = x.size // (x.shape[0] * x.shape[-1])
        means, variances = (mx.mean(s.reshape(-1, x.shape[-1]), axis=0) for s in (centre, spread))
        y = (y if b is None else y + b).astype(x.dtype)
        return [y, *_moved(m, means, momentum), *_moved(v, variances * (count / (count - 1)), momentum)]

    out = _over_channels(instance_norm, input, weight, bias, running_mean, running_var)
    keep_statistics(out, [t for t in (running_mean, running_var) if t is not None])
    return out[0]  # type: ignore[no-any-return]


def _over_channels(fn: Any, input: Tensor, *others: Any) -> Any:
    """`fn`, which takes and gives an array with its channels last, of `input`, (N, C, *), and `others`."""
    return channels_last(Last(fn), input, *others) if input._data.ndim > 2 else apply(fn, input, *others)


def _wide(x: mx.array) -> mx.array:
    return x.astype(mx.float32) if x.dtype in _check.HALF else x


def _moved(running: Any, value: mx.array, rate: Any) -> list[mx.array]:
    if running is None:
        return []
    rate = rate.astype(value.dtype) if isinstance(rate, mx.array) else rate
    return [mx.stop_gradient(running * (1 - rate) + value * rate).astype(running.dtype)]


# ---- running statistics ----------------------------------------------------------------------------------------------


def keep_statistics(outputs: tuple[Tensor, ...], targets: list[Tensor]) -> None:
    """Store outputs 1, 2, ... of one recorded call in `targets`, and have them follow where backward replays the call.

    A statistic is no part of the tape (it requires no gradient), yet its lazy graph points at the forward: if that is
    played again and the statistic stays behind, the forward is computed twice.
    """
    if any(t._extra is not None and t._extra.base is not None for t in targets):  # views: their bases are written too
        with no_grad():
            for t, value in zip(targets, outputs[1:], strict=True):
                into(t, value)
        return
    for t, value in zip(targets, outputs[1:], strict=True):
        _tape.writing(t)
        t._data = value._data
        t._writes += 1
        _tape.touch(t)
    kept = [(t, t._writes) for t in targets]

    def follow(values: list[mx.array]) -> None:
        for (t, version), value in zip(kept, values[1:], strict=True):
            if t._writes == version:  # nobody wrote it since
                t._data = value

    if kept and isinstance(outputs[0]._node, Pick):
        source: Any = outputs[0]._node.inputs[0]
        source.follow = follow
