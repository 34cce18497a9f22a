"""Window functions: the weights of a signal's samples before it is transformed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import dtypes
from lucid.creation._place import finish, options, running_on

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window"]

Weights = np.ndarray[Any, np.dtype[np.float64]]
BLACKMAN = (0.42, 0.5, 0.08)

# ---- formulas: `length` numbers of which `period` steps make one turn; in float64, rounded once at the end -----------


def cosines(length: int, period: int, coefficients: Sequence[float]) -> Weights:
    """The sum of cosines of one turn, two turns and so on, with alternating signs."""
    turn = 2 * np.pi / max(period, 1) * np.arange(length)
    terms = [(-1) ** k * float(c) * np.cos(k * turn) for k, c in enumerate(coefficients)]
    weights: Weights = np.sum(terms, axis=0)
    return weights


def triangle(length: int, period: int) -> Weights:
    """From 0 up to 1 and down again."""
    return 1 - np.abs(2 * np.arange(length) / max(period, 1) - 1)


def kaiser(length: int, period: int, beta: float) -> Weights:
    """The modified Bessel function of order 0, of `beta` times a half circle, relative to its top."""
    across = 2 * np.arange(length) / max(period, 1) - 1
    weights: Weights = np.i0(beta * np.sqrt(np.maximum(1 - across**2, 0))) / np.i0(np.float64(beta))
    return weights


def make(weights: Weights, to: dtypes.dtype, device: Any, requires_grad: bool, centred: bool = True) -> Tensor:
    """The tensor of `weights`. A window of one sample, `centred` on it, is 1 whatever its formula says."""
    if centred and len(weights) == 1:
        weights = np.ones(1)
    with running_on(device, to.mx):
        data = mx.array(weights, mx.float64) if to is dtypes.float64 else mx.array(weights, mx.float32).astype(to.mx)
    return finish(data, device, requires_grad)


# ---- torch's functions -----------------------------------------------------------------------------------------------


def _window(
    operation: str, window_length: Any, periodic: Any, dtype: Any, layout: Any
) -> tuple[int, int, dtypes.dtype]:
    """The length, the period and the dtype asked for."""
    if not hasattr(window_length, "__index__") or isinstance(window_length, bool):
        raise TypeError(f"{operation}(): argument 'window_length' must be int, not {type(window_length).__name__}")
    if not isinstance(periodic, bool):
        raise TypeError(f"{operation}(): argument 'periodic' must be bool, not {type(periodic).__name__}")
    options(operation, layout)
    length = int(window_length.__index__())
    to = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, operation)
    if to.is_complex:
        raise NotImplementedError(f"{operation}: not implemented for {to!r}; use a floating dtype and .to()")
    if not to.is_floating_point:
        raise RuntimeError(f"{operation} expects floating point dtypes, got: {to!r}")
    if length < 0:
        raise RuntimeError(f"{operation} requires non-negative window_length, got window_length={length}")
    return length, length if periodic else length - 1, to


def hann_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A raised cosine, 0 at the edges.

    A `periodic` window is one period of a longer one, for spectra; otherwise it is symmetric, for filters.

    >>> import lucid
    >>> lucid.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    length, period, to = _window("hann_window", window_length, periodic, dtype, layout)
    return make(cosines(length, period, (0.5, 0.5)), to, device, requires_grad)


def hamming_window(
    window_length: int,
    periodic: bool = True,
    alpha: float = 0.54,
    beta: float = 0.46,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """`alpha - beta * cos(...)` over one turn. See `hann_window`."""
    length, period, to = _window("hamming_window", window_length, periodic, dtype, layout)
    return make(cosines(length, period, (alpha, beta)), to, device, requires_grad)


def blackman_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Blackman's window of two cosines. See `hann_window`."""
    length, period, to = _window("blackman_window", window_length, periodic, dtype, layout)
    return make(cosines(length, period, BLACKMAN), to, device, requires_grad)


def bartlett_window(
    window_length: int,
    periodic: bool = True,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A triangle, 0 at the edges. See `hann_window`."""
    length, period, to = _window("bartlett_window", window_length, periodic, dtype, layout)
    return make(triangle(length, period), to, device, requires_grad)


def kaiser_window(
    window_length: int,
    periodic: bool = True,
    beta: float = 12.0,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Kaiser's window: the larger `beta`, the wider its main lobe and the lower the others. See `hann_window`."""
    length, period, to = _window("kaiser_window", window_length, periodic, dtype, layout)
    return make(kaiser(length, period, float(beta)), to, device, requires_grad)
