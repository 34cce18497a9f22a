"""Dropout in its variants: active in training, the identity otherwise."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]


class _DropoutNd(Module):
    __constants__ = ["p", "inplace"]  # noqa: RUF012 - PyTorch's, for its readers
    p: float
    inplace: bool

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def extra_repr(self) -> str:
        """The probability, and whether it works in place."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """In training, zeroes each element with probability `p` and divides the others by `1 - p`.

    Args:
        p: probability of an element to be zeroed.
        inplace: write into the input.

    Raises ValueError for a `p` outside [0, 1].
    """

    def forward(self, input: Tensor) -> Tensor:
        """`input`, with some elements zeroed in training."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """`Dropout` of whole channels of an input (N, C, L) or (C, L)."""

    def forward(self, input: Tensor) -> Tensor:
        """`input`, with some channels zeroed in training."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """`Dropout` of whole channels of an input (N, C, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """`input`, with some channels zeroed in training."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """`Dropout` of whole channels of an input (N, C, D, H, W)."""

    def forward(self, input: Tensor) -> Tensor:
        """`input`, with some channels zeroed in training."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean 0 and variance 1 after SELU."""

    def forward(self, input: Tensor) -> Tensor:
        """`input`, with some elements set to SELU's lower limit in training, and rescaled."""
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_DropoutNd):
    """`AlphaDropout` of whole channels."""

    def forward(self, input: Tensor) -> Tensor:
        """`input`, with some channels set to SELU's lower limit in training, and rescaled."""
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
