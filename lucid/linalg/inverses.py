"""Inverses of square matrices, and of tensors that are matrices when they are reshaped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import return_types
from lucid._tape import apply
from lucid.linalg import _kernels
from lucid.linalg._check import SINGULAR, inexact, require_success, square
from lucid.ops._out import give, give_pair
from lucid.ops._promotion import require_tensor

__all__ = ["inv", "inv_ex", "tensorinv"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _inverse(operation: str, A: Tensor) -> tuple[Tensor, Tensor]:
    inexact(operation, square(operation, A), halves=RuntimeError)

    def inv(a: mx.array) -> tuple[mx.array, mx.array]:
        return _kernels.inverse(a)

    inv.__qualname__ = "inv"
    result: tuple[Tensor, Tensor] = apply(inv, A)
    return result


def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of each of the (..., n, n) matrices.

    Evaluates them: raises LinAlgError if one is singular; `inv_ex` does not. To multiply by an inverse, `solve` is
    faster and more exact.

    >>> import lucid
    >>> lucid.linalg.inv(lucid.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    result, info = _inverse("linalg.inv", A)
    require_success("linalg.inv", info, SINGULAR)
    return give(result, out, "linalg.inv")


def inv_ex(
    A: Tensor, *, check_errors: bool = False, out: tuple[Tensor, Tensor] | None = None
) -> return_types.linalg_inv_ex:
    """The `inverse` of each matrix, and `info`: 0, or the position of the zero that was met on the diagonal of U.

    Where `info` is not 0 the inverse is NaN. Nothing is evaluated, unless `check_errors` asks for the LinAlgError.
    """
    result, info = _inverse("linalg.inv_ex", A)
    if check_errors:
        require_success("linalg.inv_ex", info, SINGULAR)
    return return_types.linalg_inv_ex(*give_pair((result, info), out, "linalg.inv_ex"))


def tensorinv(input: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """The inverse of `tensordot(input, ·, input.ndim - ind)`, of shape `input.shape[ind:] + input.shape[:ind]`.

    Raises RuntimeError unless the first `ind` sizes have the same product as the others, LinAlgError for a singular
    one.
    """
    shape = require_tensor("linalg.tensorinv", input)._data.shape
    if not hasattr(ind, "__index__") or isinstance(ind, bool):
        raise TypeError(f"linalg.tensorinv: expected an int for ind, got {type(ind).__name__}")
    if ind <= 0:
        raise RuntimeError(f"linalg.tensorinv: Expected a strictly positive integer for 'ind', but got {ind}")
    rows, columns = math.prod(shape[:ind]), math.prod(shape[ind:])
    if ind > len(shape) or rows != columns:
        raise RuntimeError(
            "linalg.tensorinv: Expected input to satisfy prod(input.shape[ind:]) == prod(input.shape[:ind]), but got "
            f"{columns} != {rows} for shape {shape} and ind={ind}"
        )
    result, info = _inverse("linalg.tensorinv", input.reshape(rows, columns))
    require_success("linalg.tensorinv", info, SINGULAR)
    return give(result.reshape(shape[ind:] + shape[:ind]), out, "linalg.tensorinv")
