"""The frequencies of a transform, and their order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import dtypes
from lucid._tape import TensorCore
from lucid.creation._place import check_shape, finish, options, running_on
from lucid.dtypes import OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops.repeating import roll

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def fftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies that belong to the `n` numbers of `fft`, in cycles per unit of `d`, the time between samples.

    First those from 0 up, then the negative ones. Raises RuntimeError for a dtype that is not floating.

    >>> import lucid
    >>> lucid.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    n = _count(n, "fftfreq")
    steps = np.concatenate([np.arange((n + 1) // 2), np.arange(-(n // 2), 0)])
    return _frequencies("fftfreq", steps, n, d, out, dtype, layout, device, requires_grad)


def rfftfreq(
    n: int,
    d: float = 1.0,
    *,
    out: Tensor | None = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """The frequencies that belong to the `n // 2 + 1` numbers of `rfft`. See `fftfreq`.

    >>> import lucid
    >>> lucid.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    n = _count(n, "rfftfreq")
    return _frequencies("rfftfreq", np.arange(n // 2 + 1), n, d, out, dtype, layout, device, requires_grad)


def _count(n: Any, operation: str) -> int:
    if not hasattr(n, "__index__") or isinstance(n, bool):
        raise TypeError(f"{operation}(): argument 'n' must be int, not {type(n).__name__}")
    return check_shape((int(n.__index__()),), operation)[0]


def _frequencies(
    operation: str,
    steps: np.ndarray[Any, Any],
    n: int,
    d: float,
    out: Tensor | None,
    dtype: Any,
    layout: Any,
    device: Any,
    requires_grad: bool,
) -> Tensor:
    options(operation, layout)
    to = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype, operation)
    if isinstance(out, TensorCore):
        have = OF_MX[out._data.dtype]
        if dtype is not None and have is not to:
            raise RuntimeError(f"{operation}: dtype {to!r} does not match dtype of out parameter ({have!r})")
        to = have
    if to.is_complex:
        raise NotImplementedError(f"{operation}: not implemented for {to!r}; use a floating dtype and .to()")
    if not to.is_floating_point:
        raise RuntimeError(f"{operation} requires a floating point or complex dtype, got {to!r}")
    with np.errstate(all="ignore"), running_on(device, to.mx):
        data = mx.array(steps * np.reciprocal(np.float64(n) * np.float64(d)), mx.float64).astype(to.mx)
    return give(finish(data, device, requires_grad), out, operation)


def _shift(operation: str, input: Tensor, dim: int | Sequence[int] | None, back: bool) -> Tensor:
    shape = input._data.shape
    axes = list(range(len(shape)) if dim is None else dim if isinstance(dim, Sequence) else [dim])
    if not axes:
        raise RuntimeError(f"{operation}: expected at least one dimension to shift, got an input of shape {shape}")
    if not shape:
        raise IndexError(f"{operation}: Dimension specified as {axes[0]} but tensor has no dimensions")
    sizes = [shape[wrap_dim(d, len(shape), operation)] for d in axes]
    return roll(input, [(n + 1) // 2 if back else n // 2 for n in sizes], axes)


@numpy_names
def fftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """What `fft` or `fftfreq` gave with the negative frequencies moved to the front, along `dim` (None: all).

    >>> import lucid
    >>> lucid.fft.fftshift(lucid.fft.fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    return _shift("fftshift", input, dim, back=False)


@numpy_names
def ifftshift(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """The inverse of `fftshift`: frequency 0 comes first again."""
    return _shift("ifftshift", input, dim, back=True)
