"""Normalisations: `cudnn_enabled` says which kernels PyTorch may take; MLX has one kind, so it changes nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import ops
from lucid._tape import apply
from lucid.nn import functional as F
from lucid.nn.functional import _check
from lucid.nn.functional.batchnorm import normalised
from lucid.nn.functional.normalization import grouped
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give_pair

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "native_batch_norm",
    "native_group_norm",
    "native_layer_norm",
    "norm_except_dim",
]


def batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """See `lucid.nn.functional.batch_norm`; a single value for each channel is let through in training too."""
    return normalised(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """See `lucid.nn.functional.instance_norm`."""
    return F.instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
    cudnn_enabled: bool = True,
) -> Tensor:
    """See `lucid.nn.functional.group_norm`."""
    return grouped(input, num_groups, weight, bias, eps)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
    cudnn_enable: bool = True,
) -> Tensor:
    """See `lucid.nn.functional.layer_norm`."""
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


def _moments(
    name: str, input: Tensor, shape: Sequence[int], axes: tuple[int, ...], eps: float
) -> tuple[Tensor, Tensor]:
    """Mean, and 1 / sqrt(variance + eps), along `axes` of the input in another shape."""

    def run(x: mx.array) -> list[mx.array]:
        wide = (x.astype(mx.float32) if x.dtype in _check.HALF else x).reshape(shape)
        if not x.size:
            nothing = mx.sum(wide, axis=axes, keepdims=True)
            return [nothing.astype(x.dtype)] * 2
        mean = mx.mean(wide, axis=axes, keepdims=True)
        scale = mx.rsqrt(mx.mean(mx.square(wide - mean), axis=axes, keepdims=True) + eps)
        return [mean.astype(x.dtype), scale.astype(x.dtype)]

    run.__qualname__ = name
    return apply(run, input)  # type: ignore[no-any-return]


def native_batch_norm(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    *,
    out: tuple[Tensor, Tensor, Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """`batch_norm`, and in training the mean of each channel and 1 / sqrt(variance + eps); else two empty tensors.

    As in PyTorch, no gradient goes through these two.
    """
    result = normalised(input, running_mean, running_var, weight, bias, training, momentum, eps)
    dtype = (input if weight is None else weight).dtype
    if not training:
        nothing = input.new_empty(0, dtype=dtype), input.new_empty(0, dtype=dtype)
        return give_pair((result, *nothing), out, "native_batch_norm")  # type: ignore[return-value]
    shape = input.shape
    wide = input.detach().to(dtype)
    mean, scale = _moments("native_batch_norm", wide, (shape[0], shape[1], math.prod(shape[2:])), (0, 2), eps)
    return give_pair((result, mean.reshape(-1), scale.reshape(-1)), out, "native_batch_norm")  # type: ignore[return-value]


def native_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`layer_norm`, and the mean of each row and 1 / sqrt(variance + eps), which let no gradient through."""
    result = F.layer_norm(input, normalized_shape, weight, bias, eps)
    over = tuple(range(input.ndim - len(normalized_shape), input.ndim))
    mean, scale = _moments("native_layer_norm", input.detach(), input.shape, over, eps)
    return result, mean, scale


def native_group_norm(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, N: int, C: int, HxW: int, group: int, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """`group_norm` of an input of N samples, C channels and HxW pixels, and each group's mean and 1 / deviation."""
    _check.floating("native_group_norm", input)
    if input.numel() != N * C * HxW or group <= 0 or C % group:
        raise RuntimeError(
            f"native_group_norm: expected an input of N * C * HxW = {N * C * HxW} elements and groups that divide C = "
            f"{C}, got {input.shape} and group={group}"
        )
    result = grouped(input.reshape(N, C, HxW), group, weight, bias, eps).reshape(input.shape)
    mean, scale = _moments("native_group_norm", input, (N, group, C // group * HxW), (2,), eps)
    return result, mean.reshape(N, group), scale.reshape(N, group)


def norm_except_dim(v: Tensor, pow: int = 2, dim: int = 0) -> Tensor:
    """The norm of `v` over all dimensions but `dim`, which are kept with size 1; the norm of all of it for -1."""
    _check.floating("norm_except_dim", v)
    if dim == -1:
        return ops.norm(v, pow)
    kept = wrap_dim(dim, v.ndim, "norm_except_dim")
    others: Any = [d for d in range(v.ndim) if d != kept]
    return ops.norm(v, pow, others, keepdim=True) if others else ops.norm(v.unsqueeze(0), pow, 0)
