"""Joining and splitting dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lucid._tensor import Tensor
from lucid.nn.modules.module import Module

__all__ = ["Flatten", "Unflatten"]


class Flatten(Module):
    """Joins dimensions `start_dim` to `end_dim` into one; by default all but the first.

    >>> from lucid import nn, ones
    >>> nn.Flatten()(ones(32, 1, 5, 5)).shape
    lucid.Size([32, 25])
    """

    __constants__ = ["start_dim", "end_dim"]  # noqa: RUF012 - PyTorch's, for its readers
    start_dim: int
    end_dim: int

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """`input` with the dimensions joined."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """The range of dimensions."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Splits dimension `dim` into `unflattened_size`; one of these sizes may be -1.

    Raises TypeError for sizes that are no tuple of ints.

    >>> from lucid import nn, ones
    >>> nn.Unflatten(1, (2, 5, 5))(ones(32, 50)).shape
    lucid.Size([32, 2, 5, 5])
    """

    __constants__ = ["dim", "unflattened_size"]  # noqa: RUF012
    dim: int
    unflattened_size: Sequence[int]

    def __init__(self, dim: int | str, unflattened_size: Any) -> None:
        super().__init__()
        if isinstance(dim, str):
            raise NotImplementedError("Unflatten: named dimensions are not supported; give dim as an int")
        if not isinstance(dim, int):
            raise TypeError(f"invalid argument type for dim parameter, expected int, got {type(dim).__name__}")
        if not isinstance(unflattened_size, (tuple, list)):
            raise TypeError(
                f"unflattened_size must be a tuple of ints, but found type {type(unflattened_size).__name__}"
            )
        for position, size in enumerate(unflattened_size):
            if not isinstance(size, int):
                raise TypeError(
                    f"unflattened_size must be tuple of ints, but found element of type {type(size).__name__} at "
                    f"pos {position}"
                )
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Tensor) -> Tensor:
        """`input` with the dimension split."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """The dimension and its sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
