"""How masked operations leave elements out: they put in their place what changes nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid._tape import TensorCore, apply
from lucid.dtypes import INEXACT, OF_MX, as_dtype, dtype
from lucid.ops._dims import wrap_dim, wrap_dims
from lucid.ops._promotion import number, require_tensor
from lucid.ops._select import keep

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Dims = int | tuple[int, ...] | list[int] | None


def axes_of(operation: str, input: Tensor, dim: Dims) -> tuple[int, ...]:
    """`dim` counted from 0, all dimensions for None and for an empty tuple; of a 0-dim tensor there are none."""
    ndim = require_tensor(operation, input)._data.ndim
    axes = wrap_dims(dim, ndim, operation)
    return axes if ndim else ()


def axis_of(operation: str, input: Tensor, dim: int) -> int:
    """The one dimension `dim`, counted from 0."""
    return wrap_dim(dim, require_tensor(operation, input)._data.ndim, operation)


def dtype_of(operation: str, input: Tensor, given: Any) -> dtype:
    """The dtype asked for, or that of `input`."""
    return OF_MX[input._data.dtype] if given is None else as_dtype(given, operation)


def lowest(operation: str, input: Tensor, sign: int = 1) -> float:
    """What is never the largest element (with `sign` -1: the smallest). Raises where there is no such thing."""
    d = OF_MX[input._data.dtype]
    if d.rank == 0:
        raise NotImplementedError(f"{operation}: there is no identity of bool input; convert with .int()")
    if d.is_complex:
        raise TypeError(f"{operation}: complex numbers have no order, got {d!r}; use .abs(), .real or .imag")
    if d.is_floating_point:
        return -sign * math.inf
    limits = np.iinfo(d.numpy)
    return int(limits.min if sign > 0 else limits.max)


def flags(operation: str, input: Tensor, mask: Any, name: str = "mask") -> Tensor:
    """`mask` as bools of the shape of `input`. Raises unless it broadcasts to that."""
    if not isinstance(mask, TensorCore):
        raise TypeError(f"{operation}(): argument '{name}' must be Tensor, not {type(mask).__name__}")
    have, want = mask._data.shape, input._data.shape
    if len(have) > len(want):
        raise IndexError(
            f"{operation}: expected a mask that broadcasts to {tuple(want)}, got one of more dimensions: {tuple(have)}"
        )
    padded = (1,) * (len(want) - len(have)) + tuple(have)
    if any(n not in (1, m) for n, m in zip(padded, want, strict=True)):
        raise RuntimeError(f"{operation}: expected a mask that broadcasts to {tuple(want)}, got {tuple(have)}")
    return apply(lambda m: mx.broadcast_to(m != 0, want), mask)  # type: ignore[no-any-return]


def filled(operation: str, input: Tensor, mask: Tensor | None, identity: Any) -> Tensor:
    """`input` with `identity` where `mask` is False."""
    if mask is None:
        return input
    kept = flags(operation, input, mask)
    other = number(identity, input._data.dtype)
    if input._data.dtype not in INEXACT:
        return apply(lambda a, m: mx.where(m, a, other), input, kept)  # type: ignore[no-any-return]
    return apply(lambda a, m: mx.where(m, keep(a, m), other), input, kept)  # type: ignore[no-any-return]


def need_floating(operation: str, input: Tensor, dtype: dtype) -> None:
    """Raise NotImplementedError for what has no exponentials."""
    if dtype.mx not in INEXACT:
        raise NotImplementedError(
            f"{operation}: expected floating point numbers, got {input.dtype!r}; pass dtype=lucid.float32"
        )
