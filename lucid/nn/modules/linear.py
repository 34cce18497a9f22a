"""Linear maps, and the module that does nothing."""

from __future__ import annotations

from typing import Any

from lucid.nn.modules.module import Module
from lucid.tensor import Tensor

__all__ = ["Identity"]


class Identity(Module):
    """Returns its input; takes any arguments and ignores them, so that it can stand in for any layer.

    >>> from lucid import nn, tensor
    >>> nn.Identity(54, unused="anything")(tensor([1.0]))
    tensor([1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """Return `input`."""
        return input
