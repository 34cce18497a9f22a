"""Sampling images at the positions of a grid: the two halves of a spatial transformer (Jaderberg et al. 2015).

A position is a pair (x, y), or (x, y, z): -1 and 1 are the two ends of the last, the one before it, and so on.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid._tape import apply
from lucid.dtypes import OF_MX
from lucid.nn.functional import _check, _cubic

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["affine_grid", "grid_sample"]

MODES = ("bilinear", "nearest", "bicubic")  # by PyTorch's numbers for them
PADDINGS = ("zeros", "border", "reflection")


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """The values of `input` at the positions in `grid`.

    Args:
        input: shape (N, C, H, W) or (N, C, D, H, W).
        grid: shape (N, H_out, W_out, 2) or (N, D_out, H_out, W_out, 3): positions (x, y) or (x, y, z), of which -1
            and 1 are the two ends of the input.
        mode: "bilinear" (trilinear for a 5D input), "nearest", or "bicubic" (4D input only).
        padding_mode: what lies outside: "zeros"; "border", the nearest element; "reflection", the input mirrored.
        align_corners: whether -1 and 1 are the middles of the corner elements, rather than their outer edges. False
            if None, with a warning.

    Raises ValueError for another mode, RuntimeError for shapes or dtypes that do not fit.

    >>> import lucid
    >>> image = lucid.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> grid = lucid.tensor([[[[0.0, 0.0], [1.0, 1.0]]]])
    >>> lucid.nn.functional.grid_sample(image, grid, align_corners=True)
    tensor([[[[2.5000, 4.0000]]]])
    """
    if mode not in MODES:
        raise ValueError(f"grid_sample: expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: {mode!r}")
    if padding_mode not in PADDINGS:
        raise ValueError(
            "grid_sample: expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            + repr(padding_mode)
        )
    if align_corners is None:
        _warn_default("grid_sample")
        align_corners = False
    return sampled("grid_sample", input, grid, mode, padding_mode, align_corners)


def _warn_default(name: str) -> None:
    warnings.warn(
        f"{name}: positions are taken with align_corners=False unless that argument is given; say which you mean",
        stacklevel=3,
    )


def sampled(name: str, input: Tensor, grid: Tensor, mode: str, padding: str, align: bool) -> Tensor:
    """What `grid_sample` returns, for the operation `name`."""
    _check_inputs(name, input, grid, mode)
    n = input._data.ndim - 2
    sizes = input._data.shape[:1:-1]  # of x, y and z
    outs = grid._data.shape[1:-1]
    volume = math.prod(sizes)

    def run(x: mx.array, g: mx.array) -> mx.array:
        batch, channels = x.shape[:2]
        if not batch or not channels or not math.prod(outs):
            return mx.zeros((batch, channels, *outs), x.dtype)
        wide = mx.float32 if x.dtype in _check.HALF else x.dtype
        g = g.astype(wide)
        rows = mx.moveaxis(x, 1, -1).reshape(-1, channels).astype(wide)
        rows = mx.concatenate([rows, mx.zeros((1, channels), wide)])  # the last row is what lies outside
        first = mx.arange(batch, dtype=mx.int32).reshape(-1, *[1] * n) * volume
        taps = [_taps(_place(g[..., k], s, align, n), s, mode, padding, align) for k, s in enumerate(sizes)]
        total: Any = None
        for corner in itertools.product(*taps):
            index, step = first, 1
            weight: Any = None
            inside: Any = None
            for (at, within, share), size in zip(corner, sizes, strict=True):
                index = index + at * step
                weight = share if weight is None else weight * share
                inside = within if inside is None else inside & within
                step *= size
            part = mx.take(rows, mx.where(inside, index, batch * volume), axis=0)
            part = part if weight is None else part * weight[..., None]
            total = part if total is None else total + part
        return mx.moveaxis(total, -1, 1).astype(x.dtype)

    run.__qualname__ = name
    return apply(run, input, grid)  # type: ignore[no-any-return]


def _place(g: mx.array, size: int, align: bool, n: int) -> mx.array:
    """Where a position lies, counted in elements. The order of operations is PyTorch's: rounding decides ties."""
    if n == 2:
        return (g + 1) * ((size - 1) / 2) if align else (g + 1) * (size / 2) - 0.5
    return (g + 1) / 2 * (size - 1) if align else ((g + 1) * size - 1) / 2


_Tap = tuple[mx.array, mx.array, Any]


def _taps(where: mx.array, size: int, mode: str, padding: str, align: bool) -> list[_Tap]:
    """The elements of one dimension that a place is computed from: each an index, whether it is inside, its weight.

    The weight is None if there is one element only.
    """
    if mode == "bicubic":
        floor = mx.stop_gradient(mx.floor(where))
        d = where - floor
        weights = [_cubic.far(d + 1), _cubic.near(d), _cubic.near(1 - d), _cubic.far(2 - d)]
        places = [_padded(floor + k, size, padding, align) for k in range(-1, 3)]
        return [(*_index(p, size), w) for p, w in zip(places, weights, strict=True)]
    where = _padded(where, size, padding, align)
    if mode == "nearest":
        return [(*_index(mx.round(where), size), None)]
    floor = mx.stop_gradient(mx.floor(where))
    rest = where - floor
    return [(*_index(floor, size), 1 - rest), (*_index(floor + 1, size), rest)]


def _index(place: mx.array, size: int) -> tuple[mx.array, mx.array]:
    place = mx.stop_gradient(place)
    inside = (place >= 0) & (place < size)
    return mx.where(inside, place, 0).astype(mx.int32), inside


def _padded(where: mx.array, size: int, padding: str, align: bool) -> mx.array:
    """The place inside that stands for `where`, with a gradient of 0 where it is held at an end, as in PyTorch."""
    if padding == "zeros":
        return where
    value = mx.stop_gradient(where)
    slope: Any = 1
    if padding == "reflection":
        low, span = (0.0, size - 1) if align else (-0.5, size)
        if not span:
            return mx.zeros_like(where)
        away = value - low
        distance = mx.abs(away)
        turns = mx.floor(distance / span)
        rest = distance - turns * span
        even = turns % 2 == 0
        value = mx.where(even, rest, span - rest) + low
        slope = mx.where(even == (away >= 0), 1, -1).astype(where.dtype)
    value = mx.where(value > 0, value, 0)  # NaN becomes 0 too
    value = mx.minimum(value, size - 1)
    return value + mx.where((value > 0) & (value < size - 1), (where - mx.stop_gradient(where)) * slope, 0)


def _check_inputs(name: str, input: Any, grid: Any, mode: str) -> None:
    _check.floating(name, input)
    _check.tensor(name, "grid", grid)
    _check.same_dtype(name, input=input, grid=grid)
    x, g = input._data.shape, grid._data.shape
    if len(x) not in (4, 5) or len(g) != len(x):
        raise RuntimeError(
            f"{name}: expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
            f"{list(x)} and grid with sizes {list(g)}"
        )
    if g[0] != x[0]:
        raise RuntimeError(
            f"{name}: expected grid and input to have same batch size, but got input with sizes {list(x)} and grid "
            f"with sizes {list(g)}"
        )
    if g[-1] != len(x) - 2:
        raise RuntimeError(f"{name}: expected grid to have size {len(x) - 2} in last dimension, but got {list(g)}")
    if 0 in x[2:]:
        raise RuntimeError(f"{name}: expected input to have non-empty spatial dimensions, but got {list(x)}")
    if mode == "bicubic" and len(x) == 5:
        raise RuntimeError(f"{name}: bicubic interpolation only supports 4D input; use mode='bilinear'")


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The positions that an affine map takes those of an image of `size` to: a grid for `grid_sample`.

    Args:
        theta: the maps, shape (N, 2, 3) or (N, 3, 4).
        size: of the output image: (N, C, H, W) or (N, C, D, H, W).
        align_corners: as in `grid_sample`.

    Returns shape (N, H, W, 2) or (N, D, H, W, 3). Raises ValueError or NotImplementedError for shapes that do not fit.
    """
    _check.tensor("affine_grid", "theta", theta)
    if align_corners is None:
        _warn_default("affine_grid")
        align_corners = False
    dtype = OF_MX[theta._data.dtype]
    if not dtype.is_floating_point:
        raise ValueError(f"affine_grid: Expected theta to have floating point type, but got {dtype!r}")
    n = len(size) - 2
    if n not in (2, 3):
        raise NotImplementedError(
            f"affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {size}"
        )
    shape = tuple(theta._data.shape)
    if len(shape) != 3 or shape[1:] != (n, n + 1):
        raise ValueError(
            f"affine_grid: Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {tuple(size)}. "
            f"Got {shape}."
        )
    if align_corners and min(size[2:]) == 1:
        warnings.warn(
            f"affine_grid: with align_corners=True, a dimension of size 1 has its one position at 0, got size "
            f"{tuple(size)}",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"affine_grid: Expected non-zero, positive output size. Got {tuple(size)}")
    return generated("affine_grid", theta, size, align_corners)


def generated(name: str, theta: Tensor, size: Sequence[int], align: bool) -> Tensor:
    """What `affine_grid` returns, for the operation `name`."""
    batch, outs = size[0], tuple(size[2:])
    n = len(outs)
    if tuple(theta._data.shape) != (batch, n, n + 1):
        raise RuntimeError(
            f"{name}: expected theta of shape {(batch, n, n + 1)} for the size {tuple(size)}, got {theta.shape}"
        )
    base = np.ones((*outs, n + 1))
    for k in range(n):
        s = outs[n - 1 - k]
        ends = np.linspace(-1, 1, s) if s > 1 else np.zeros(s)
        ends = ends if align else ends * ((s - 1) / max(s, 1))
        base[..., k] = ends.reshape(-1, *[1] * k)

    def run(t: mx.array) -> mx.array:
        wide = mx.float32 if t.dtype in _check.HALF else t.dtype
        points = mx.array(base.reshape(-1, n + 1), wide)
        grid = mx.matmul(points, t.astype(wide).swapaxes(1, 2)) if points.size and t.size else mx.zeros(0)
        return grid.reshape(batch, *outs, n).astype(t.dtype)

    run.__qualname__ = name
    return apply(run, theta)  # type: ignore[no-any-return]
