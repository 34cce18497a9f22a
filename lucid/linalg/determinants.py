"""Determinants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import return_types
from lucid._tape import apply
from lucid.linalg import _kernels_lu
from lucid.linalg._check import inexact, square
from lucid.ops._out import give, give_pair

__all__ = ["det", "slogdet"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The determinant of each of the (..., n, n) matrices. Its gradient exists for singular ones too.

    >>> import lucid
    >>> lucid.linalg.det(lucid.tensor([[2.0, 1.0], [0.0, 3.0]]))
    tensor(6.)
    """
    inexact("linalg.det", square("linalg.det", A))

    def det(a: mx.array) -> mx.array:
        return _kernels_lu.det(a)

    det.__qualname__ = "det"
    return give(apply(det, A), out, "linalg.det")


def sign_and_log(operation: str, A: Tensor) -> tuple[Tensor, Tensor]:
    """The sign of each determinant and the logarithm of its absolute value."""
    inexact(operation, square(operation, A), halves=RuntimeError)

    def slogdet(a: mx.array) -> tuple[mx.array, mx.array]:
        return _kernels_lu.slogdet(a)

    slogdet.__qualname__ = "slogdet"
    result: tuple[Tensor, Tensor] = apply(slogdet, A)
    return result


def slogdet(A: Tensor, *, out: tuple[Tensor, Tensor] | None = None) -> return_types.linalg_slogdet:
    """The `sign` of the determinant and `logabsdet`, the logarithm of its absolute value, of each (..., n, n) matrix.

    A singular matrix has sign 0 and logarithm -inf. The sign of a complex determinant is a complex number of size 1.
    """
    return return_types.linalg_slogdet(*give_pair(sign_and_log("linalg.slogdet", A), out, "linalg.slogdet"))
