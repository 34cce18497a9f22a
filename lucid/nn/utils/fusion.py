"""Batch normalisation folded into the layer before it, for evaluation."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeVar

from lucid import ops
from lucid._tensor import Tensor
from lucid.nn.parameter import Parameter

if TYPE_CHECKING:
    from lucid.nn.modules.batchnorm import _BatchNorm
    from lucid.nn.modules.conv import _ConvNd
    from lucid.nn.modules.linear import Linear

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]

C = TypeVar("C", bound="_ConvNd")
L = TypeVar("L", bound="Linear")


def fuse_conv_bn_eval(conv: C, bn: _BatchNorm, transpose: bool = False) -> C:
    """A convolution that does what `conv` and then `bn` do, both in evaluation mode. They stay as they are.

    Args:
        conv: the convolution.
        bn: the batch normalisation of its output, with running statistics.
        transpose: whether `conv` is a transposed one.

    Raises AssertionError if one of the two is in training mode, or `bn` has no running statistics.

    >>> from lucid import nn, ones
    >>> conv, bn = nn.Conv2d(3, 4, 3).eval(), nn.BatchNorm2d(4).eval()
    >>> x = ones(1, 3, 5, 5)
    >>> nn.utils.fuse_conv_bn_eval(conv, bn)(x).allclose(bn(conv(x)), atol=1e-5)
    True
    """
    mean, var = _statistics(conv, bn)
    fused = copy.deepcopy(conv)
    weight, bias = fuse_conv_bn_weights(fused.weight, fused.bias, mean, var, bn.eps, bn.weight, bn.bias, transpose)
    fused.weight, fused.bias = weight, bias
    return fused


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the convolution that also does the batch normalisation after it.

    Args:
        conv_w: weight of the convolution.
        conv_b: its bias, if any.
        bn_rm: the running mean.
        bn_rv: the running variance.
        bn_eps: what is added to the variance.
        bn_w: weight of the normalisation, if any.
        bn_b: its bias, if any.
        transpose: whether the convolution is a transposed one, whose channels are along dimension 1.
    """
    shape = [1] * conv_w.ndim
    shape[1 if transpose else 0] = -1
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def fuse_linear_bn_eval(linear: L, bn: _BatchNorm) -> L:
    """A linear layer that does what `linear` and then `bn` do, both in evaluation mode. They stay as they are.

    Raises AssertionError if one of the two is in training mode, if `bn` has no running statistics, or if it
    normalises neither the features of `linear` nor a single one.
    """
    mean, var = _statistics(linear, bn)
    if bn.num_features not in (1, linear.out_features):
        raise AssertionError(
            "fuse_linear_bn_eval: To fuse, linear.out_features == bn.num_features or bn.num_features == 1 is needed, "
            f"got {linear.out_features} and {bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    weight, bias = fuse_linear_bn_weights(fused.weight, fused.bias, mean, var, bn.eps, bn.weight, bn.bias)
    fused.weight, fused.bias = weight, bias
    return fused


def fuse_linear_bn_weights(
    linear_w: Tensor,
    linear_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the linear layer that also does the batch normalisation after it.

    Arguments as in `fuse_conv_bn_weights`.
    """
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, [-1, 1])


def _statistics(layer: _ConvNd | Linear, bn: _BatchNorm) -> tuple[Tensor, Tensor]:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval! Call .eval() on both modules first")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("Fusion needs running statistics: make the batch normalisation with track_running_stats")
    return bn.running_mean, bn.running_var


def _fused(
    weight: Tensor,
    bias: Tensor | None,
    mean: Tensor,
    var: Tensor,
    eps: float,
    bn_weight: Tensor | None,
    bn_bias: Tensor | None,
    shape: list[int],
) -> tuple[Parameter, Parameter]:
    scale = ops.rsqrt(var + eps)
    if bn_weight is not None:
        scale = bn_weight * scale
    shift = -mean * scale if bias is None else (bias - mean) * scale
    if bn_bias is not None:
        shift = shift + bn_bias
    fused = (weight * scale.reshape(shape)).to(weight.dtype), shift.to((weight if bias is None else bias).dtype)
    # As in PyTorch, a bias that the layer did not have before is not trained.
    trained = bias is not None and bias.requires_grad
    return Parameter(fused[0], weight.requires_grad), Parameter(fused[1], trained)
