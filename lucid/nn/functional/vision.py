"""Resizing images, and moving elements between space and channels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid._channels import Last
from lucid._tape import apply
from lucid._views import channels_last
from lucid.nn.functional import _check, _resize
from lucid.nn.functional.adaptive_pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "channel_shuffle",
    "interpolate",
    "native_channel_shuffle",
    "pixel_shuffle",
    "pixel_unshuffle",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]

_DIMS = {"linear": 3, "bilinear": 4, "bicubic": 4, "lanczos": 4, "trilinear": 5}  # of the input, by mode


def interpolate(
    input: Tensor,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """`input`, resized along its spatial dimensions.

    Args:
        input: shape (N, C, *), with one to three spatial dimensions.
        size: the new size, one int or one for each spatial dimension. Give this or `scale_factor`.
        scale_factor: by how much to multiply the size.
        mode: "nearest", "nearest-exact", "linear" (3D input), "bilinear" or "bicubic" (4D), "lanczos" (4D, with
            `antialias` only), "trilinear" (5D) or "area".
        align_corners: take the corner elements, rather than their outer edges, as the ends; for the linear and cubic
            modes.
        recompute_scale_factor: compute positions from the sizes also where a `scale_factor` was given.
        antialias: average over all elements that a new one stands for, where the image shrinks; for "bilinear",
            "bicubic" and "lanczos".

    Images of dtype uint8 can be resized in all modes for 4D inputs but "area"; rows and then columns are rounded.

    Raises ValueError or NotImplementedError for arguments that do not go together.

    >>> import lucid
    >>> lucid.nn.functional.interpolate(lucid.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    n = _check.tensor("interpolate", "input", input)._data.ndim - 2
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                "trilinear"
            )
    elif mode not in _DIMS:
        raise NotImplementedError(
            f"interpolate: unknown mode {mode!r}; expected nearest, nearest-exact, area or {', '.join(_DIMS)}"
        )
    if antialias and (mode not in _resize.FILTERS or n != 2):
        raise ValueError(
            f"interpolate: antialias=True expects mode bilinear, bicubic or lanczos and a 4D input, got {mode!r} and "
            f"{n + 2}D"
        )
    if mode == "lanczos" and (align_corners or not antialias):
        raise ValueError("interpolate: mode 'lanczos' expects antialias=True, and no align_corners")
    outs, steps = _new_sizes(input._data.shape[2:], size, scale_factor, recompute_scale_factor)
    if not 1 <= n <= 3 or (mode in _DIMS and _DIMS[mode] != n + 2):
        need = f"{_DIMS[mode]}D" if mode in _DIMS else "3D, 4D or 5D"
        raise NotImplementedError(f"interpolate: Got {n + 2}D input, but {mode} mode needs {need} input")
    if mode == "area":
        pool: Any = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[n - 1]
        return pool(input, outs)  # type: ignore[no-any-return]
    if 0 in input._data.shape[1:] or min(outs) <= 0:
        raise RuntimeError(
            f"interpolate: Input and output sizes should be greater than 0, but got {input.shape} and {outs}"
        )
    whole = input._data.dtype == mx.uint8
    if not whole or mode in ("linear", "trilinear"):
        _check.floating("interpolate", input)
    mixed = whole and not mode.startswith("nearest")
    real = np.float64 if mixed or input._data.dtype == mx.float64 else np.float32
    axis_of = _resize.filtered if antialias else _resize.along
    kind = "nearest-plane" if mode == "nearest" and n == 2 else mode
    ways = [
        (axis, axis_of(kind, s, o, t, bool(align_corners), real, mixed))
        for axis, (s, o, t) in enumerate(zip(input._data.shape[2:], outs, steps, strict=True), 1)
    ]
    ways = ways[::-1] if mixed else ways

    def interpolate(x: mx.array) -> mx.array:
        if not x.size:
            return mx.zeros((x.shape[0], *outs, x.shape[-1]), x.dtype)
        y = x.astype(mx.float32) if x.dtype in _check.HALF else x
        for axis, way in ways:
            y = way(y, axis)
        return y.astype(x.dtype)

    return channels_last(Last(interpolate), input)  # type: ignore[no-any-return]


def _new_sizes(
    shape: Sequence[int], size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[list[int], list[float | None]]:
    """The new sizes, and the steps between positions where the user gave them."""
    n = len(shape)
    if (size is None) == (scale_factor is None):
        raise ValueError(
            "only one of size or scale_factor should be defined"
            if size is not None
            else "either size or scale_factor should be defined"
        )
    given = size if size is not None else scale_factor
    values = list(given) if isinstance(given, (tuple, list)) else [given] * n
    if len(values) != n:
        what = "size" if size is not None else "scale_factor"
        raise ValueError(
            f"interpolate: Input and {what} must have the same number of spatial dimensions, but got input with "
            "spatial dimensions of "
            f"{list(shape)} and {what} of {values}"
        )
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        for v in values:
            if not hasattr(v, "__index__"):
                raise TypeError(f"interpolate: expected size to be one of int or a tuple of ints, got {size!r}")
        return [int(v) for v in values], [None] * n
    for v in values:
        if not isinstance(v, (int, float)) and not hasattr(v, "__float__"):
            raise TypeError(f"interpolate: expected scale_factor to be one number or a tuple of them, got {given!r}")
    outs = [math.floor(float(s) * float(v)) for s, v in zip(shape, values, strict=True)]
    return outs, [None if recompute or not v else 1.0 / float(v) for v in values]


def upsample(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """`interpolate`, by its old name."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode "nearest", by its old name."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode "bilinear" and aligned corners, by its old name."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """(*, C * r * r, H, W) as (*, C, H * r, W * r): channels become pixels.

    Raises RuntimeError unless the channels allow it.
    """
    r = upscale_factor
    _check.tensor("pixel_shuffle", "input", input)
    _check.integer("pixel_shuffle", "upscale_factor", upscale_factor)
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
            f"upscale_factor, but {channels} "
            f"is not divisible by {r * r}"
        )
    k = len(lead)
    order = (*range(k), k, k + 3, k + 1, k + 4, k + 2)

    def pixel_shuffle(x: mx.array) -> mx.array:
        y = x.reshape(*lead, channels // (r * r), r, r, height, width).transpose(order)
        return y.reshape(*lead, channels // (r * r), height * r, width * r)

    return apply(pixel_shuffle, input)  # type: ignore[no-any-return]


def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """(*, C, H * r, W * r) as (*, C * r * r, H, W): the inverse of `pixel_shuffle`.

    Raises RuntimeError unless the size allows it.
    """
    r = downscale_factor
    _check.tensor("pixel_unshuffle", "input", input)
    _check.integer("pixel_unshuffle", "downscale_factor", downscale_factor)
    if input.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {input.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    if height % r or width % r:
        raise RuntimeError(
            f"pixel_unshuffle expects height and width to be divisible by downscale_factor, but {height} x {width} "
            f"is not divisible by {r}"
        )
    k = len(lead)
    order = (*range(k), k, k + 2, k + 4, k + 1, k + 3)

    def pixel_unshuffle(x: mx.array) -> mx.array:
        y = x.reshape(*lead, channels, height // r, r, width // r, r).transpose(order)
        return y.reshape(*lead, channels * r * r, height // r, width // r)

    return apply(pixel_unshuffle, input)  # type: ignore[no-any-return]


def channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """`input`, shape (N, C, *), with the channels of `groups` groups taken in turn.

    Raises RuntimeError unless they divide C.
    """
    _check.tensor("channel_shuffle", "input", input)
    _check.integer("channel_shuffle", "groups", groups)
    if input.ndim <= 2:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(input.shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups: {groups}")
    batch, channels, *rest = input.shape
    if channels % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {channels} channels and {groups} groups."
        )

    def channel_shuffle(x: mx.array) -> mx.array:
        return x.reshape(batch, groups, channels // groups, *rest).swapaxes(1, 2).reshape(x.shape)

    return apply(channel_shuffle, input)  # type: ignore[no-any-return]


def native_channel_shuffle(input: Tensor, groups: int) -> Tensor:
    """`channel_shuffle`."""
    return channel_shuffle(input, groups)
