"""The partial inverse of max pooling: each element goes back to where the pooling found it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import apply
from lucid.dtypes import OF_MX
from lucid.nn.functional import _check
from lucid.nn.functional._index import clamped, in_bounds

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["max_unpool1d", "max_unpool2d", "max_unpool3d"]

_Size = int | Sequence[int]


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """`input`, shape (N, C, L) or (C, L), with each element where `indices` says. Arguments as in `max_unpool2d`."""
    return _unpooled(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Zeros, with each element of `input` where `max_pool2d` found it.

    Args:
        input: shape (N, C, H, W) or (C, H, W): what `max_pool2d` returned.
        indices: its second result: positions in the flattened spatial dimensions.
        kernel_size: what it was called with; as are the next two.
        stride: step from window to window; the kernel's size if None.
        padding: around its input.
        output_size: the size of its input, of which several have the same output size; the smallest multiple if None.

    Raises ValueError or RuntimeError for sizes or indices that do not fit.

    >>> import lucid
    >>> x = lucid.tensor([[[1.0, 3.0], [4.0, 2.0]]])
    >>> y, where = lucid.nn.functional.max_pool2d(x, 2, return_indices=True)
    >>> lucid.nn.functional.max_unpool2d(y, where, 2)
    tensor([[[0., 0.],
             [4., 0.]]])
    """
    return _unpooled(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """`input`, shape (N, C, D, H, W) or (C, D, H, W), with each element where `indices` says. See `max_unpool2d`."""
    return _unpooled(3, input, indices, kernel_size, stride, padding, output_size)


def _unpooled(n: int, input: Any, indices: Any, kernel: Any, stride: Any, padding: Any, output_size: Any) -> Tensor:
    name = f"max_unpool{n}d"
    _check.tensor(name, "input", input)
    _check.tensor(name, "indices", indices)
    shape = input._data.shape
    kernel = _check.sizes(name, "kernel_size", kernel, n)
    stride = kernel if stride is None else _check.sizes(name, "stride", stride, n)
    padding = _check.sizes(name, "padding", padding, n)
    if indices._data.dtype != mx.int64:
        raise RuntimeError(f"{name}: expected indices of dtype int64, got {OF_MX[indices._data.dtype]!r}; use .long()")
    _check.spatial(name, shape, n)
    if indices._data.shape != shape:
        raise RuntimeError(f"{name}: expected indices of the input's shape {shape}, got {indices.shape}")
    outs = _outs(name, shape[-n:], kernel, stride, padding, output_size)
    if min(stride) <= 0:
        raise RuntimeError(f"{name}: stride should be greater than zero, but got {stride}")
    _check.floating(name, input)
    if 0 in shape[-n - 1 :]:
        raise RuntimeError(f"{name}: expected input with non-zero sizes beside the batch, got {tuple(shape)}")
    volume = math.prod(outs)
    lead = shape[:-n]
    try:
        safe = not indices._data.size or in_bounds(
            indices, volume, f"{name}: found an invalid max index: {{}} (output volumes are of size {volume})"
        )
    except IndexError as error:
        raise RuntimeError(str(error)) from None

    def run(x: mx.array, i: mx.array) -> mx.array:
        empty = mx.zeros((*lead, volume), x.dtype)
        if not x.size or not volume:
            return empty.reshape(*lead, *outs)
        i = (i if safe else clamped(i, volume)).reshape(*lead, -1)
        return mx.put_along_axis(empty, i, x.reshape(*lead, -1), axis=-1).reshape(*lead, *outs)

    run.__qualname__ = name
    return apply(run, input, indices)  # type: ignore[no-any-return]


def _outs(
    name: str, shape: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], given: Any
) -> list[int]:
    n = len(shape)
    usual = [(s - 1) * t + k - 2 * p for s, t, k, p in zip(shape, stride, kernel, padding, strict=True)]
    if given is None:
        outs = usual
    else:
        outs = [int(v) for v in given]
        outs = outs[2:] if len(outs) == n + 2 else outs
        if len(outs) != n:
            raise ValueError(f"{name}: expected output_size of {n} or {n + 2} elements, but got {list(given)}")
        if any(not u - t < o < u + t for o, u, t in zip(outs, usual, stride, strict=True)):
            raise ValueError(
                f"{name}: invalid output_size {outs}: expected sizes nearer to {usual} than the stride {tuple(stride)}"
            )
    if min(outs) < 0:
        raise ValueError(f"{name}: expected output sizes of at least 0, but got {outs}")
    return outs
