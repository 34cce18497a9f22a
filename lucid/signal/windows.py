"""Window functions: PyTorch's `torch.signal.windows`.

All take the number of samples `M` and by name: `sym`, False for a window that is one period of a longer one; `dtype`,
float32 or float64; `layout`, `device` and `requires_grad`. They raise ValueError for other dtypes and a negative `M`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from lucid import dtypes
from lucid.creation.windows import BLACKMAN, cosines, make, triangle
from lucid.creation.windows import kaiser as kaiser_weights

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = [
    "bartlett",
    "blackman",
    "cosine",
    "exponential",
    "gaussian",
    "general_cosine",
    "general_hamming",
    "hamming",
    "hann",
    "kaiser",
    "nuttall",
]

# Nuttall (1981), "Some windows with very good sidelobe behavior": four terms, a continuous first derivative.
_NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)


def _samples(operation: str, M: Any, sym: Any, dtype: Any, layout: Any) -> tuple[int, int, dtypes.dtype]:
    """The number of samples, the period and the dtype asked for."""
    if not hasattr(M, "__index__"):
        raise TypeError(f"{operation}(): argument 'M' must be int, not {type(M).__name__}")
    length = int(M.__index__())
    if length < 0:
        raise ValueError(f"{operation} requires non-negative window length, got M={length}")
    if layout is not None and not str(layout).endswith("strided"):
        raise ValueError(f"{operation} is implemented for strided tensors only, got: {layout}")
    to = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, operation)
    if to is not dtypes.float32 and to is not dtypes.float64:
        raise ValueError(f"{operation} expects float32 or float64 dtypes, got: {to!r}")
    return length, length - 1 if sym else length, to


def bartlett(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle, 0 at the edges."""
    length, period, to = _samples("bartlett", M, sym, dtype, layout)
    return make(triangle(length, period), to, device, requires_grad)


def blackman(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Blackman's window of two cosines."""
    length, period, to = _samples("blackman", M, sym, dtype, layout)
    return make(cosines(length, period, BLACKMAN), to, device, requires_grad)


def cosine(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Half a wave of the sine."""
    length, period, to = _samples("cosine", M, sym, dtype, layout)
    return make(np.sin(np.pi / max(period + 1, 1) * (np.arange(length) + 0.5)), to, device, requires_grad)


def exponential(
    M: int,
    *,
    center: float | None = None,
    tau: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Falling by `1 / e` every `tau` samples from the `center`, the middle unless the window is not symmetric.

    Raises ValueError if `tau` is not positive, and for a `center` of a symmetric window.
    """
    length, period, to = _samples("exponential", M, sym, dtype, layout)
    if tau <= 0:
        raise ValueError(f"exponential: Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError(f"exponential: Center must be None for symmetric windows, got: {center}; pass sym=False")
    middle = period / 2 if center is None else center
    return make(np.exp(-np.abs(np.arange(length) - middle) / tau), to, device, requires_grad, center is None)


def gaussian(
    M: int,
    *,
    std: float = 1.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The bell curve of standard deviation `std`, in samples. Raises ValueError unless that is positive."""
    length, period, to = _samples("gaussian", M, sym, dtype, layout)
    if std <= 0:
        raise ValueError(f"gaussian: Standard deviation must be positive, got: {std} instead.")
    return make(np.exp(-(((np.arange(length) - period / 2) / std) ** 2) / 2), to, device, requires_grad)


def general_cosine(
    M: int,
    *,
    a: Iterable[float],
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The cosines of no turn, one turn and so on, weighted by `a` with alternating signs.

    Raises TypeError unless `a` is a list or tuple, and ValueError if it is empty.

    >>> from lucid.signal import windows
    >>> windows.general_cosine(5, a=[0.5, 0.5])
    tensor([0.0000, 0.5000, 1.0000, 0.5000, 0.0000])
    """
    length, period, to = _samples("general_cosine", M, sym, dtype, layout)
    if not isinstance(a, Iterable):
        raise TypeError(f"general_cosine: Coefficients must be a list/tuple, got {type(a).__name__}")
    coefficients = tuple(a)
    if not coefficients:
        raise ValueError("general_cosine: Coefficients cannot be empty")
    return make(cosines(length, period, coefficients), to, device, requires_grad)


def general_hamming(
    M: int,
    *,
    alpha: float = 0.54,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """`alpha - (1 - alpha) * cos(...)` over one turn."""
    length, period, to = _samples("general_hamming", M, sym, dtype, layout)
    return make(cosines(length, period, (alpha, 1 - alpha)), to, device, requires_grad)


def hamming(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A raised cosine that ends above 0, which makes its first side lobe small."""
    length, period, to = _samples("hamming", M, sym, dtype, layout)
    return make(cosines(length, period, (0.54, 0.46)), to, device, requires_grad)


def hann(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """A raised cosine, 0 at the edges."""
    length, period, to = _samples("hann", M, sym, dtype, layout)
    return make(cosines(length, period, (0.5, 0.5)), to, device, requires_grad)


def kaiser(
    M: int,
    *,
    beta: float = 12.0,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser's window: the larger `beta`, the wider its main lobe and the lower the others."""
    length, period, to = _samples("kaiser", M, sym, dtype, layout)
    if beta < 0:
        raise ValueError(f"kaiser: beta must be non-negative, got: {beta} instead.")
    return make(kaiser_weights(length, period, beta), to, device, requires_grad)


def nuttall(
    M: int,
    *,
    sym: bool = True,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Nuttall's window of three cosines."""
    length, period, to = _samples("nuttall", M, sym, dtype, layout)
    return make(cosines(length, period, _NUTTALL), to, device, requires_grad)
