"""Pooling: PyTorch's layout (N, C, *) outside, channels last inside, between two free transposes.

A window is folded one axis at a time, by taking the strided slices that hold its first, second, ... elements.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import ops
from lucid._channels import Last
from lucid._tape import apply
from lucid._views import channels_last
from lucid.dtypes import FLOATING, OF_MX, get_default_dtype
from lucid.nn.functional import _check

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
]

_Size = int | Sequence[int]


class Windows:
    """Where the windows of a pooling lie: how many along each axis, and what has to be padded for them."""

    def __init__(
        self, name: str, n: int, shape: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
    ) -> None:
        self.name, self.n = name, n
        self.batched = _check.spatial(name, shape, n)
        self.shape = shape[-n:]
        self.kernel = _check.sizes(name, "kernel_size", kernel, n)
        given = stride is not None and stride != () and stride != []
        self.stride = _check.sizes(name, "stride", stride, n) if given else self.kernel
        self.padding = _check.sizes(name, "padding", padding, n)
        self.dilation = _check.sizes(name, "dilation", dilation, n)
        self.outs: list[int] = []
        self.high: list[int] = []
        if 0 in shape[0 if not self.batched and not name.startswith("adaptive") else 1 :]:
            raise RuntimeError(f"{name}: Expected input with non-zero sizes beside the batch, got {tuple(shape)}")
        for s, k, t, p, d in zip(self.shape, self.kernel, self.stride, self.padding, self.dilation, strict=True):
            self._check_axis(k, t, p, d)
            reach = d * (k - 1) + 1
            free = s + 2 * p - reach
            out = (-(-free // t) if ceil_mode else free // t) + 1
            if ceil_mode and (out - 1) * t >= s + p:  # no window starts in the padding at the end
                out -= 1
            if out < 1:
                raise RuntimeError(
                    f"{name}: Given input size {tuple(shape)} and kernel_size {self.kernel}, the calculated output "
                    "size is too small"
                )
            self.outs.append(out)
            self.high.append((out - 1) * t + reach - s - p)

    def _check_axis(self, k: int, t: int, p: int, d: int) -> None:
        if k <= 0:
            raise RuntimeError(f"{self.name}: kernel size should be greater than zero, but got {self.kernel}")
        if t <= 0:
            raise RuntimeError(f"{self.name}: stride should be greater than zero, but got {self.stride}")
        if d <= 0:
            raise RuntimeError(f"{self.name}: dilation should be greater than zero, but got {self.dilation}")
        if p < 0:
            raise RuntimeError(f"{self.name}: pad must be non-negative, but got pad: {self.padding}")
        if p > k // 2:
            raise RuntimeError(
                f"{self.name}: pad should be at most half of the kernel size, but got pad={self.padding} and "
                f"kernel_size={self.kernel}"
            )

    def padded(self, x: mx.array, value: Any) -> mx.array:
        """`x`, channels last, with as much `value` around it as the windows need, without what they do not reach."""
        widths = [(0, 0), *[(p, max(h, 0)) for p, h in zip(self.padding, self.high, strict=True)], (0, 0)]
        if any(w != (0, 0) for w in widths):
            x = mx.pad(x, widths, constant_values=value)
        if min(self.high) < 0:
            x = x[
                (
                    slice(None),
                    *[slice(0, s + p + h) for s, p, h in zip(self.shape, self.padding, self.high, strict=True)],
                )
            ]
        return x

    def fold(self, x: mx.array, join: Callable[[mx.array, mx.array], mx.array]) -> mx.array:
        """`x`, padded, with the elements of each window joined: `join(later, earlier)`."""
        for axis in range(self.n, 0, -1):
            k, t, d, out = (v[axis - 1] for v in (self.kernel, self.stride, self.dilation, self.outs))
            if k == 1 and t == 1:
                continue
            if t == k and d == 1:
                rows = x.reshape(*x.shape[:axis], out, k, *x.shape[axis + 1 :])
                parts = [mx.squeeze(v, axis + 1) for v in mx.split(rows, k, axis=axis + 1)]
            else:
                before = (slice(None),) * axis
                parts = [x[(*before, slice(j * d, j * d + t * (out - 1) + 1, t))] for j in range(k)]
            x = parts[-1]
            for part in reversed(parts[:-1]):
                x = join(x, part)
        return x

    def counts(self, *, with_padding: bool) -> Any:
        """How many elements each window of an average has, shaped to divide a channels-last array by."""
        total: Any = np.ones((), np.float32)
        for s, k, t, p, out in zip(self.shape, self.kernel, self.stride, self.padding, self.outs, strict=True):
            first = np.arange(out) * t - p
            low, high = (-p, s + p) if with_padding else (0, s)
            sizes = np.minimum(first + k, high) - np.maximum(first, low)
            total = total[..., None] * sizes
        if total.min() == total.max():
            return float(total.flat[0])
        return mx.array(total[..., None].astype(np.float32))

    def run(self, fn: Callable[[mx.array], Any], input: Tensor) -> Any:
        """`fn` of the input, channels last and with a batch; its results, one or two, back in the input's layout."""
        pooled = Last(fn, outputs=2)
        pooled.__qualname__ = self.name
        if self.batched:
            return channels_last(pooled, input)

        def unbatched(x: mx.array) -> Any:
            results = pooled(x[None])
            return [y[0] for y in results] if isinstance(results, list) else results[0]

        unbatched.__qualname__ = self.name
        return apply(unbatched, input)


@functools.lru_cache(maxsize=512)
def _remembered(*arguments: Any) -> Windows:
    return Windows(*arguments)


def windows(name: str, n: int, input: Any, *arguments: Any) -> Windows:
    """The windows of a pooling of `input`: new ones, or those of an earlier call with the same sizes."""
    shape = _check.tensor(name, "input", input)._data.shape
    try:
        return _remembered(name, n, shape, *arguments)
    except TypeError:  # a list cannot be remembered; and what is wrong with the arguments is to be said properly
        return Windows(name, n, shape, *arguments)


def _lowest(dtype: mx.Dtype) -> Any:
    return -mx.inf if dtype in FLOATING else mx.iinfo(dtype).min


def max_of(windows: Windows, x: mx.array) -> mx.array:
    """The largest element of each window.

    MLX gives the gradient of a tie to its second operand: here, the first element.
    """
    return windows.fold(windows.padded(x, _lowest(x.dtype)), mx.maximum)


def _max_with_indices(windows: Windows, x: mx.array) -> list[mx.array]:
    """The largest elements, and their positions in the flattened spatial dimensions."""
    if not x.size:
        nothing = (x.shape[0], *windows.outs, x.shape[-1])
        return [mx.zeros(nothing, x.dtype), mx.zeros(nothing, mx.int64)]
    padded = windows.padded(x, _lowest(x.dtype))
    n, spatial = windows.n, windows.shape
    position = np.zeros((), np.int64)
    for axis in range(n):
        k, t, d, out = (v[axis] for v in (windows.kernel, windows.stride, windows.dilation, windows.outs))
        at = np.arange(out)[:, None] * t + np.arange(k)[None, :] * d
        padded = mx.take(padded, mx.array(at.astype(np.int32)), axis=1 + 2 * axis)  # (N, out, k, ..., C)
        inside = np.clip(at - windows.padding[axis], 0, spatial[axis] - 1).reshape(*[1] * (2 * axis), out, k)
        position = position[..., None, None] * spatial[axis] + inside
    order = [*range(0, 2 * n, 2), *range(1, 2 * n, 2)]
    volume = math.prod(windows.kernel)
    values = padded.transpose(0, *[a + 1 for a in order[:n]], 2 * n + 1, *[a + 1 for a in order[n:]])
    values = values.reshape(*values.shape[: n + 2], volume)
    best = mx.argmax(mx.stop_gradient(values), axis=-1, keepdims=True)
    where = mx.array(position.transpose(order).reshape(*windows.outs, 1, volume))
    found = mx.take_along_axis(mx.broadcast_to(where, values.shape), best, axis=-1)
    return [mx.squeeze(mx.take_along_axis(values, best, axis=-1), -1), mx.squeeze(found, -1)]


def _max_pool(
    n: int, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, indices: bool
) -> Any:
    name = f"max_pool{n}d"
    found = windows(name, n, input, kernel, stride, padding, dilation, ceil_mode)
    if input._data.dtype == mx.bool_ or not OF_MX[input._data.dtype].rank < 3:
        raise NotImplementedError(f'"{name}" not implemented for {input.dtype!r}')
    if indices:
        return found.run(lambda x: _max_with_indices(found, x), input)
    return found.run(lambda x: max_of(found, x), input)


def max_pool1d(
    input: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    dilation: _Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of `input`, (N, C, L) or (C, L). Arguments as in `max_pool2d`."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(
    input: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    dilation: _Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        kernel_size: size of a window, one int or one for each spatial dimension; as are the next three.
        stride: step from window to window; the kernel's size if None.
        padding: minus infinity around the input, at most half a window.
        dilation: distance between the elements of a window.
        ceil_mode: let windows reach over the end, rather than leave a rest out.
        return_indices: return the positions of the largest elements too, in the flattened spatial dimensions.

    Raises RuntimeError for sizes that do not fit.
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(
    input: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    dilation: _Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """The largest element of each window of `input`, (N, C, D, H, W) or (C, D, H, W). Arguments as in `max_pool2d`."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    dilation: _Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool1d` with `return_indices`, whatever that argument says."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, True)  # type: ignore[no-any-return]


def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    dilation: _Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool2d` with `return_indices`, whatever that argument says."""
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, True)  # type: ignore[no-any-return]


def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    dilation: _Size = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool3d` with `return_indices`, whatever that argument says."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, True)  # type: ignore[no-any-return]


def _check_rank(name: str, n: int, input: Any) -> None:
    if n == 2 and _check.tensor(name, "input", input).ndim < 3:
        raise IndexError(f"{name}: expected 3D (unbatched) or 4D (batched) input, but got {input.ndim}D input")


def _avg_pool(
    n: int, input: Any, kernel: Any, stride: Any, padding: Any, ceil_mode: bool, with_padding: bool, divisor: int | None
) -> Tensor:
    name = f"avg_pool{n}d"
    if divisor == 0:
        raise RuntimeError(f"{name}: divisor must be not zero")
    _check_rank(name, n, input)
    found = windows(name, n, input, kernel, stride, padding, 1, ceil_mode)
    if n == 3 and any(s < k for s, k in zip(found.shape, found.kernel, strict=True)):
        raise RuntimeError(f"{name}: input of size {found.shape} is smaller than the kernel, {found.kernel}")
    if input._data.dtype != mx.int64:
        _check.floating(name, input)
    shares = float(divisor) if divisor is not None else found.counts(with_padding=with_padding)

    def average(x: mx.array) -> mx.array:
        wide = x.astype(mx.float32) if x.dtype in _check.HALF else x
        total = found.fold(found.padded(wide, 0), mx.add)
        if x.dtype == mx.int64:
            by = shares if isinstance(shares, mx.array) else mx.array(shares)
            return mx.sign(total) * (mx.abs(total) // mx.abs(by).astype(mx.int64)) * mx.sign(by).astype(mx.int64)
        return (total / (shares if isinstance(shares, float) else shares.astype(total.dtype))).astype(x.dtype)

    result: Tensor = found.run(average, input)
    return result


def avg_pool1d(
    input: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of `input`, (N, C, L) or (C, L). Arguments as in `avg_pool2d`."""
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window.

    Args:
        input: shape (N, C, H, W) or (C, H, W).
        kernel_size: size of a window, one int or one for each spatial dimension; as are the next two.
        stride: step from window to window; the kernel's size if None.
        padding: zeros around the input, at most half a window.
        ceil_mode: let windows reach over the end, rather than leave a rest out.
        count_include_pad: count the padding as elements.
        divisor_override: what to divide the sums by, instead of the number of elements.

    Raises RuntimeError for sizes that do not fit.
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Tensor,
    kernel_size: _Size,
    stride: _Size | None = None,
    padding: _Size = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of `input`, (N, C, D, H, W) or (C, D, H, W). Arguments as in `avg_pool2d`."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp_pool(n: int, input: Any, norm_type: float, kernel: Any, stride: Any, ceil_mode: bool) -> Tensor:
    name = f"lp_pool{n}d"
    if norm_type == math.inf:
        return _max_pool(n, ops.abs(input), kernel, stride, 0, 1, ceil_mode, False)  # type: ignore[no-any-return]
    if n > 1 and isinstance(kernel, Sequence) and len(kernel) != n:
        raise ValueError(f"{name}: expected kernel_size to be a single int or {n} ints, but got {list(kernel)}")
    if isinstance(norm_type, float) and OF_MX[_check.tensor(name, "input", input)._data.dtype].rank < 2:
        input = input.to(get_default_dtype())  # what a power with a fraction gives
    _check_rank(name, n, input)
    found = windows(name, n, input, kernel, stride, 0, 1, ceil_mode)
    _check.floating(name, input)
    volume, shares = math.prod(found.kernel), found.counts(with_padding=True)

    def power_mean(x: mx.array) -> mx.array:
        wide = x.astype(mx.float32) if x.dtype in _check.HALF else x
        total = found.fold(found.padded(mx.power(wide, norm_type), 0), mx.add) / shares * volume
        zero = mx.stop_gradient(total) == 0  # where the slope of the root is infinite
        return mx.where(zero, 0, mx.power(mx.where(zero, 1, total), 1 / norm_type)).astype(x.dtype)

    result: Tensor = found.run(power_mean, input)
    return result


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: _Size, stride: _Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """The root of the summed powers of each window of `input`, (N, C, L) or (C, L)."""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: _Size, stride: _Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """The root of the summed powers of each window of `input`, (N, C, H, W) or (C, H, W)."""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor, norm_type: float, kernel_size: _Size, stride: _Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """The root of the summed powers of each window of `input`, (N, C, D, H, W) or (C, D, H, W)."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
