"""A linear layer and the cross entropy of its outputs in one; `modules.loss` exports it."""

from __future__ import annotations

import math
from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules._loss_base import _WeightedLoss
from lucid.nn.modules.linear import Linear
from lucid.nn.modules.linear_cross_entropy_options import LinearCrossEntropyOptions

__all__ = ["LinearCrossEntropyLoss"]


class LinearCrossEntropyLoss(_WeightedLoss):
    """The cross entropy of the logits that a linear layer makes of the input: `nn.functional.linear_cross_entropy`.

    Args:
        in_features: size of the input's last dimension.
        num_classes: how many classes, C.
        out_features: further dimensions of the logits: (N, C, *out_features).
        bias: whether the layer has a bias.
        device: where the layer lives.
        dtype: of the layer.
        reduction: "mean", "sum" or "none".
        weight: a weight for each of the C classes.
        ignore_index: a class that counts nothing; -100 if None.
        label_smoothing: how much of the target to spread over all classes, from 0 to 1.
        options: divide the batch into parts, for less memory; None computes all logits at once.

    Raises RuntimeError for a weight of another shape, and for a smoothing out of range.

    >>> from lucid import nn, ones, tensor
    >>> nn.LinearCrossEntropyLoss(5, 10)(ones(2, 5), tensor([1, 3])).shape
    lucid.Size([])
    """

    __constants__ = [  # noqa: RUF012 - PyTorch's, for its readers
        "num_classes",
        "out_features",
        "reduction",
        "ignore_index",
        "label_smoothing",
    ]
    num_classes: int
    out_features: tuple[int, ...]
    ignore_index: int | None
    label_smoothing: float
    options: LinearCrossEntropyOptions | None

    def __init__(
        self,
        in_features: int,
        num_classes: int,
        *,
        out_features: tuple[int, ...] = (),
        bias: bool = False,
        device: Any = None,
        dtype: Any = None,
        reduction: str = "mean",
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        options: LinearCrossEntropyOptions | None = None,
    ) -> None:
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if label_smoothing < 0 or label_smoothing > 1.0:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight=weight, reduction=reduction)
        self.num_classes, self.out_features = num_classes, out_features
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        rows = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """The loss of `input`, shape (N, in_features) or (in_features). The target is that of `CrossEntropyLoss`."""
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        """The sizes and options."""
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, reduction={self.reduction}, "
            f"ignore_index={self.ignore_index}, label_smoothing={self.label_smoothing}, options={self.options}"
        )
