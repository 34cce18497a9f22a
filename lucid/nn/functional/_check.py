"""Checks of arguments, and sizes given as one number or one for each spatial dimension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import TensorCore
from lucid.dtypes import FLOATING, OF_MX

if TYPE_CHECKING:
    from lucid._tensor import Tensor

HALF = frozenset((mx.float16, mx.bfloat16))


def tensor(operation: str, name: str, value: Any) -> Tensor:
    """`value`, a Tensor. Raises TypeError for anything else."""
    if not isinstance(value, TensorCore):
        raise TypeError(f"{operation}(): argument '{name}' must be Tensor, not {type(value).__name__}")
    return value


def floating(operation: str, input: Any) -> Tensor:
    """`input`, a tensor of a floating dtype.

    Raises TypeError for what is no Tensor, NotImplementedError for other dtypes.
    """
    if not isinstance(input, TensorCore):
        raise TypeError(f"{operation}(): argument 'input' must be Tensor, not {type(input).__name__}")
    if input._data.dtype not in FLOATING:
        raise NotImplementedError(
            f'"{operation}" not implemented for {OF_MX[input._data.dtype]!r}: expected a floating dtype; convert '
            "the input with .float()"
        )
    return input


def same_dtype(operation: str, **tensors: Any) -> None:
    """Raise RuntimeError unless all of `tensors` that are not None have one dtype."""
    have = {name: OF_MX[t._data.dtype] for name, t in tensors.items() if t is not None}
    if len(set(have.values())) > 1:
        listed = ", ".join(f"{name} {d!r}" for name, d in have.items())
        raise RuntimeError(f"{operation}: expected all arguments to have the same dtype, but got {listed}")


def integer(operation: str, name: str, value: Any) -> int:
    """`value`, an int. Raises TypeError for anything else, bool included."""
    if not hasattr(value, "__index__") or isinstance(value, bool):
        raise TypeError(f"{operation}(): argument '{name}' must be int, not {type(value).__name__}")
    return int(value.__index__())


def sizes(operation: str, name: str, value: Any, n: int, *, exact: bool = False) -> tuple[int, ...]:
    """`value`, an int or a sequence of `n` ints (or of one, unless `exact`), as a tuple of `n`.

    Raises TypeError or RuntimeError for anything else.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        found = tuple(value)
        if len(found) == 1 and not exact:
            found *= n
    else:
        found = (value,) * n
    for v in found:
        if not hasattr(v, "__index__") or isinstance(v, bool):
            raise TypeError(f"{operation}(): argument '{name}' must be int or tuple of ints, not {type(v).__name__}")
    if len(found) != n:
        raise RuntimeError(f"{operation}: expected {name} to be a single int or {n} ints, but got {list(found)}")
    return tuple([v.__index__() for v in found])


def spatial(operation: str, shape: Sequence[int], n: int) -> bool:
    """Whether a tensor with `n` spatial dimensions and channels has a batch dimension too.

    Raises RuntimeError for any other number of dimensions, and for empty ones beside the batch.
    """
    if len(shape) not in (n + 1, n + 2):
        raise RuntimeError(
            f"{operation}: expected {n + 1}D (unbatched) or {n + 2}D (batched) input, but got input of size "
            f"{list(shape)}"
        )
    return len(shape) == n + 2
