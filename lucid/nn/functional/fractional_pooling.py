"""Max pooling with windows at random places (Graham 2014): the number of windows is given, not the step."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid._generator import draw_uniform, fresh_key
from lucid._tape import apply, wrap
from lucid.nn.functional import _check

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]

_Size = int | Sequence[int]
_Ratio = float | Sequence[float]


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: _Size,
    output_size: _Size | None = None,
    output_ratio: _Ratio | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The largest element of each of a given number of windows, which lie at random places.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        kernel_size: size of a window, one int or one for each spatial dimension.
        output_size: how many windows, likewise.
        output_ratio: or their number as a part of the input's size, between 0 and 1.
        return_indices: return the positions of the largest elements too, in the flattened spatial dimensions.
        _random_samples: numbers from [0, 1) that decide where the windows lie, shape (N, C, 2); drawn if None.

    Raises ValueError or RuntimeError for sizes that do not fit.
    """
    found = _pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: _Size,
    output_size: _Size | None = None,
    output_ratio: _Ratio | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool2d` with `return_indices`, whatever that argument says."""
    return _pooled(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: _Size,
    output_size: _Size | None = None,
    output_ratio: _Ratio | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """The same for an input of shape (N, C, D, H, W) or (C, D, H, W). Arguments as in `fractional_max_pool2d`."""
    found = _pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return found if return_indices else found[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: _Size,
    output_size: _Size | None = None,
    output_ratio: _Ratio | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool3d` with `return_indices`, whatever that argument says."""
    return _pooled(3, input, kernel_size, output_size, output_ratio, _random_samples)


def _pooled(n: int, input: Any, kernel: Any, output_size: Any, ratio: Any, samples: Any) -> tuple[Tensor, Tensor]:
    name = f"fractional_max_pool{n}d"
    x = _check.tensor(name, "input", input)
    shape = x._data.shape
    if output_size is None:
        if ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        parts = tuple(ratio) if isinstance(ratio, (tuple, list)) else (ratio,) * n
        if len(parts) != n:
            raise ValueError(f"{name}: expected output_ratio to be one number or {n}, but got {ratio}")
        _check.spatial(name, shape, n)
        output_size = [int(s * r) for s, r in zip(shape[-n:], parts, strict=True)]
    batched = _check.spatial(name, shape, n)
    kernel = _check.sizes(name, "kernel_size", kernel, n, exact=True)
    outs = _check.sizes(name, "output_size", output_size, n, exact=True)
    _check.floating(name, x)
    if 0 in shape[batched:]:
        raise RuntimeError(f"{name}: expected input with non-zero sizes beside the batch, got {tuple(shape)}")
    for s, k, o in zip(shape[-n:], kernel, outs, strict=True):
        if k <= 0 or o < 0 or o + k - 1 > s - (n == 3):  # PyTorch wants one element more in 3D
            raise RuntimeError(f"{name}: {outs} windows of size {kernel} do not fit into an input of size {shape[-n:]}")
    batch, channels = shape[0] if batched else 1, shape[-n - 1]
    if samples is None:
        samples = wrap(draw_uniform((batch, channels, n), mx.float32, fresh_key()).astype(x._data.dtype))
    _check_samples(name, n, x, samples, batch, channels)
    sizes = shape[-n:]

    def run(x: mx.array, u: mx.array) -> list[mx.array]:
        if not x.size or not all(outs):
            return [mx.zeros((*shape[:-n], *outs), x.dtype), mx.zeros((*shape[:-n], *outs), mx.int64)]
        flat, u = x.reshape(batch, channels, -1), u[:batch]
        index: Any = 0
        for axis in range(n):
            # PyTorch's samples are in the order D, H, W for three dimensions, but W, H for two.
            first = _first(u[..., axis if n == 3 else 1 - axis], sizes[axis], outs[axis], kernel[axis])
            index = index * sizes[axis] + first.reshape(*first.shape[:2], *[1] * axis, -1, *[1] * (n - 1 - axis))
        index = index.reshape(batch, channels, -1)
        offsets = [np.ravel_multi_index(at, sizes) for at in itertools.product(*[range(k) for k in kernel])]
        values = mx.stop_gradient(flat)
        best, where = mx.take_along_axis(values, index, axis=2), index
        for offset in offsets[1:]:
            value = mx.take_along_axis(values, index + int(offset), axis=2)
            better = (value > best) | mx.isnan(value)
            best, where = mx.where(better, value, best), mx.where(better, index + int(offset), where)
        result = [mx.take_along_axis(flat, where, axis=2), where.astype(mx.int64)]
        return [v.reshape(*shape[:-n], *outs) for v in result]

    run.__qualname__ = name
    return apply(run, x, samples)  # type: ignore[no-any-return]


def _first(u: mx.array, size: int, out: int, kernel: int) -> mx.array:
    """Where the windows begin along one dimension, for each number of `u`, shape (N, C): shape (N, C, out)."""
    u = mx.stop_gradient(u)[..., None]
    last = mx.full((*u.shape[:-1], 1), size - kernel, mx.int32)
    if out == 1:
        return last
    step = mx.array(size - kernel, u.dtype) / mx.array(out - 1, u.dtype)  # rounded in the input's dtype, as in PyTorch
    places = mx.floor((mx.arange(out - 1).astype(u.dtype) + u) * step) - mx.floor(u * step)
    return mx.concatenate([mx.clip(places.astype(mx.int32), 0, size - kernel), last], axis=-1)


def _check_samples(name: str, n: int, input: Tensor, samples: Any, batch: int, channels: int) -> None:
    _check.tensor(name, "_random_samples", samples)
    _check.same_dtype(name, input=input, _random_samples=samples)
    shape = tuple(samples._data.shape)
    if len(shape) != 3 or shape[0] < batch or shape[1:] != (channels, n):
        raise RuntimeError(
            f"{name}: expected _random_samples of shape {(batch, channels, n)}, or with more in the first dimension, "
            f"got {shape}"
        )
