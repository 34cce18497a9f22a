"""Normalisation over the last dimensions and over groups of channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lucid import creation
from lucid._size import Size
from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn import init
from lucid.nn.modules._functions import CrossMapLRN2d as _cross_map_lrn2d
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


_shape_t = int | list[int] | Size


def _parameter(module: Module, name: str, wanted: bool, *size: int, device: Any, dtype: Any) -> None:
    module.register_parameter(name, Parameter(creation.zeros(size, device=device, dtype=dtype)) if wanted else None)


def _shape(normalized_shape: int | Sequence[int]) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(Module):
    """Shifts and scales the input to mean 0 and variance 1 over its last dimensions; then times `weight`, plus `bias`.

    Args:
        normalized_shape: the size of the last dimension, or the sizes of the last few.
        eps: added to the variance.
        elementwise_affine: whether there are a weight and a bias.
        bias: whether there is a bias.
        device: where the parameters live.
        dtype: of the parameters.
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]  # noqa: RUF012 - PyTorch's, for its readers
    normalized_shape: tuple[int, ...]
    eps: float
    elementwise_affine: bool
    weight: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-05,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        _parameter(self, "weight", elementwise_affine, *self.normalized_shape, device=device, dtype=dtype)
        _parameter(self, "bias", elementwise_affine and bias, *self.normalized_shape, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """`input`, shape (*, *normalized_shape), normalised."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The sizes and options."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divides the input by the root of its mean square over its last dimensions, then multiplies by `weight`.

    Args:
        normalized_shape: the size of the last dimension, or the sizes of the last few.
        eps: added to the mean square; the machine epsilon of the input's dtype if None.
        elementwise_affine: whether there is a weight.
        device: where the weight lives.
        dtype: of the weight.
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]  # noqa: RUF012
    normalized_shape: tuple[int, ...]
    eps: float | None
    elementwise_affine: bool
    weight: Tensor | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        _parameter(self, "weight", elementwise_affine, *self.normalized_shape, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        """`x`, shape (*, *normalized_shape), normalised."""
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        """The sizes and options."""
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(Module):
    """Shifts and scales each group of channels to mean 0 and variance 1; then times `weight`, plus `bias`.

    Args:
        num_groups: how many groups.
        num_channels: how many channels, a multiple of that.
        eps: added to the variance.
        affine: whether there are a weight and a bias.
        device: where the parameters live.
        dtype: of the parameters.
        bias: whether there is a bias.

    Raises ValueError if the channels cannot be divided into groups.
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]  # noqa: RUF012
    num_groups: int
    num_channels: int
    eps: float
    affine: bool
    weight: Tensor | None
    bias: Tensor | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-05,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        _parameter(self, "weight", affine, num_channels, device=device, dtype=dtype)
        _parameter(self, "bias", affine and bias, num_channels, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """`input`, shape (N, C, *), normalised."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """The sizes and options."""
        bias = self.bias is not None
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={bias}"


class LocalResponseNorm(Module):
    """Divides by a power of the mean square of neighbouring channels: see `nn.functional.local_response_norm`."""

    __constants__ = ["size", "alpha", "beta", "k"]  # noqa: RUF012
    size: int
    alpha: float
    beta: float
    k: float

    def __init__(self, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """`input`, shape (N, C, *), normalised."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """`LocalResponseNorm` for images (N, C, H, W) as Torch7 had it: networks that were converted from there have it.

    Args:
        size: how many neighbouring channels count.
        alpha: how much their mean square counts.
        beta: to which power.
        k: is added to it.

    Raises ValueError for an input of other dimensions.
    """

    size: int
    alpha: float
    beta: float
    k: float

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """`input`, normalised."""
        return _cross_map_lrn2d.apply(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        """The options."""
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
