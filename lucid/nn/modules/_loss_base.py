"""What losses have in common; `modules.loss` has it too."""

from __future__ import annotations

from lucid._tensor import Tensor
from lucid.nn.functional._reduction import chosen
from lucid.nn.modules.module import Module


class _Loss(Module):
    """A loss; `size_average` and `reduce` are deprecated ways to say `reduction`, which is "mean", "sum" or "none"."""

    __constants__ = ["reduction"]  # noqa: RUF012 - PyTorch's, for its readers
    reduction: str

    def __init__(self, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean") -> None:
        super().__init__()
        self.reduction = chosen(reduction, size_average, reduce)


class _WeightedLoss(_Loss):
    weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
