"""Normalisation over the last dimensions, over groups of channels, and of vectors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._channels import Last
from lucid._tape import apply
from lucid._views import channels_last
from lucid.nn.functional import _check
from lucid.ops._dims import wrap_dims
from lucid.ops._out import give
from lucid.ops.norms import vector_norm

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["group_norm", "layer_norm", "local_response_norm", "normalize", "rms_norm"]


def _check_sizes(operation: str, input: Any, shape: Any, weight: Any, bias: Any) -> tuple[int, ...]:
    _check.floating(operation, input)
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise TypeError(f"{operation}(): argument 'normalized_shape' must be tuple of ints, not {type(shape).__name__}")
    for size in shape:
        if not isinstance(size, int) and not hasattr(size, "__index__"):
            raise TypeError(
                f"{operation}(): argument 'normalized_shape' must be tuple of ints, but found element of type "
                f"{type(size).__name__}"
            )
    sizes = tuple([int(s) for s in shape])
    if not sizes:
        raise RuntimeError(f"{operation}: Expected normalized_shape to be at least 1-dimensional, but got ()")
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and _check.tensor(operation, name, t)._data.shape != sizes:
            raise RuntimeError(
                f"{operation}: Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{t.shape} and normalized_shape = {sizes}"
            )
    return sizes


def _check_last(operation: str, input: Tensor, sizes: tuple[int, ...]) -> None:
    if input._data.shape[-len(sizes) :] != sizes:
        raise RuntimeError(
            f"{operation}: Given normalized_shape={sizes}, expected input with shape (*, "
            f"{', '.join(map(str, sizes))}), but got input of size {input.shape}"
        )


def _check_mixed(operation: str, input: Tensor, weight: Tensor | None, bias: Tensor | None) -> None:
    """Raise RuntimeError unless weight and bias have the input's dtype, or are float32 beside half precision."""
    dtypes = {t._data.dtype for t in (weight, bias) if t is not None}
    if dtypes - {input._data.dtype} and not (input._data.dtype in _check.HALF and dtypes == {mx.float32}):
        found = ", ".join(f"{name} {t.dtype!r}" for name, t in (("weight", weight), ("bias", bias)) if t is not None)
        raise RuntimeError(
            f"{operation}: expected weight and bias to have the dtype of the input, {input.dtype!r} (or float32 for an "
            f"input of half precision), but got {found}"
        )


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-05,
) -> Tensor:
    """`input`, shifted and scaled to mean 0 and variance 1 over its last dimensions; then times `weight`, plus `bias`.

    Args:
        input: shape (*, *normalized_shape).
        normalized_shape: the sizes of the dimensions to normalise over.
        weight: shape `normalized_shape`.
        bias: shape `normalized_shape`.
        eps: added to the variance.

    Raises RuntimeError for shapes that do not fit.
    """
    sizes = _check_sizes("layer_norm", input, normalized_shape, weight, bias)
    _check_last("layer_norm", input, sizes)
    dtype = input._data.dtype
    if (weight is not None and weight._data.dtype != dtype) or (bias is not None and bias._data.dtype != dtype):
        _check_mixed("layer_norm", input, weight, bias)
    if len(sizes) == 1:
        return apply(_layer_norm, input, weight, bias, eps)  # type: ignore[no-any-return]

    def layer_norm(x: mx.array, w: mx.array | None, b: mx.array | None) -> mx.array:
        rows = x.reshape(*x.shape[: x.ndim - len(sizes)], math.prod(sizes))
        w = w if w is None else w.reshape(-1)
        b = b if b is None else b.reshape(-1)
        return _layer_norm(rows, w, b, eps).reshape(x.shape)

    return apply(layer_norm, input, weight, bias)  # type: ignore[no-any-return]


def _layer_norm(x: mx.array, w: mx.array | None, b: mx.array | None, eps: float) -> mx.array:
    if not x.size:
        return x
    dtype = x.dtype
    if dtype != mx.float64:
        y = mx.fast.layer_norm(x, w, b, eps)
        return y if y.dtype == dtype else y.astype(dtype)
    centred = x - mx.mean(x, axis=-1, keepdims=True)
    y = centred * mx.rsqrt(mx.mean(mx.square(centred), axis=-1, keepdims=True) + eps)
    y = y if w is None else y * w
    return y if b is None else y + b


def _rms_norm(x: mx.array, w: mx.array | None, eps: float) -> mx.array:
    if x.dtype != mx.float64:
        return mx.fast.rms_norm(x, w, eps)
    y = x * mx.rsqrt(mx.mean(mx.square(x), axis=-1, keepdims=True) + eps)
    return y if w is None else y * w


def rms_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """`input`, divided by the root of its mean square over its last dimensions, then times `weight`.

    Args:
        input: shape (*, *normalized_shape).
        normalized_shape: the sizes of the dimensions to normalise over.
        weight: shape `normalized_shape`.
        eps: added to the mean square; the machine epsilon of the input's dtype if None.

    Raises RuntimeError for shapes that do not fit.
    """
    sizes = _check_sizes("rms_norm", input, normalized_shape, weight, None)
    if len(sizes) > input.ndim:
        raise ValueError(f"rms_norm: expected input with at least {len(sizes)} dimensions, but got {input.ndim}")
    _check_last("rms_norm", input, sizes)
    dtype = input._data.dtype
    small = (mx.finfo(mx.float32 if dtype in _check.HALF else dtype).eps) if eps is None else eps

    def rms_norm(x: mx.array, w: mx.array | None) -> mx.array:
        if not x.size:
            return x
        rows = x if len(sizes) == 1 else x.reshape(*x.shape[: x.ndim - len(sizes)], -1)
        w = w if w is None or len(sizes) == 1 else w.reshape(-1)
        return _rms_norm(rows, w, small).astype(x.dtype).reshape(x.shape)

    return apply(rms_norm, input, weight)  # type: ignore[no-any-return]


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-05
) -> Tensor:
    """Each group of channels, shifted and scaled to mean 0 and variance 1; then times `weight`, plus `bias`.

    Args:
        input: shape (N, C, *).
        num_groups: how many groups; C must be a multiple of it.
        weight: shape (C).
        bias: shape (C).
        eps: added to the variance.

    Raises RuntimeError for shapes that do not fit, ValueError for groups of a single value.
    """
    shape = _check.tensor("group_norm", "input", input)._data.shape
    if num_groups == 0 and len(shape) > 1:
        raise ZeroDivisionError("group_norm: expected num_groups of at least 1, got 0")
    if len(shape) > 1 and shape[0] * shape[1] // num_groups * math.prod(shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(shape)}")
    return grouped(input, num_groups, weight, bias, eps)


def grouped(input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """`group_norm`, also of groups of a single value."""
    _check.floating("group_norm", input)
    if input.ndim < 2:
        raise RuntimeError(f"group_norm: Expected at least 2 dimensions for input tensor but received {input.ndim}")
    channels = input.shape[1]
    if num_groups <= 0 or channels % num_groups:
        raise RuntimeError(
            f"group_norm: Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{input.shape} and num_groups={num_groups}"
        )
    for name, t in (("weight", weight), ("bias", bias)):
        if t is not None and tuple(_check.tensor("group_norm", name, t).shape) != (channels,):
            raise RuntimeError(
                f"group_norm: Expected {name} to be a vector of size equal to the number of channels in input, but "
                f"got {name} "
                f"of shape {t.shape} and input of shape {input.shape}"
            )

    _check_mixed("group_norm", input, weight, bias)

    def group_norm(x: mx.array, w: mx.array | None, b: mx.array | None) -> mx.array:
        if not x.size:
            return x
        wide = x.astype(mx.float32) if x.dtype in _check.HALF else x
        groups = wide.reshape(*wide.shape[:-1], num_groups, channels // num_groups)
        over = (*range(1, groups.ndim - 2), groups.ndim - 1)
        mean = mx.mean(groups, axis=over, keepdims=True)
        centred = groups - mean
        y = centred * mx.rsqrt(mx.mean(mx.square(centred), axis=over, keepdims=True) + eps)
        y = y.reshape(wide.shape)
        y = y if w is None else y * w
        y = y if b is None else y + b
        return y.astype(x.dtype)

    if input.ndim == 2:
        return apply(group_norm, input, weight, bias)  # type: ignore[no-any-return]
    return channels_last(Last(group_norm), input, weight, bias)  # type: ignore[no-any-return]


def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """`input` divided by `(k + alpha * mean of the squares of `size` neighbouring channels) ** beta`.

    `input` has shape (N, C, *). Raises ValueError for fewer than 3 dimensions, RuntimeError for a `size` below 1.
    """
    if _check.tensor("local_response_norm", "input", input).ndim < 3:
        raise ValueError(
            f"local_response_norm: Expected 3D or higher dimensionality input (got {input.ndim} dimensions)"
        )
    if size < 1:
        raise RuntimeError(f"local_response_norm: expected a size of at least 1, got {size}")
    _check.floating("local_response_norm", input)

    def local_response_norm(x: mx.array) -> mx.array:
        if not x.size:
            return x
        channels = x.shape[1]
        pad = [(0, 0)] * x.ndim
        pad[1] = (size // 2, (size - 1) // 2)
        squares = mx.pad(mx.square(x), pad)
        total = squares[:, :channels]
        for shift in range(1, size):
            total = total + squares[:, shift : shift + channels]
        return x / mx.power(total * (alpha / size) + k, beta)

    return apply(local_response_norm, input)  # type: ignore[no-any-return]


def normalize(
    input: Tensor, p: float = 2.0, dim: int | tuple[int, ...] = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """`input` divided by its p-norm along `dim`, or by `eps` where the norm is smaller.

    >>> import lucid
    >>> lucid.nn.functional.normalize(lucid.tensor([[3.0, 4.0]]))
    tensor([[0.6000, 0.8000]])
    """
    if _check.tensor("normalize", "input", input)._data.dtype != mx.complex64:
        _check.floating("normalize", input)
    axes = wrap_dims(dim, input.ndim, "normalize")

    def normalize(x: mx.array) -> mx.array:
        if not x.size:
            return x
        if not x.ndim:
            return normalize(x[None])[0]
        return x / mx.maximum(eps, vector_norm(x, p, axes, True)).astype(x.dtype)  # at eps, the norm's gradient

    return give(apply(normalize, input), out, "normalize")
