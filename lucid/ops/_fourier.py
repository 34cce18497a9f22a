"""Discrete Fourier transforms of arrays: MLX's in complex64, and our own where the result is float64.

MLX 0.32 has no complex128. A transform that ends in real numbers can still be had in float64, because the complex
numbers in between are only steps on the way: `transform64` takes and gives them as a pair of float64 arrays.
"""

from __future__ import annotations

import functools
import math

import mlx.core as mx
import numpy as np

Pair = tuple[mx.array, mx.array]  # real and imaginary parts

_DIRECT = 64  # up to this size one product with the matrix of the transform is as fast as splitting it up
_CHIRP = 512  # from this prime factor on it is a convolution with a chirp instead


def conjugate(a: mx.array) -> mx.array:
    """The complex conjugate; real numbers as they are."""
    return mx.conjugate(a) if a.dtype == mx.complex64 else a


def scale(count: int, norm: str, inverse: bool) -> float:
    """The factor that `norm` asks for in a transform of `count` numbers."""
    if norm == "ortho":
        return 1 / math.sqrt(count)
    return 1 / count if (norm == "forward") != inverse else 1.0


def fit(a: mx.array, axis: int, size: int) -> mx.array:
    """`a` cut, or filled up with zeros, to `size` along `axis`."""
    have = a.shape[axis]
    if have > size:
        return a[(slice(None),) * axis + (slice(0, size),)]
    if have < size:
        return mx.pad(a, [(0, size - have if k == axis else 0) for k in range(a.ndim)])
    return a


def to_real64(a: mx.array, axes: tuple[int, ...], sizes: tuple[int, ...], norm: str) -> mx.array:
    """`mx.fft.irfftn` of the float64 array `a`, in float64. `sizes` are those of the result."""
    count = math.prod(sizes)
    last, n = axes[-1], sizes[-1]
    for axis, size in zip(axes[:-1], sizes[:-1], strict=True):
        a = fit(a, axis, size)
    half = mx.moveaxis(fit(a, last, n // 2 + 1), last, -1)
    re, im = half, mx.zeros_like(half)
    for axis in axes[:-1]:
        moved = axis - (axis > last)
        re, im = (
            mx.moveaxis(x, -1, moved) for x in transform64(mx.moveaxis(re, moved, -1), mx.moveaxis(im, moved, -1))
        )
    # The other half of a spectrum of real numbers is its mirror image; what has none there, and so no imaginary part,
    # is the mean and, for even sizes, the highest frequency.
    mirror = mx.array(np.arange((n - 1) // 2, 0, -1, dtype=np.int32))
    inner = np.zeros(n // 2 + 1)
    inner[1 : (n + 1) // 2] = 1
    im = im * mx.array(inner, mx.float64)
    if mirror.size:
        re = mx.concatenate([re, mx.take(re, mirror, -1)], axis=-1)
        im = mx.concatenate([im, -mx.take(im, mirror, -1)], axis=-1)
    out = transform64(re, im)[0] * mx.array(scale(count, norm, True), mx.float64)
    return mx.moveaxis(out, -1, last)


def transform64(re: mx.array, im: mx.array, inverse: bool = True) -> Pair:
    """The transform of float64 numbers along the last axis, unscaled."""
    n = re.shape[-1]
    factor = _factor(n)
    if factor == n:
        return _by_chirp(re, im, inverse) if n > _CHIRP else _times(re, im, _roots(n, n, n, inverse))
    # Cooley and Tukey: rows[j1, j2] = x[n2 * j1 + j2] gives X[k1 + n1 * k2].
    n2 = n // factor
    re, im = (mx.swapaxes(mx.unflatten(x, -1, (factor, n2)), -1, -2) for x in (re, im))
    re, im = transform64(re, im, inverse)
    twiddle_re, twiddle_im = _roots(n, n2, factor, inverse)
    re, im = re * twiddle_re - im * twiddle_im, re * twiddle_im + im * twiddle_re
    re, im = transform64(mx.swapaxes(re, -1, -2), mx.swapaxes(im, -1, -2), inverse)
    return mx.flatten(mx.swapaxes(re, -1, -2), -2), mx.flatten(mx.swapaxes(im, -1, -2), -2)


@functools.lru_cache(maxsize=1024)
def _factor(n: int) -> int:
    """`n` if it is transformed at once, otherwise the divisor to split it by."""
    if n <= _DIRECT:
        return n
    small = next((k for k in range(_DIRECT, 1, -1) if n % k == 0), 1)
    if small > 1:
        return small
    return next((k for k in range(_DIRECT + 1, math.isqrt(n) + 1) if n % k == 0), n)


def _roots(n: int, rows: int, columns: int, inverse: bool) -> Pair:
    """exp(-2 pi i j k / n), or its conjugate, for j below `rows` and k below `columns`."""
    steps = np.outer(np.arange(rows, dtype=np.int64), np.arange(columns, dtype=np.int64)) % n
    angle = (2 if inverse else -2) * np.pi / n * steps
    return mx.array(np.cos(angle), mx.float64), mx.array(np.sin(angle), mx.float64)


def _times(re: mx.array, im: mx.array, matrix: Pair) -> Pair:
    c, s = matrix
    return mx.matmul(re, c) - mx.matmul(im, s), mx.matmul(re, s) + mx.matmul(im, c)


def _by_chirp(re: mx.array, im: mx.array, inverse: bool) -> Pair:
    """Bluestein: j k = (j**2 + k**2 - (k - j)**2) / 2 turns a transform of prime size into a convolution."""
    n = re.shape[-1]
    size = 1 << (2 * n - 1).bit_length()
    squares = np.arange(n, dtype=np.int64) ** 2 % (2 * n)
    chirp = np.exp((1j if inverse else -1j) * np.pi / n * squares)
    c, s = mx.array(chirp.real, mx.float64), mx.array(chirp.imag, mx.float64)
    around = np.zeros(size, np.complex128)
    around[:n] = chirp.conj()
    around[size - n + 1 :] = chirp[:0:-1].conj()
    spectrum = np.fft.fft(around)
    p, q = mx.array(spectrum.real, mx.float64), mx.array(spectrum.imag, mx.float64)
    a, b = re * c - im * s, re * s + im * c
    a, b = transform64(fit(a, a.ndim - 1, size), fit(b, b.ndim - 1, size), False)
    a, b = transform64(a * p - b * q, a * q + b * p, True)
    a, b = a[..., :n] / size, b[..., :n] / size
    return a * c - b * s, a * s + b * c
