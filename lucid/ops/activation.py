"""Activations that are methods of a tensor too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import dtypes
from lucid._channels import Last
from lucid._tape import TensorCore, apply
from lucid._views import lies_last
from lucid.dtypes import FLOATING, OF_MX
from lucid.ops import _precise
from lucid.ops._arguments import numpy_names
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops._promotion import constant, number, require_tensor

__all__ = ["hardshrink", "log_softmax", "prelu", "relu", "softmax"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


@numpy_names
def relu(input: Tensor) -> Tensor:
    """`input` where it is positive, else 0. Raises NotImplementedError for bool and complex tensors.

    >>> import lucid
    >>> lucid.relu(lucid.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    dtype = require_tensor("relu", input)._data.dtype
    zero = constant(0, dtype)
    if zero is None:
        if dtype == mx.bool_ or dtype == mx.complex64:
            raise NotImplementedError(f"relu: not implemented for {OF_MX[dtype]!r}")
        zero = number(0, dtype)
    return apply(_relu, input, zero)  # type: ignore[no-any-return]


def _relu(a: mx.array, zero: mx.array) -> mx.array:
    return mx.maximum(a, zero)


@numpy_names
def hardshrink(input: Tensor, lambd: float = 0.5, *, out: Tensor | None = None) -> Tensor:
    """`input`, and 0 where it lies in [-lambd, lambd]. Raises NotImplementedError for other than floating dtypes."""
    if require_tensor("hardshrink", input)._data.dtype not in FLOATING:
        raise NotImplementedError(f'"hardshrink" not implemented for {input.dtype!r}; convert the input with .float()')

    def hardshrink(x: mx.array) -> mx.array:
        wide = x.astype(mx.float32) if x.dtype != mx.float64 else x
        return mx.where((wide >= -lambd) & (wide <= lambd), 0, x)

    result: Tensor = apply(hardshrink, input)
    return result if out is None else give(result, out, "hardshrink")


@numpy_names
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """`input` where positive, `weight * input` elsewhere.

    Args:
        input: shape (N, C, *).
        weight: one slope, or one for each of the C channels.

    Raises RuntimeError if `weight` has another number of elements.
    """
    dtype = require_tensor("prelu", input)._data.dtype
    if require_tensor("prelu", weight, "weight")._data.dtype != dtype:
        raise RuntimeError(f"prelu: expected weight of the input's dtype {input.dtype!r}, got {weight.dtype!r}")
    if dtype not in FLOATING:
        raise NotImplementedError(f'"prelu" not implemented for {input.dtype!r}; convert both with .float()')
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: expected weight to be a scalar or 1D tensor, got shape {weight.shape}")
    channels, slopes = input.shape[1] if input.ndim > 1 else 1, weight._data.size
    if slopes not in (1, channels):
        raise RuntimeError(
            f"prelu: expected one weight or one for each of the {channels} channels of the input, got {slopes}"
        )
    lies = lies_last(input)
    dims = [1] * input.ndim
    if input.ndim > 1:
        dims[-1 if lies else 1] = slopes

    def prelu(x: mx.array, w: mx.array) -> mx.array:
        return mx.where(x > 0, x, w.reshape(dims) * x)

    return apply(Last(prelu) if lies else prelu, input, weight)  # type: ignore[no-any-return]


@numpy_names
def softmax(input: Tensor, dim: int, dtype: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Exponentials along `dim`, scaled to a sum of 1.

    Args:
        input: floating tensor.
        dim: along which the results sum to 1.
        dtype: what `input` is converted to first.
        out: where to put the result.

    Raises IndexError if `dim` is out of range and NotImplementedError for integers without a floating `dtype`.

    >>> import lucid
    >>> lucid.softmax(lucid.tensor([[0.0, 0.0], [0.0, 100.0]]), -1)
    tensor([[0.5000, 0.5000],
            [0.0000, 1.0000]])
    """
    if dtype is None and dim.__class__ is int and isinstance(input, TensorCore) and input._data.dtype in FLOATING:
        n = input._data.ndim
        if -n <= dim < n and input._data.size:
            result = apply(_softmax, input, dim)
            return result if out is None else give(result, out, "softmax", exact=True)
    result = _along("softmax", _precise.softmax, input, dim, dtype)
    return result if out is None else give(result, out, "softmax", exact=True)


def _softmax(a: mx.array, axis: int) -> mx.array:
    return _precise.softmax(a, axis)


@numpy_names
def log_softmax(input: Tensor, dim: int, dtype: Any = None, *, out: Tensor | None = None) -> Tensor:
    """The logarithm of `softmax`, computed without its rounding errors. Arguments as there."""
    result = _along("log_softmax", _log_softmax, input, dim, dtype)
    return result if out is None else give(result, out, "log_softmax", exact=True)


def _along(name: str, fn: Any, input: Tensor, dim: int, dtype: Any) -> Tensor:
    found = OF_MX[require_tensor(name, input)._data.dtype]
    d = found if dtype is None else dtypes.as_dtype(dtype, name)
    axis = wrap_dim(dim, input._data.ndim, name)
    if not d.is_floating_point and input._data.size:
        raise NotImplementedError(
            f"{name}: not implemented for {d!r}; pass dtype=lucid.float32 or another floating dtype"
        )
    target = None if d is found else d.mx

    def along(a: mx.array) -> mx.array:
        if target is not None:
            a = a.astype(target)
        return fn(a, axis) if a.ndim and a.size else mx.ones_like(a) if name == "softmax" else a * 0

    along.__qualname__ = name
    return apply(along, input)  # type: ignore[no-any-return]


def _log_softmax(a: mx.array, axis: int) -> mx.array:
    wide = a.astype(mx.float32) if a.dtype in (mx.float16, mx.bfloat16) else a
    shifted = wide - mx.stop_gradient(wide.max(axis, keepdims=True))
    return (shifted - mx.log(_precise.exp(shifted).sum(axis, keepdims=True))).astype(a.dtype)
