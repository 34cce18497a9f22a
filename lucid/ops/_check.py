"""Telling tensors from everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from lucid._tape import TensorCore

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def is_tensor(obj: Any) -> TypeGuard[Tensor]:
    """True if `obj` is a tensor."""
    return isinstance(obj, TensorCore)


def check_tensor(operation: str, input: Any, name: str = "input") -> None:
    """Raise TypeError unless `input` is a tensor."""
    if not isinstance(input, TensorCore):
        raise TypeError(f"{operation}(): argument '{name}' must be Tensor, not {type(input).__name__}")
