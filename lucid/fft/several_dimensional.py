"""Transforms over several dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lucid.fft._transform import Kind, along_many
from lucid.ops._arguments import numpy_names

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "fft2",
    "fftn",
    "hfft2",
    "hfftn",
    "ifft2",
    "ifftn",
    "ihfft2",
    "ihfftn",
    "irfft2",
    "irfftn",
    "rfft2",
    "rfftn",
]

Integers = int | Sequence[int]

_FFT2 = Kind("fft2", "fftn")
_FFTN = Kind("fftn", "fftn")
_IFFT2 = Kind("ifft2", "ifftn", inverse=True)
_IFFTN = Kind("ifftn", "ifftn", inverse=True)
_RFFT2 = Kind("rfft2", "rfftn", from_real=True)
_RFFTN = Kind("rfftn", "rfftn", from_real=True)
_IRFFT2 = Kind("irfft2", "irfftn", inverse=True, to_real=True)
_IRFFTN = Kind("irfftn", "irfftn", inverse=True, to_real=True)
_HFFT2 = Kind("hfft2", "hfftn", to_real=True)
_HFFTN = Kind("hfftn", "hfftn", to_real=True)
_IHFFT2 = Kind("ihfft2", "ihfftn", inverse=True, from_real=True)
_IHFFTN = Kind("ihfftn", "ihfftn", inverse=True, from_real=True)


@numpy_names
def fft2(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`fftn` over two dimensions, by default the last two."""
    if dim is None:
        raise TypeError("fft2(): argument 'dim' must be tuple of ints, not NoneType")
    return along_many(_FFT2, input, s, dim, norm, out)


@numpy_names
def fftn(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The discrete Fourier transform over the dimensions `dim`.

    Args:
        input: any shape.
        s: to how many numbers each of the dimensions is cut, or filled up with zeros; -1 leaves one as it is.
        dim: by default the last `len(s)` dimensions, or all of them.
        norm: "backward" (None) does not scale, "forward" divides by the number of points, "ortho" by its root.
        out: where the result goes, complex.

    Raises as `fft` does, and RuntimeError if a dimension comes twice or `s` and `dim` differ in length.

    >>> import lucid
    >>> lucid.fft.fftn(lucid.ones(2, 2))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return along_many(_FFTN, input, s, dim, norm, out)


@numpy_names
def ifft2(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`ifftn` over two dimensions, by default the last two."""
    if dim is None:
        raise TypeError("ifft2(): argument 'dim' must be tuple of ints, not NoneType")
    return along_many(_IFFT2, input, s, dim, norm, out)


@numpy_names
def ifftn(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of `fftn`."""
    return along_many(_IFFTN, input, s, dim, norm, out)


@numpy_names
def rfft2(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`rfftn` over two dimensions, by default the last two."""
    if dim is None:
        raise TypeError("rfft2(): argument 'dim' must be tuple of ints, not NoneType")
    return along_many(_RFFT2, input, s, dim, norm, out)


@numpy_names
def rfftn(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The transform of real numbers over the dimensions `dim`: of the last one only the first half is given.

    That are `n // 2 + 1` elements. See `fftn`. Raises RuntimeError for complex input, and for no dimension.
    """
    return along_many(_RFFTN, input, s, dim, norm, out)


@numpy_names
def irfft2(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`irfftn` over two dimensions, by default the last two."""
    if dim is None:
        raise TypeError("irfft2(): argument 'dim' must be tuple of ints, not NoneType")
    return along_many(_IRFFT2, input, s, dim, norm, out)


@numpy_names
def irfftn(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of `rfftn`: real numbers from half of their spectrum.

    The last size is by default the even `2 * (input.shape[dim[-1]] - 1)`: name it in `s` if it was odd.
    """
    return along_many(_IRFFTN, input, s, dim, norm, out)


@numpy_names
def hfft2(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`hfftn` over two dimensions, by default the last two."""
    if dim is None:
        raise TypeError("hfft2(): argument 'dim' must be tuple of ints, not NoneType")
    return along_many(_HFFT2, input, s, dim, norm, out)


@numpy_names
def hfftn(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The transform of a signal of which only the first half along the last of `dim` is given: real numbers.

    The last size is by default the even `2 * (input.shape[dim[-1]] - 1)`. See `fftn`.
    """
    return along_many(_HFFTN, input, s, dim, norm, out)


@numpy_names
def ihfft2(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers = (-2, -1),
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """`ihfftn` over two dimensions, by default the last two."""
    if dim is None:
        raise TypeError("ihfft2(): argument 'dim' must be tuple of ints, not NoneType")
    return along_many(_IHFFT2, input, s, dim, norm, out)


@numpy_names
def ihfftn(
    input: Tensor,
    s: Integers | None = None,
    dim: Integers | None = None,
    norm: str | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The inverse of `hfftn`: the first half, along the last of `dim`, of the inverse transform of real numbers."""
    return along_many(_IHFFTN, input, s, dim, norm, out)
