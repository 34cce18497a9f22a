"""A softmax over very many classes that computes little for the frequent ones (Grave et al. 2017)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lucid import creation, dtypes, ops
from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.modules.container import ModuleList, Sequential
from lucid.nn.modules.linear import Linear
from lucid.nn.modules.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


class _ASMoutput(NamedTuple):
    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """The log probability of each target, and their negative mean, with classes in clusters by how frequent they are.

    The head has the most frequent classes, and one output for each cluster of the others; a cluster has a layer of its
    own, the smaller the rarer its classes are, and is computed for the rows only whose target is in it. Classes have
    to be numbered from the most frequent one to the rarest.

    Args:
        in_features: size of the input's last dimension.
        n_classes: how many classes.
        cutoffs: the first class of each cluster, rising, from 1 to n_classes - 1.
        div_value: the inner size of cluster number k, counted from 1, is `in_features // div_value**k`.
        head_bias: whether the head has a bias.
        device: where the parameters live.
        dtype: of the parameters.

    Raises ValueError for other cutoffs.

    >>> from lucid import nn, ones, tensor
    >>> softmax = nn.AdaptiveLogSoftmaxWithLoss(16, 1000, cutoffs=[10, 100])
    >>> softmax(ones(3, 16), tensor([0, 20, 999])).output.shape
    lucid.Size([3])
    >>> softmax.log_prob(ones(3, 16)).shape
    lucid.Size([3, 1000])
    """

    in_features: int
    n_classes: int
    cutoffs: list[int]
    div_value: float
    head_bias: bool
    head: Linear
    tail: ModuleList

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        bounds = [0, *cutoffs, n_classes]
        if any(int(c) != c for c in cutoffs) or any(a >= b for a, b in itertools.pairwise(bounds)):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each "
                f"value is between 1 and n_classes-1, got {cutoffs} for {n_classes} classes"
            )
        self.in_features, self.n_classes, self.cutoffs = in_features, n_classes, [*cutoffs, n_classes]
        self.div_value, self.head_bias = div_value, head_bias
        self.shortlist_size, self.n_clusters = self.cutoffs[0], len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        self.head = Linear(in_features, self.head_size, bias=head_bias, device=device, dtype=dtype)
        self.tail = ModuleList()
        for k, (low, high) in enumerate(itertools.pairwise(self.cutoffs), 1):
            inner = int(in_features // div_value**k)
            first = Linear(in_features, inner, bias=False, device=device, dtype=dtype)
            second = Linear(inner, high - low, bias=False, device=device, dtype=dtype)
            self.tail.append(Sequential(first, second))

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        for layer in (self.head, *itertools.chain.from_iterable(self.tail)):
            layer.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """The log probabilities `output` of the targets, and their negative mean `loss`.

        `input_` has shape (N, in_features) or (in_features), `target_` shape (N) or (). Evaluates the target: which
        rows a cluster computes depends on it. Raises RuntimeError for shapes and targets that do not fit.
        """
        self._check(input_, target_)
        batched = target_.ndim > 0
        input, target = (input_, target_) if batched else (input_.unsqueeze(0), target_.unsqueeze(0))
        numbers = target.numpy(force=True).astype(np.int64)
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < self.n_classes:
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{numbers.min()}, "
                f"{numbers.max()}] were found."
            )
        output = creation.zeros(len(numbers), dtype=input.dtype, device=input.device)
        places = numbers.copy()  # of the targets in the head
        for k, (low, high) in enumerate(itertools.pairwise(self.cutoffs)):
            rows = np.flatnonzero((low <= numbers) & (numbers < high))
            if rows.size:
                places[rows] = self.shortlist_size + k
                at = creation.tensor(rows, device=input.device)
                found = F.log_softmax(self.tail[k](input.index_select(0, at)), dim=1)
                inside = creation.tensor((numbers[rows] - low)[:, None], device=input.device)
                output = output.index_copy(0, at, found.gather(1, inside).squeeze(1))
        head = F.log_softmax(self.head(input), dim=1)
        output = output + head.gather(1, creation.tensor(places[:, None], device=input.device)).squeeze(1)
        return _ASMoutput(output if batched else output.squeeze(0), (-output).mean())

    def _check(self, input: Tensor, target: Tensor) -> None:
        if target.ndim > 1:
            raise RuntimeError(f"0D or 1D target tensor expected, multi-target not supported, got shape {target.shape}")
        if target.ndim == 1 and input.shape[:1] != target.shape:
            raise RuntimeError(
                f"Input and target should have the same size in the batch dimension, got {input.shape} and "
                f"{target.shape}."
            )
        if input.ndim != target.ndim + 1:
            raise RuntimeError(
                f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs with size "
                f"{input.shape}"
            )
        if target.dtype not in (dtypes.int64, dtypes.int32):
            raise RuntimeError(f"target: expected dtype int64 or int32, got {target.dtype!r}; use .long()")

    def _get_full_log_prob(self, input: Tensor, head_output: Tensor) -> Tensor:
        head = F.log_softmax(head_output, dim=1)
        parts = [head[:, : self.shortlist_size]]
        for k, cluster in enumerate(self.tail):
            place = self.shortlist_size + k
            parts.append(F.log_softmax(cluster(input), dim=1) + head[:, place : place + 1])
        return ops.cat(parts, dim=1)

    def log_prob(self, input: Tensor) -> Tensor:
        """The log probabilities of all classes, shape (N, n_classes), for `input` of shape (N, in_features)."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input: Tensor) -> Tensor:
        """The most probable class for each row of `input`, shape (N, in_features): int64, shape (N)."""
        head_output = self.head(input)
        best = head_output.argmax(dim=1)
        among_all = self._get_full_log_prob(input, head_output).argmax(dim=1)
        result: Tensor = ops.where(best < self.shortlist_size, best, among_all)
        return result
