"""Functions of one or two real tensors whose formulas want float64, which MLX has on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import dtypes
from lucid._tape import TensorCore, apply
from lucid.dtypes import OF_MX, dtype
from lucid.ops._promotion import promoted, require_one_tensor, require_tensor, result_type

if TYPE_CHECKING:
    from lucid._tensor import Tensor

HALVES = (dtypes.float16, dtypes.bfloat16)


def real(name: str, input: Tensor) -> Tensor:
    """`input`, if it is a tensor of real numbers. Raises TypeError or NotImplementedError naming the operation."""
    if require_tensor(name, input)._data.dtype == mx.complex64:
        raise NotImplementedError(f"{name}: not implemented for complex tensors")
    return input


def floating(d: dtype) -> dtype:
    """The dtype of a function's result for inputs of dtype `d`: integers give the default floating dtype."""
    return d if d.is_inexact else dtypes.get_default_dtype()


def check_halves(name: str, d: dtype) -> None:
    """Raise NotImplementedError, as PyTorch does for some functions, if `d` has two bytes."""
    if d in HALVES:
        raise NotImplementedError(f"{name}: not implemented for {d!r}; convert with .float()")


def refuse_complex(name: str, *operands: Any) -> None:
    """Raise NotImplementedError naming the operation if a tensor or number among the operands is complex."""
    for value in operands:
        if isinstance(value, complex) or (isinstance(value, TensorCore) and value._data.dtype == mx.complex64):
            raise NotImplementedError(f"{name}: not implemented for complex numbers")


def unary(
    name: str, fn: Callable[[mx.array], mx.array], input: Tensor, *, double: bool = True, halves: bool = True
) -> Tensor:
    """`fn(input)`, computed in float64 on the CPU; with `double=False` in float32 unless `input` is float64.

    Raises NotImplementedError for complex tensors, and without `halves` for float16 and bfloat16.
    """
    d = OF_MX[real(name, input)._data.dtype]
    to = floating(d)
    if not halves:
        check_halves(name, to)
    computed = _computed(name, fn, to, double)
    return apply(computed, input) if to is d else promoted(computed, to, input)


def binary(name: str, fn: Callable[[mx.array, mx.array], mx.array], a: Any, b: Any, *, halves: bool = False) -> Tensor:
    """`fn(a, b)` for tensors or numbers, at least one of them a tensor, computed in float64 on the CPU.

    Raises NotImplementedError for complex numbers, and without `halves` for float16 and bfloat16.
    """
    require_one_tensor(name, a, b)
    refuse_complex(name, a, b)
    to = floating(result_type(a, b))
    if not halves:
        check_halves(name, to)
    same_shape = _computed(name, lambda x, y: fn(*mx.broadcast_arrays(x, y)), to, True)
    return promoted(same_shape, to, a, b)


def _computed(name: str, fn: Callable[..., mx.array], to: dtype, double: bool) -> Callable[..., mx.array]:
    target = to.mx
    if to is dtypes.float64 or double:

        def computed(*arrays: mx.array) -> mx.array:
            with mx.stream(mx.cpu):
                return fn(*[a.astype(mx.float64) for a in arrays]).astype(target)

    elif to is dtypes.float32:

        def computed(*arrays: mx.array) -> mx.array:
            return fn(*arrays)

    else:

        def computed(*arrays: mx.array) -> mx.array:
            return fn(*[a.astype(mx.float32) for a in arrays]).astype(target)

    computed.__qualname__ = name
    return computed
