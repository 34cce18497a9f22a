"""Distances and similarities of vectors."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Module):
    """The p-norm of the difference of two vectors: see `nn.functional.pairwise_distance`.

    Args:
        p: which norm.
        eps: added to the difference.
        keepdim: keep the last dimension, of size 1.
    """

    __constants__ = ["norm", "eps", "keepdim"]  # noqa: RUF012 - PyTorch's, for its readers
    norm: float
    eps: float
    keepdim: bool

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The distances."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """The cosine of the angle between two vectors: see `nn.functional.cosine_similarity`.

    Args:
        dim: the dimension that holds the vectors.
        eps: the smallest norm to divide by.
    """

    __constants__ = ["dim", "eps"]  # noqa: RUF012
    dim: int
    eps: float

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """The cosines."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
