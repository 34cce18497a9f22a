"""Tables of vectors, looked up by index, one by one or in bags."""

from __future__ import annotations

from typing import Any

from lucid import creation
from lucid._grad_mode import no_grad
from lucid._tensor import Tensor
from lucid.nn import init
from lucid.nn.functional.embedding import embedding
from lucid.nn.functional.embedding_bag import embedding_bag
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter

__all__ = ["Embedding", "EmbeddingBag"]


class _Table(Module):
    """What the two have in common: the table, and the row of padding."""

    num_embeddings: int
    embedding_dim: int
    padding_idx: int | None
    weight: Tensor
    sparse: bool

    def _set_sizes(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, sparse: bool) -> None:
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        if padding_idx is not None:
            if padding_idx and not -num_embeddings <= padding_idx < num_embeddings:
                raise AssertionError(
                    f"Padding_idx must be within num_embeddings, got {padding_idx} of {num_embeddings}"
                )
            padding_idx += num_embeddings * (padding_idx < 0)
        if sparse:
            raise NotImplementedError(
                f"{type(self).__name__}: sparse gradients are not supported (MLX has no sparse arrays); use "
                "sparse=False"
            )
        self.padding_idx, self.sparse = padding_idx, sparse

    def _set_table(self, given: Tensor | None, frozen: bool, device: Any, dtype: Any) -> None:
        shape = (self.num_embeddings, self.embedding_dim)
        if given is None:
            table = creation.zeros(*shape, device=device, dtype=dtype)
            self.weight = Parameter(table, requires_grad=not frozen)
            self.reset_parameters()
        else:
            if tuple(given.shape) != shape:
                raise AssertionError(
                    f"Shape of weight does not match num_embeddings and embedding_dim: expected {shape}, "
                    f"got {given.shape}"
                )
            self.weight = Parameter(given, requires_grad=not frozen)

    def reset_parameters(self) -> None:
        """Draw the table anew: standard normal numbers, and 0 at `padding_idx`."""
        init.normal_(self.weight)
        self._fill_padding_idx_with_zero()

    def _fill_padding_idx_with_zero(self) -> None:
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)


def _sizes(embeddings: Tensor) -> tuple[int, int]:
    """The sizes of a table. Raises AssertionError unless it has 2 dimensions."""
    if embeddings.ndim != 2:
        raise AssertionError(f"Embeddings parameter is expected to be 2-dimensional, got {embeddings.ndim} dimensions")
    rows, size = embeddings.shape
    return rows, size


class Embedding(_Table):
    """A table of `num_embeddings` vectors of size `embedding_dim`; the input says which to return.

    Args:
        num_embeddings: how many vectors.
        embedding_dim: their size.
        padding_idx: a vector that starts as 0 and receives no gradient.
        max_norm: vectors in use with a larger norm are scaled down to it, in the table itself.
        norm_type: which norm `max_norm` means.
        scale_grad_by_freq: divide each vector's gradient by the number of times it is used.
        sparse: has to be False: MLX has no sparse gradients.
        _weight: the table, instead of normal numbers.
        _freeze: the table requires no gradient.
        device: where the table lives.
        dtype: of the table.

    >>> from lucid import nn, tensor
    >>> nn.Embedding(10, 3)(tensor([[1, 2, 4], [4, 3, 2]])).shape
    lucid.Size([2, 3, 3])
    """

    __constants__ = [  # noqa: RUF012 - PyTorch's, for its readers
        "num_embeddings",
        "embedding_dim",
        "padding_idx",
        "max_norm",
        "norm_type",
        "scale_grad_by_freq",
        "sparse",
    ]
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    freeze: bool

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._set_sizes(num_embeddings, embedding_dim, padding_idx, sparse)
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self._set_table(_weight, _freeze, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """The vectors at `input`, shape (*): shape (*, embedding_dim)."""
        return embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        """The sizes, and what is not the default."""
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq is not False:
            parts.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        if self.sparse is not False:
            parts.append("sparse=True")
        return ", ".join(parts)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """An Embedding with the table `embeddings`, shape (num_embeddings, embedding_dim), by default not trained.

        The other arguments are those of the class.
        """
        rows, size = _sizes(embeddings)
        return cls(
            rows, size, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, _weight=embeddings, _freeze=freeze
        )


class EmbeddingBag(_Table):
    """The sum, mean or maximum of the vectors of each bag of indices, out of a table of `num_embeddings` vectors.

    Args:
        num_embeddings: how many vectors.
        embedding_dim: their size.
        max_norm: vectors in use with a larger norm are scaled down to it, in the table itself.
        norm_type: which norm `max_norm` means.
        scale_grad_by_freq: divide each vector's gradient by the number of times it is used; not for "max".
        mode: "sum", "mean" or "max".
        sparse: has to be False: MLX has no sparse gradients.
        _weight: the table, instead of normal numbers.
        include_last_offset: offsets have one more element at their end, where the last bag ends.
        padding_idx: a vector that counts nowhere, starts as 0 and receives no gradient.
        device: where the table lives.
        dtype: of the table.

    >>> from lucid import nn, tensor
    >>> nn.EmbeddingBag(10, 3, mode="sum")(tensor([1, 2, 4, 5, 4]), offsets=tensor([0, 3])).shape
    lucid.Size([2, 3])
    """

    __constants__ = [  # noqa: RUF012
        "num_embeddings",
        "embedding_dim",
        "max_norm",
        "norm_type",
        "scale_grad_by_freq",
        "mode",
        "sparse",
        "include_last_offset",
        "padding_idx",
    ]
    max_norm: float | None
    norm_type: float
    scale_grad_by_freq: bool
    mode: str
    include_last_offset: bool

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._set_sizes(num_embeddings, embedding_dim, padding_idx, sparse)
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.mode, self.include_last_offset = mode, include_last_offset
        self._set_table(_weight, False, device, dtype)

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """One vector for each bag, shape (B, embedding_dim).

        `input` has a bag in each row, shape (B, N), or all bags one after the other; then `offsets` says where each
        begins. With mode "sum", `per_sample_weights` is a factor for each index.
        """
        return embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """The sizes, the mode, and what is not the default."""
        parts = [f"{self.num_embeddings}, {self.embedding_dim}"]
        if self.max_norm is not None:
            parts.append(f"max_norm={self.max_norm}")
        if self.norm_type != 2:
            parts.append(f"norm_type={self.norm_type}")
        if self.scale_grad_by_freq is not False:
            parts.append(f"scale_grad_by_freq={self.scale_grad_by_freq}")
        parts.append(f"mode={self.mode!r}")
        if self.padding_idx is not None:
            parts.append(f"padding_idx={self.padding_idx}")
        return ", ".join(parts)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> EmbeddingBag:
        """An EmbeddingBag with the table `embeddings`, shape (num_embeddings, embedding_dim), by default not trained.

        The other arguments are those of the class.
        """
        rows, size = _sizes(embeddings)
        made = cls(
            num_embeddings=rows,
            embedding_dim=size,
            max_norm=max_norm,
            norm_type=norm_type,
            scale_grad_by_freq=scale_grad_by_freq,
            mode=mode,
            sparse=sparse,
            _weight=embeddings,
            include_last_offset=include_last_offset,
            padding_idx=padding_idx,
        )
        made.weight.requires_grad = not freeze
        return made
