"""What the functions on matrices refuse, and how their `info` becomes an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _tape
from lucid.dtypes import OF_MX
from lucid.linalg._errors import LinAlgError
from lucid.ops._promotion import require_tensor

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def matrix(operation: str, value: Any, argument: str = "A") -> Tensor:
    """`value` if it is a tensor of one or more matrices."""
    t = require_tensor(operation, value, argument)
    if t._data.ndim < 2:
        raise RuntimeError(
            f"{operation}: The input tensor {argument} must have at least 2 dimensions, got {t._data.ndim}"
        )
    return t


def square(operation: str, value: Any, argument: str = "A") -> Tensor:
    """`value` if it is a tensor of one or more square matrices."""
    t = matrix(operation, value, argument)
    rows, columns = t._data.shape[-2:]
    if rows != columns:
        raise RuntimeError(
            f"{operation}: {argument} must be batches of square matrices, but they are {rows} by {columns} matrices"
        )
    return t


def inexact(
    operation: str,
    t: Tensor,
    *,
    integers: type[Exception] = RuntimeError,
    halves: type[Exception] = NotImplementedError,
) -> None:
    """Refuse integers and half precision with the exceptions that PyTorch raises for this operation."""
    kind = OF_MX[t._data.dtype]
    if not kind.is_inexact:
        raise integers(
            f"{operation}: Expected a floating point or complex tensor as input. Got {kind!r}; call .float() first"
        )
    if kind.itemsize == 2:
        raise halves(f"{operation}: Low precision dtypes not supported. Got {kind!r}; call .float() first")


def same_dtype(operation: str, a: Tensor, b: Tensor, names: str = "A and B") -> None:
    """Refuse two dtypes."""
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"{operation}: Expected {names} to have the same dtype, but found {OF_MX[a._data.dtype]!r} and "
            f"{OF_MX[b._data.dtype]!r}; convert one of them with .to()"
        )


def broadcast(operation: str, a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that the batches `a` and `b` broadcast to."""
    try:
        return tuple(np.broadcast_shapes(a, b))
    except ValueError:
        raise RuntimeError(f"{operation}: the batch dimensions {a} and {b} do not broadcast") from None


def codes(info: Tensor) -> np.ndarray[Any, Any] | None:
    """The values of `info`, computed now; None where that is impossible, while MLX traces a transformed function."""
    try:
        _tape.evaluate(info)
    except (RuntimeError, ValueError) as error:
        if isinstance(error, _tape.NeedsValue) or str(error).startswith("[eval]"):
            return None
        raise
    return np.array(_tape.array(info), copy=False)


def require_success(operation: str, info: Tensor, reason: str, raises: type[RuntimeError] = LinAlgError) -> None:
    """Raise `raises` if an element of `info` is not 0: with `reason`, in which `{info}` is that element.

    This evaluates the operation, as PyTorch documents for those that raise.
    """
    found = codes(info)
    if found is None or not found.any():
        return
    position = int(np.flatnonzero(found)[0])
    where = f"(Batch element {position}): " if found.ndim else ""
    raise raises(f"{operation}: {where}{reason.format(info=int(found.reshape(-1)[position]))}")


def require_finite(operation: str, t: Tensor, *, infinite: bool = False) -> None:
    """Raise LinAlgError if a matrix of `t` has a NaN, or unless `infinite` is allowed an infinity.

    This evaluates `t`, as PyTorch documents for the decompositions by iteration, which do not converge then.
    """
    if not t._data.size:
        return

    def wrong(a: mx.array) -> mx.array:
        return mx.any(mx.isnan(a) if infinite else ~mx.isfinite(a), axis=(-2, -1)).astype(mx.int32)

    require_success(operation, _tape.wrap(wrong(_tape.array(t))), NOT_FINITE)


NOT_FINITE = "The algorithm failed to converge because the input matrix contained non-finite values."
NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite (the leading minor of order "
    "{info} is not positive-definite)."
)
SINGULAR = (
    "The diagonal element {info} is zero, the inversion could not be completed because the input matrix is singular."
)
UNSOLVABLE = "The solver failed because the input matrix is singular."
ZERO_PIVOT = (
    "U[{info},{info}] is zero and using it on lu_solve would result in a division by zero. If you still want to "
    "perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
)
