"""Dropout in its variants. The masks are drawn outside the recorded functions."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid._tape import apply
from lucid.nn.functional import _check
from lucid.nn.functional._draw import keep
from lucid.ops._out import into

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]

# What a dropped element becomes under alpha dropout: the limit of SELU at minus infinity.
_SATURATION = -1.6732632423543772848170429916717 * 1.0507009873554804934193349852946


def _probability(operation: str, p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"{operation}: dropout probability has to be between 0 and 1, but got {p}")


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training, zero each element with probability `p` and divide the others by `1 - p`.

    Raises ValueError for a `p` outside [0, 1].
    """
    _probability("dropout", p)
    if not training or p == 0.0:
        return _check.tensor("dropout", "input", input)
    return _drop(input, p, input._data.shape, inplace)


def _drop(input: Tensor, p: float, mask_shape: tuple[int, ...], inplace: bool) -> Tensor:
    if p == 1.0:
        return _nothing("dropout", input, inplace)
    _check.floating("dropout", input)
    result: Tensor = apply(_scaled, input, keep(1.0 - p, mask_shape), 1.0 / (1.0 - p))
    return into(input, result) if inplace else result


def _nothing(operation: str, input: Tensor, inplace: bool) -> Tensor:
    """Everything dropped: zeros of any dtype."""

    def run(x: mx.array) -> mx.array:
        return x * mx.zeros((), x.dtype)

    run.__qualname__ = operation
    result: Tensor = apply(run, input)
    return into(input, result) if inplace else result


def _scaled(x: mx.array, mask: mx.array, scale: float) -> mx.array:
    return x * (mask.astype(x.dtype) * scale)


_scaled.__qualname__ = "dropout"


def dropout1d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels.

    `input` has shape (N, C, L) or (C, L). Raises RuntimeError for other numbers of dimensions.
    """
    return _channels("dropout1d", 1, input, p, training, inplace)


def dropout2d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels. `input` has shape (N, C, H, W).

    As in PyTorch, a 3D input is taken as (N, C, L), and other numbers of dimensions are let through, both with a
    warning: dimensions 0 and 1 decide.
    """
    return _channels("dropout2d", 2, input, p, training, inplace)


def dropout3d(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`dropout` of whole channels. `input` has shape (N, C, D, H, W) or (C, D, H, W).

    As in PyTorch, what has not five dimensions has no batch: dimension 0 decides. It warns unless there are four.
    """
    return _channels("dropout3d", 3, input, p, training, inplace)


def _channels(operation: str, n: int, input: Tensor, p: float, training: bool, inplace: bool) -> Tensor:
    _probability(operation, p)
    ndim = _check.tensor(operation, "input", input).ndim
    if n == 1 and ndim not in (2, 3):
        raise RuntimeError(f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input.")
    if n > 1 and ndim not in (n + 1, n + 2):
        warnings.warn(f"{operation}: expected {n + 2}D input, or {n + 1}D, but received {ndim}D", stacklevel=3)
    elif n == 2 and ndim == 3:
        warnings.warn("dropout2d: a 3D input is taken as (N, C, L); for (C, H, W), add a batch dimension", stacklevel=3)
    if not training or p == 0.0:
        return input
    return of_channels(operation, input, p, inplace, (n == 1 and ndim == 2) or (n == 3 and ndim != 5))


def of_channels(operation: str, input: Tensor, p: float, inplace: bool, unbatched: bool = False) -> Tensor:
    """`dropout` of all that follows the first two dimensions, or the first one, together."""
    ndim = input.ndim
    if p < 1.0 and (ndim == 0 or (ndim == 1 and not unbatched and input._data.size)):
        raise RuntimeError(f"{operation}: feature dropout requires at least 2 dimensions in the input, got {ndim}")
    shape = input._data.shape
    mask = (*shape[:1], *[1] * (ndim - 1)) if unbatched else (*shape[:2], *[1] * (ndim - 2))
    return _drop(input, p, mask, inplace)


def alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean 0 and variance 1 after SELU: it sets elements to SELU's lower limit and rescales all."""
    return _alpha("alpha_dropout", input, p, training, inplace, features=False)


def feature_alpha_dropout(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels (dimension 1)."""
    return _alpha("feature_alpha_dropout", input, p, training, inplace, features=True)


def _alpha(operation: str, input: Tensor, p: float, training: bool, inplace: bool, *, features: bool) -> Tensor:
    _probability(operation, p)
    if not training or p == 0.0:
        return _check.tensor(operation, "input", input)
    if p == 1.0:
        return _nothing(operation, _check.tensor(operation, "input", input), inplace)
    _check.floating(operation, input)
    shape = input._data.shape
    if features and len(shape) < 2 and input._data.size:
        raise RuntimeError(
            f"{operation}: feature dropout requires at least 2 dimensions in the input, got {len(shape)}"
        )
    mask = keep(1.0 - p, (*shape[:2], *[1] * (len(shape) - 2)) if features else shape)
    a = 1 / math.sqrt((1 - p) * (1 + p * _SATURATION**2))
    b = -a * p * _SATURATION

    def run(x: mx.array, kept: mx.array) -> mx.array:
        wide = x.astype(mx.float32) if x.dtype in _check.HALF else x
        on = kept.astype(wide.dtype)
        return ((wide * on + (1 - on) * _SATURATION) * a + b).astype(x.dtype)

    run.__qualname__ = operation
    result: Tensor = apply(run, input, mask)
    return into(input, result) if inplace else result
