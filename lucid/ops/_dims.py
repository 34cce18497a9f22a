"""Dimension arguments: negative ones wrapped, bad ones refused as PyTorch does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def wrap_dim(dim: Any, ndim: int, operation: str = "dim") -> int:
    """`dim` counted from 0.

    A 0-dim tensor takes 0 and -1. Raises IndexError out of range and TypeError for a non-integer.
    """
    if not hasattr(dim, "__index__") or isinstance(dim, bool):
        raise TypeError(f"{operation}: expected an int for dim, got {type(dim).__name__}")
    dim = dim.__index__()
    low, high = -max(ndim, 1), max(ndim, 1) - 1
    if not low <= dim <= high:
        raise IndexError(
            f"{operation}: Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})"
        )
    return int(dim + high + 1 if dim < 0 else dim)


def wrap_dims(dim: int | Sequence[int] | None, ndim: int, operation: str = "dim") -> tuple[int, ...]:
    """`dim`, an int or a sequence of ints, counted from 0; None or an empty sequence is all dimensions.

    Raises RuntimeError if a dimension appears twice.
    """
    if dim is None or (isinstance(dim, Sequence) and not dim):
        return tuple(range(ndim))
    dims = tuple(wrap_dim(d, ndim, operation) for d in (dim if isinstance(dim, Sequence) else (dim,)))
    for k, d in enumerate(dims):
        if d in dims[:k]:
            raise RuntimeError(f"{operation}: dim {d} appears multiple times in the list of dims")
    return dims


def shape_of(args: tuple[Any, ...], operation: str) -> tuple[int, ...]:
    """The sizes in `args`, given as `f(2, 3)` or `f((2, 3))`. Raises TypeError unless they are integers."""
    sizes = args[0] if len(args) == 1 and isinstance(args[0], (tuple, list)) else args
    for size in sizes:
        if not hasattr(size, "__index__") or isinstance(size, bool):
            raise TypeError(f"{operation}: expected integers as sizes, got {type(size).__name__}")
    return tuple(int(size.__index__()) for size in sizes)
