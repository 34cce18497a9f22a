"""Sliding blocks: taking them out of images as columns, and putting them back."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import apply
from lucid.dtypes import OF_MX
from lucid.nn.functional import _check

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["fold", "unfold"]

_Size = int | Sequence[int]


def unfold(input: Tensor, kernel_size: _Size, dilation: _Size = 1, padding: _Size = 0, stride: _Size = 1) -> Tensor:
    """The blocks that a convolution would see, as columns: shape (N, C * kH * kW, L) for L blocks.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        kernel_size: size of a block, one int or two; as are the next three.
        dilation: distance between the elements of a block.
        padding: zeros around the input.
        stride: step from block to block.

    Raises RuntimeError for sizes that do not fit.
    """
    if OF_MX[_check.tensor("unfold", "input", input)._data.dtype].rank == 1:
        raise NotImplementedError(f'"unfold" not implemented for {input.dtype!r}; convert the input with .float()')
    if input.ndim < 3:
        raise IndexError(f"unfold: expected 3D (unbatched) or 4D (batched) input, but got shape {tuple(input.shape)}")
    batched = _check.spatial("unfold", input._data.shape, 2)
    if 0 in input._data.shape[-3:]:
        raise RuntimeError(f"unfold: expected sizes above 0 beside the batch, got {tuple(input.shape)}")
    height, width = input._data.shape[-2:]
    run, _ = _blocks("unfold", (height, width), kernel_size, dilation, padding, stride)

    def unfold(x: mx.array) -> mx.array:
        y = run(_wide(x if batched else x[None])).astype(x.dtype)
        return y if batched else y[0]

    return apply(unfold, input)  # type: ignore[no-any-return]


def fold(
    input: Tensor,
    output_size: _Size,
    kernel_size: _Size,
    dilation: _Size = 1,
    padding: _Size = 0,
    stride: _Size = 1,
) -> Tensor:
    """Blocks put back into an image, added where they overlap: what `unfold` does to gradients.

    Args:
        input: shape (N, C * kH * kW, L) or (C * kH * kW, L).
        output_size: H and W of the image.
        kernel_size: size of a block, one int or two; as are the next three.
        dilation: distance between the elements of a block.
        padding: zeros around the image.
        stride: step from block to block.

    Raises RuntimeError for sizes that do not fit.
    """
    if OF_MX[_check.tensor("fold", "input", input)._data.dtype].rank == 1:
        raise NotImplementedError(f'"fold" not implemented for {input.dtype!r}; convert the input with .float()')
    if input.ndim not in (2, 3):
        raise RuntimeError(f"fold: Expected 2D or 3D input, got shape {input.shape}")
    kernel = _check.sizes("fold", "kernel_size", kernel_size, 2, exact=True)
    size = _check.sizes("fold", "output_size", output_size, 2, exact=True)
    rows, columns = input._data.shape[-2:]
    run, count = _blocks("fold", size, kernel, dilation, padding, stride)
    if rows % math.prod(kernel):
        raise RuntimeError(
            "fold: Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"{rows} and {kernel}"
        )
    if columns != count:
        raise RuntimeError(
            f"fold: expected {count} blocks for output_size {size} and kernel_size {kernel}, but got {columns}"
        )

    def fold(x: mx.array) -> mx.array:
        blocks = _wide(x if x.ndim == 3 else x[None])
        image = mx.zeros((blocks.shape[0], rows // math.prod(kernel), *size), blocks.dtype)
        y = (mx.vjp(run, [image], [blocks])[1][0] if x.size else image).astype(x.dtype)
        return y if x.ndim == 3 else y[0]

    return apply(fold, input)  # type: ignore[no-any-return]


def _wide(x: mx.array) -> mx.array:
    """`x` as it is added up where blocks overlap."""
    return x.astype(mx.float32) if x.dtype in _check.HALF else x


def _blocks(
    name: str, size: Sequence[int], kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[Callable[[mx.array], mx.array], int]:
    """The function that takes blocks out of an image of the given size, and their number."""
    given = {"kernel_size": kernel_size, "dilation": dilation, "padding": padding, "stride": stride}
    kernel, apart, pad, steps = (_check.sizes(name, key, value, 2, exact=True) for key, value in given.items())
    if min(*kernel, *apart, *steps) <= 0 or min(pad) < 0:
        raise RuntimeError(
            f"{name}: kernel_size, dilation and stride should be greater than zero and padding not negative, got "
            f"{kernel}, {apart}, "
            f"{steps} and {pad}"
        )
    outs = [
        (s + 2 * p - d * (k - 1) - 1) // t + 1 for s, p, d, k, t in zip(size, pad, apart, kernel, steps, strict=True)
    ]
    if min(outs) < 1:
        raise RuntimeError(
            f"{name}: Given an image of size {tuple(size)}, kernel_size {kernel}, dilation {apart}, padding {pad} "
            f"and stride {steps}, "
            f"the number of blocks is {tuple(outs)}, but should be positive"
        )

    def run(x: mx.array) -> mx.array:
        x = mx.pad(x, [(0, 0), (0, 0), *[(p, p) for p in pad]])
        parts = []
        for i, j in itertools.product(range(kernel[0]), range(kernel[1])):
            rows = slice(i * apart[0], i * apart[0] + steps[0] * (outs[0] - 1) + 1, steps[0])
            columns = slice(j * apart[1], j * apart[1] + steps[1] * (outs[1] - 1) + 1, steps[1])
            parts.append(x[:, :, rows, columns])
        return (
            mx.stack(parts, axis=2).reshape(x.shape[0], -1, outs[0] * outs[1])
            if x.size
            else mx.zeros((x.shape[0], x.shape[1] * len(parts), outs[0] * outs[1]), x.dtype)
        )

    return run, outs[0] * outs[1]
