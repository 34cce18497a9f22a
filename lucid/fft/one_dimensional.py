"""Transforms along one dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lucid.fft._transform import Kind, along_one
from lucid.ops._arguments import numpy_names

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["fft", "hfft", "ifft", "ihfft", "irfft", "rfft"]

_FFT = Kind("fft", "fft")
_IFFT = Kind("ifft", "ifft", inverse=True)
_RFFT = Kind("rfft", "rfft", from_real=True)
_IRFFT = Kind("irfft", "irfft", inverse=True, to_real=True)
_HFFT = Kind("hfft", "hfft", to_real=True)
_IHFFT = Kind("ihfft", "ihfft", inverse=True, from_real=True)


@numpy_names
def fft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The discrete Fourier transform along `dim`, in complex64.

    The input is cut, or filled up with zeros, to `n` numbers. `norm` scales the result: "backward" (None) not at all,
    "forward" by `1 / n`, "ortho" by `1 / sqrt(n)`.

    Raises RuntimeError for fewer than one number and for half precision, and TypeError for float64, whose transform
    would be complex128, which MLX does not have.

    >>> import lucid
    >>> lucid.fft.fft(lucid.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    return along_one(_FFT, input, n, dim, norm, out)


@numpy_names
def ifft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `fft`: `norm` None or "backward" scales by `1 / n`, "forward" not at all."""
    return along_one(_IFFT, input, n, dim, norm, out)


@numpy_names
def rfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The first half of the transform of real numbers, `n // 2 + 1` of them: the other half are their conjugates.

    See `fft`. Raises RuntimeError for complex input.

    >>> import lucid
    >>> lucid.fft.rfft(lucid.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """
    return along_one(_RFFT, input, n, dim, norm, out)


@numpy_names
def irfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `rfft`: `n` real numbers from the first half of their spectrum.

    `n` is by default the even size `2 * (input.shape[dim] - 1)`: name it if it was odd. Imaginary parts of the mean
    and of the highest frequency of an even size are taken for 0. A real float64 input gives float64.

    >>> import lucid
    >>> lucid.fft.irfft(lucid.fft.rfft(lucid.tensor([1.0, 2.0, 3.0])), n=3)
    tensor([1., 2., 3.])
    """
    return along_one(_IRFFT, input, n, dim, norm, out)


@numpy_names
def hfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The transform of a signal given by its first half, whose other half are the conjugates: `n` real numbers.

    `n` is by default the even size `2 * (input.shape[dim] - 1)`. See `fft` for `norm`.
    """
    return along_one(_HFFT, input, n, dim, norm, out)


@numpy_names
def ihfft(
    input: Tensor, n: int | None = None, dim: int = -1, norm: str | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The inverse of `hfft`: the first half, `n // 2 + 1` numbers, of the inverse transform of real numbers."""
    return along_one(_IHFFT, input, n, dim, norm, out)
