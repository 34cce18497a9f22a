"""What PyTorch keeps for its own use and for old code: sums back to a shape, hashes, `resize` without an underscore."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _views
from lucid._tape import array, escape, wrap
from lucid.dtypes import INEXACT
from lucid.ops._check import check_tensor
from lucid.ops._dims import shape_of
from lucid.ops._out import give
from lucid.ops._reduce import axes_of, need_elements
from lucid.ops.reduction import sum as _sum
from lucid.ops.shape import one_of, reshape

__all__ = ["hash_tensor"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def hash_tensor(
    input: Tensor, dim: Any = (), *, keepdim: bool = False, mode: int = 0, out: Tensor | None = None
) -> Tensor:
    """The exclusive or of the bits of all elements, or of those along `dim`, as uint64.

    Floats count as the bits of their float64 value, integers as those of their int64 value. Not for secrets.
    """
    check_tensor("hash_tensor", input)
    if mode != 0:
        raise RuntimeError(f"hash_tensor: unknown mode: {mode}; 0, the exclusive or, is the only one")
    data = array(input)
    if data.dtype == mx.complex64:
        raise NotImplementedError("hash_tensor: complex numbers are not supported; take view_as_real()")
    axes = axes_of(dim if dim != () else None, data.ndim, "hash_tensor")
    if axes is None and not data.size:
        raise RuntimeError("hash_tensor: Expected reduction dim to be specified for a tensor without elements")
    need_elements(data.shape, axes, "hash_tensor")
    escape(input)
    with mx.stream(mx.cpu):  # float64
        bits = data.astype(mx.float64 if data.dtype in INEXACT else mx.int64).view(mx.uint64)
        for axis in range(data.ndim) if axes is None else axes:
            bits = _folded(bits, axis)
        if not keepdim:
            bits = mx.squeeze(bits, tuple(range(data.ndim)) if axes is None else axes)
    return give(_views.pin(wrap(bits), _views.device_of(input)), out, "hash_tensor")


def _folded(bits: mx.array, axis: int) -> mx.array:
    """The exclusive or along `axis`, which is kept: the two halves upon each other until one element is left."""
    shape = bits.shape
    if bits.size == 0:
        return mx.zeros((*shape[:axis], 1, *shape[axis + 1 :]), bits.dtype)
    while (n := bits.shape[axis]) > 1:
        first, second, *rest = mx.split(bits, [n // 2, n // 2 * 2] if n % 2 else 2, axis=axis)
        bits = mx.concatenate([mx.bitwise_xor(first, second), *rest], axis=axis)
    return bits


# ---- methods ---------------------------------------------------------------------------------------------------------


def sum_to_size(input: Tensor, *size: Any) -> Tensor:
    """`input` summed to the shape `size`, which would broadcast to its own: what a gradient of broadcasting is.

    Raises RuntimeError if `size` does not broadcast to the shape of `input`.
    """
    if not size:
        raise TypeError('sum_to_size() missing 1 required positional arguments: "size"')
    wanted, have = shape_of((one_of(size),), "sum_to_size"), array(input).shape
    lead = len(have) - len(wanted)
    if lead < 0 or any(w not in (1, h) for w, h in zip(wanted, have[lead:], strict=True)):
        raise RuntimeError(f"sum_to_size: size {list(wanted)} is not expandable to size {list(have)}.")
    if not wanted:
        return _sum(input)
    dims = [*range(lead), *[k for k in range(lead, len(have)) if wanted[k - lead] != have[k]]]
    if not dims:
        return input
    found = _sum(input, tuple(dims), keepdim=True)
    return reshape(found, wanted) if lead else found


def resize(input: Tensor, *sizes: Any) -> Tensor:
    """`reshape`, with a warning: PyTorch has deprecated it. Raises RuntimeError if the number of elements differs."""
    warnings.warn("non-inplace resize is deprecated; use reshape()", UserWarning, stacklevel=2)
    return _resized("resize", input, shape_of((one_of(sizes),), "resize"))


def resize_as(input: Tensor, tensor: Tensor) -> Tensor:
    """`reshape` to the shape of `tensor`, with a warning: PyTorch has deprecated it."""
    warnings.warn("non-inplace resize_as is deprecated; use reshape_as()", UserWarning, stacklevel=2)
    return _resized("resize_as", input, array(tensor).shape)


def _resized(operation: str, input: Tensor, shape: tuple[int, ...]) -> Tensor:
    try:
        return reshape(input, shape)
    except RuntimeError as error:
        raise RuntimeError(
            f"requested {operation} to {shape}, but the given tensor has a size of {tuple(input.shape)}: only its "
            "shape can change here, not its number of elements; use resize_() for that"
        ) from error
