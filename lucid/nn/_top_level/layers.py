"""Dropout, embeddings, convolution and the other layers whose arguments are in another order at the top level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid._grad_mode import no_grad
from lucid._tape import apply, wrap
from lucid.nn import functional as F
from lucid.nn.functional import _check
from lucid.nn.functional._draw import keep
from lucid.nn.functional.activation import rrelu_with
from lucid.nn.functional.dropout import of_channels
from lucid.nn.functional.embedding import renormalise
from lucid.nn.functional.embedding_bag import MODES as BAGS
from lucid.nn.functional.embedding_bag import bags
from lucid.nn.functional.grid import MODES, PADDINGS, generated, sampled
from lucid.nn.functional.padding import padded
from lucid.ops._out import into

if TYPE_CHECKING:
    from lucid._generator import Generator
    from lucid._tensor import Tensor

__all__ = [
    "adaptive_max_pool1d",
    "affine_grid_generator",
    "alpha_dropout",
    "alpha_dropout_",
    "constant_pad_nd",
    "convolution",
    "dropout",
    "dropout_",
    "embedding",
    "embedding_bag",
    "embedding_renorm_",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
    "grid_sampler",
    "grid_sampler_2d",
    "grid_sampler_3d",
    "native_dropout",
    "rrelu",
    "rrelu_",
]


def adaptive_max_pool1d(input: Tensor, output_size: int | Sequence[int]) -> tuple[Tensor, Tensor]:
    """See `lucid.nn.functional.adaptive_max_pool1d`; the positions are returned too."""
    return F.adaptive_max_pool1d_with_indices(input, output_size)


def convolution(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Tensor:
    """`conv1d`, `conv2d` or `conv3d`, by the number of dimensions, or with `transposed` one of `conv_transpose*`."""
    n = _check.tensor("convolution", "weight", weight).ndim - 2
    if not 1 <= n <= 3 or _check.tensor("convolution", "input", input).ndim != n + 2:
        raise RuntimeError(
            f"convolution: expected input and weight of the same number of dimensions, from 3 to 5, got {input.shape} "
            f"and {weight.shape}"
        )
    if transposed:
        backward = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[n - 1]
        return backward(input, weight, bias, stride, padding, output_padding, groups, dilation)
    forward = (F.conv1d, F.conv2d, F.conv3d)[n - 1]
    return forward(input, weight, bias, stride, padding, dilation, groups)


# ---- dropout ---------------------------------------------------------------------------------------------------------


def _drop(operation: str, input: Tensor, p: float, train: bool, inplace: bool = False) -> Tensor:
    """The dropout of `lucid.nn.functional`, with the errors of the operation itself."""
    _check.tensor(operation, "input", input)
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"{operation}: dropout probability has to be between 0 and 1, but got {p}")
    if operation == "feature_dropout":
        if train and p and input.ndim < 2:
            raise RuntimeError(f"{operation}: expected at least 2 dimensions, got shape {input.shape}")
        return of_channels(operation, input, p, inplace) if train and p else input
    return {"dropout": F.dropout, "alpha_dropout": F.alpha_dropout, "feature_alpha_dropout": F.feature_alpha_dropout}[
        operation
    ](input, p, train, inplace)


def dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """See `lucid.nn.functional.dropout`."""
    return _drop("dropout", input, p, train)


def dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout` in place."""
    return _drop("dropout", input, p, train, inplace=True)


def feature_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """`dropout` of whole channels: see `lucid.nn.functional.dropout2d`."""
    return _drop("feature_dropout", input, p, train)


def feature_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`feature_dropout` in place."""
    return _drop("feature_dropout", input, p, train, inplace=True)


def alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """See `lucid.nn.functional.alpha_dropout`."""
    return _drop("alpha_dropout", input, p, train)


def alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`alpha_dropout` in place."""
    return _drop("alpha_dropout", input, p, train, inplace=True)


def feature_alpha_dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """See `lucid.nn.functional.feature_alpha_dropout`."""
    return _drop("feature_alpha_dropout", input, p, train)


def feature_alpha_dropout_(input: Tensor, p: float, train: bool) -> Tensor:
    """`feature_alpha_dropout` in place."""
    return _drop("feature_alpha_dropout", input, p, train, inplace=True)


def native_dropout(input: Tensor, p: float, train: bool | None) -> tuple[Tensor, Tensor]:
    """`dropout`, and the mask of what was kept. Without training, or with `p` 0, that is everything."""
    _check.tensor("native_dropout", "input", input)
    if train is False or not p or not input._data.size:
        mask = wrap(mx.ones(input._data.shape, mx.bool_))
        return apply(lambda x: x, input), mask
    _check.floating("native_dropout", input)
    scale = 1.0 / (1.0 - p) if p < 1.0 else 0.0

    def native_dropout(x: mx.array, kept: mx.array) -> mx.array:
        return x * (kept.astype(x.dtype) * scale)

    mask = wrap(keep(1.0 - p, input._data.shape))
    return apply(native_dropout, input, mask), mask


# ---- embeddings ------------------------------------------------------------------------------------------------------


def embedding(
    weight: Tensor, indices: Tensor, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """See `lucid.nn.functional.embedding`; a `padding_idx` that is no index stands for none."""
    rows = (*_check.tensor("embedding", "weight", weight)._data.shape, 0)[0]
    padding = padding_idx if 0 <= padding_idx < rows else None
    return F.embedding(indices, weight, padding, None, 2.0, scale_grad_by_freq, sparse)


def embedding_bag(
    weight: Tensor,
    indices: Tensor,
    offsets: Tensor,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """See `lucid.nn.functional.embedding_bag`; `mode` is 0 for sums, 1 for means, 2 for maxima.

    Returns the bags too that the indices are in, the sizes of the bags and the indices of the maxima, as far as PyTorch
    fills them in.
    """
    for name, t in (("weight", weight), ("indices", indices), ("offsets", offsets)):
        _check.tensor("embedding_bag", name, t)
    if mode not in (0, 1, 2):
        raise RuntimeError(f"embedding_bag: expected mode to be 0 (sum), 1 (mean) or 2 (max), got {mode}")
    if per_sample_weights is not None and mode != 0:
        raise RuntimeError("embedding_bag: per_sample_weights is only supported for mode 0, the sum")
    if weight.ndim != 2 or indices.ndim != 1 or offsets.ndim != 1:
        raise RuntimeError(
            f"embedding_bag: expected a 2D weight, 1D indices and 1D offsets, got shapes {weight.shape}, "
            f"{indices.shape} and {offsets.shape}"
        )
    if per_sample_weights is not None and per_sample_weights.shape != indices.shape:
        raise RuntimeError(
            f"embedding_bag: expected per_sample_weights of the shape of indices, {indices.shape}, got "
            f"{per_sample_weights.shape}"
        )
    return bags(
        weight,
        indices,
        offsets,
        scale_grad_by_freq,
        BAGS[mode],
        sparse,
        per_sample_weights,
        include_last_offset,
        padding_idx,
    )


def embedding_renorm_(input: Tensor, indices: Tensor, max_norm: float, norm_type: float) -> Tensor:
    """Scale the rows `indices` of `input` down to norm `max_norm` where theirs is larger, in place."""
    with no_grad():  # looks them up for the checks of the indices
        F.embedding(indices, input)
        if indices._data.size:
            renormalise(indices, input, max_norm, norm_type)
    return input


# ---- grids, padding, activations -------------------------------------------------------------------------------------


def affine_grid_generator(theta: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """See `lucid.nn.functional.affine_grid`."""
    _check.floating("affine_grid_generator", theta)
    if len(size) not in (4, 5):
        raise RuntimeError(f"affine_grid_generator: expected a size of 4 or 5 dimensions, got {tuple(size)}")
    return generated("affine_grid_generator", theta, size, align_corners)


def _sampled(
    name: str, n: int | None, input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align: bool
) -> Tensor:
    if not 0 <= interpolation_mode < 3 or not 0 <= padding_mode < 3:
        raise RuntimeError(
            f"{name}: expected interpolation_mode and padding_mode to be 0, 1 or 2 ({', '.join(MODES)}; "
            f"{', '.join(PADDINGS)}), got {interpolation_mode} and {padding_mode}"
        )
    if n is not None and _check.tensor(name, "input", input).ndim != n:
        raise RuntimeError(f"{name}: expected a {n}D input, got shape {input.shape}")
    return sampled(name, input, grid, MODES[interpolation_mode], PADDINGS[padding_mode], align)


def grid_sampler(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """See `lucid.nn.functional.grid_sample`.

    `interpolation_mode` is 0 bilinear, 1 nearest, 2 bicubic; `padding_mode` 0 zeros, 1 border, 2 reflection.
    """
    return _sampled("grid_sampler", None, input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_2d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of a 4D input."""
    return _sampled("grid_sampler_2d", 4, input, grid, interpolation_mode, padding_mode, align_corners)


def grid_sampler_3d(
    input: Tensor, grid: Tensor, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Tensor:
    """`grid_sampler` of a 5D input."""
    return _sampled("grid_sampler_3d", 5, input, grid, interpolation_mode, padding_mode, align_corners)


def constant_pad_nd(input: Tensor, pad: Sequence[int], value: float = 0) -> Tensor:
    """`input` with `value` before and after its last dimensions: see `lucid.nn.functional.pad`."""
    return padded(input, pad, "constant", value)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """See `lucid.nn.functional.rrelu`; the slopes are drawn from `generator`."""
    return rrelu_with(input, lower, upper, training, generator)


def rrelu_(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """`rrelu` in place."""
    return into(input, rrelu(input, lower, upper, training, generator))
