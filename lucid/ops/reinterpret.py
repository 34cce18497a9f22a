"""The same bytes under another dtype."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _views
from lucid._layout import Layout
from lucid._tape import array
from lucid.dtypes import as_dtype
from lucid.ops._check import check_tensor
from lucid.ops.geometry import strides_of
from lucid.ops.shape import view as same_view

__all__ = ["view_as_complex", "view_as_real"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Shape = tuple[int, ...]


def view_dtype(input: Tensor, dtype: Any) -> Tensor:
    """The bytes of `input` read as `dtype`; the last dimension is scaled by the ratio of the element sizes.

    Raises RuntimeError if the sizes do not divide, if the last dimension is not contiguous, or not divide the offset.

    The result requires no gradient.
    """
    to = as_dtype(dtype, "view")
    data = array(input)
    have, want = data.itemsize, to.itemsize
    if input.requires_grad:  # as in PyTorch, gradients stop here
        input = _views.alias(input)
    if input.dtype is to:
        return same_view(input, data.shape)
    if have != want:
        if data.ndim == 0:
            raise RuntimeError(f"self.dim() cannot be 0 to view {input.dtype!r} as {to!r} (different element sizes)")
        last = strides_of(input)[-1]
        if last != 1:
            raise RuntimeError(
                f"self.stride(-1) must be 1 to view {input.dtype!r} as {to!r} (different element sizes), but got {last}"
            )
        if want > have and data.shape[-1] % (want // have):
            raise RuntimeError(
                f"self.size(-1) must be divisible by {want // have} to view {input.dtype!r} as {to!r} (different "
                f"element sizes), but got {data.shape[-1]}"
            )
        ratio, layout = max(want // have, 1), _views.layout(input)
        if layout.offset % ratio or any(s % ratio for s in layout.strides[:-1]):
            raise RuntimeError(
                f"view: storage_offset and strides must be divisible by {ratio} to view {input.dtype!r} as {to!r}, got "
                f"{layout.offset} and {layout.strides}"
            )
    target, source = to.mx, data.dtype

    def view(a: mx.array) -> mx.array:
        return a.view(target)

    def put(parent: mx.array, value: mx.array) -> mx.array:
        return value.view(source)

    return _views.view(view, input, lambda at, shape: _scaled(at, shape, have, want), put)


def _scaled(at: Layout, shape: Shape, have: int, want: int) -> Layout:
    """The layout `at`, whose elements have `have` bytes, in elements of `want` bytes."""
    if have == want:
        return at
    strides = (*[s * have // want for s in at.strides[:-1]], 1)
    return Layout(shape, strides, at.offset * have // want)


def view_as_real(input: Tensor) -> Tensor:
    """A complex tensor as a float tensor with a last dimension of 2 for the real and imaginary parts.

    Raises RuntimeError for others.
    """
    check_tensor("view_as_real", input)
    if not input.dtype.is_complex:
        raise RuntimeError(f"view_as_real is only supported for complex tensors, got {input.dtype!r}")

    def view_as_real(a: mx.array) -> mx.array:
        return mx.stack([mx.real(a), mx.imag(a)], axis=-1)

    def trace(at: Layout, shape: Shape) -> Layout:
        return Layout(shape, (*[2 * s for s in at.strides], 1), 2 * at.offset)

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
    if _views.layout(input).offset % 2:
        raise RuntimeError("view_as_complex: Tensor must have a storage_offset divisible by 2")
    if any(s % 2 for s in strides[:-1]):
        raise RuntimeError(f"Tensor must have a stride divisible by 2 for all but last dimension, got {strides}")

    def view_as_complex(a: mx.array) -> mx.array:
        return a[..., 0].astype(mx.complex64) + 1j * a[..., 1].astype(mx.complex64)

    def put(parent: mx.array, value: mx.array) -> mx.array:
        return mx.stack([mx.real(value), mx.imag(value)], axis=-1)

    def trace(at: Layout, shape: Shape) -> Layout:
        return Layout(shape, tuple([s // 2 for s in at.strides[:-1]]), at.offset // 2)

    return _views.view(view_as_complex, input, trace, put)
