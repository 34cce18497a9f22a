"""The same bytes under another dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _views
from lucid._tape import array
from lucid.dtypes import as_dtype
from lucid.ops._check import check_tensor
from lucid.ops.geometry import strides_of
from lucid.ops.shape import view as same_view

__all__ = ["view_as_complex", "view_as_real"]

if TYPE_CHECKING:
    from lucid.tensor import Tensor

Ghost = np.ndarray[Any, Any]


def view_dtype(input: Tensor, dtype: Any) -> Tensor:
    """The bytes of `input` read as `dtype`; the last dimension is scaled by the ratio of the element sizes.

    Raises RuntimeError if the sizes do not divide, if the last dimension is not contiguous, or if `input` requires a
    gradient.
    """
    to = as_dtype(dtype, "view")
    data = array(input)
    have, want = data.itemsize, to.itemsize
    if input.dtype is to:
        return same_view(input, data.shape)
    if have != want:
        if data.ndim == 0:
            raise RuntimeError(f"self.dim() cannot be 0 to view {input.dtype!r} as {to!r} (different element sizes)")
        last = strides_of(input)[-1]
        if last != 1 and data.size > 1:
            raise RuntimeError(
                f"self.stride(-1) must be 1 to view {input.dtype!r} as {to!r} (different element sizes), but got {last}"
            )
        if want > have and data.shape[-1] % (want // have):
            raise RuntimeError(
                f"self.size(-1) must be divisible by {want // have} to view {input.dtype!r} as {to!r} (different "
                f"element sizes), but got {data.shape[-1]}"
            )
    if input.requires_grad:
        raise RuntimeError(
            f"view: a tensor that requires grad cannot be viewed as {to!r}, MLX has no gradient for it; call "
            "detach() first"
        )
    target, source = to.mx, data.dtype

    def view(a: mx.array) -> mx.array:
        return a.view(target)

    def put(parent: mx.array, value: mx.array) -> mx.array:
        return value.view(source)

    return _views.view(view, input, lambda g: _scaled(g, have, want), put)


def _scaled(g: Ghost, have: int, want: int) -> Ghost:
    """The geometry of `g`, whose elements have `have` bytes, in elements of `want` bytes."""
    if have == want:
        return g
    owner = g
    while owner.base is not None:
        owner = owner.base
    offset = g.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    memory = np.empty(owner.size * have // want, np.int8)
    shape = (*g.shape[:-1], g.shape[-1] * have // want)
    strides = (*[s * have // want for s in g.strides[:-1]], 1)
    return np.lib.stride_tricks.as_strided(memory[offset * have // want :], shape, strides)


def view_as_real(input: Tensor) -> Tensor:
    """A complex tensor as a float tensor with a last dimension of 2 for the real and imaginary parts.

    Raises RuntimeError for others.
    """
    check_tensor("view_as_real", input)
    if not input.dtype.is_complex:
        raise RuntimeError(f"view_as_real is only supported for complex tensors, got {input.dtype!r}")

    def view_as_real(a: mx.array) -> mx.array:
        return mx.stack([mx.real(a), mx.imag(a)], axis=-1)

    def trace(g: Ghost) -> Ghost:
        return _scaled(np.lib.stride_tricks.as_strided(g, (*g.shape, 1), (*g.strides, 1)), 2, 1)

    return _views.view(view_as_real, input, trace, lambda parent, value: value.view(mx.complex64).reshape(parent.shape))


def view_as_complex(input: Tensor) -> Tensor:
    """A float tensor whose last dimension is 2 as a complex tensor. Raises RuntimeError for other shapes and dtypes."""
    check_tensor("view_as_complex", input)
    shape = array(input).shape
    if str(input.dtype) != "lucid.float32":
        raise RuntimeError(
            "view_as_complex is only supported for float32 tensors (MLX has complex64 only), but got a tensor of "
            f"{input.dtype!r}"
        )
    if not shape:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if shape[-1] != 2:
        raise RuntimeError(f"Tensor must have a last dimension of size 2, got {shape[-1]}")
    strides = strides_of(input)
    if strides[-1] != 1:
        raise RuntimeError(f"Tensor must have a last dimension with stride 1, got {strides[-1]}")
    if any(s % 2 for s in strides[:-1]):
        raise RuntimeError(f"Tensor must have a stride divisible by 2 for all but last dimension, got {strides}")

    def view_as_complex(a: mx.array) -> mx.array:
        return a[..., 0].astype(mx.complex64) + 1j * a[..., 1].astype(mx.complex64)

    def put(parent: mx.array, value: mx.array) -> mx.array:
        return mx.stack([mx.real(value), mx.imag(value)], axis=-1)

    return _views.view(view_as_complex, input, lambda g: _scaled(g, 1, 2)[..., 0], put)
