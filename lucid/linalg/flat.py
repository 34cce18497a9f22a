"""The functions on matrices that PyTorch has outside of `torch.linalg`: public as `lucid.<name>`, and as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import return_types
from lucid._tape import apply
from lucid.linalg import _kernels, determinants, elimination, inverses
from lucid.linalg._check import (
    NOT_POSITIVE,
    SINGULAR,
    broadcast,
    inexact,
    matrix,
    require_success,
    same_dtype,
    square,
)
from lucid.linalg.definite import factor
from lucid.linalg.orthogonal import factors, geqrf, householder_product, ormqr
from lucid.ops._out import give, give_pair
from lucid.ops._spectral import adjoint

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "det",
    "geqrf",
    "inverse",
    "logdet",
    "lu",
    "lu_solve",
    "lu_unpack",
    "orgqr",
    "ormqr",
    "qr",
    "slogdet",
    "triangular_solve",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def cholesky(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The Cholesky factor, as `lucid.linalg.cholesky` computes it: prefer that one."""
    inexact("cholesky", square("cholesky", input, "input"), integers=NotImplementedError)
    result, info = factor(input, upper)
    require_success("cholesky", info, NOT_POSITIVE)
    return give(result, out, "cholesky")


def cholesky_inverse(input: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The inverse of the positive-definite matrix whose Cholesky factor `input` is, lower or `upper` triangular.

    Evaluates the diagonal of `input`: raises LinAlgError if it holds a zero.
    """
    inexact("cholesky_inverse", square("cholesky_inverse", input, "input"), integers=NotImplementedError)

    def zeros(a: mx.array) -> mx.array:
        return _kernels.first(_kernels.diagonal(a) == 0)

    def cholesky_inverse(a: mx.array) -> mx.array:
        half = _kernels.solve_triangular(a, _kernels.identity_like(a), upper, whole=True)
        return mx.matmul(half, adjoint(half)) if upper else mx.matmul(adjoint(half), half)

    require_success("cholesky_inverse", apply(zeros, input.detach()), SINGULAR)
    cholesky_inverse.__qualname__ = "cholesky_inverse"
    return give(apply(cholesky_inverse, input), out, "cholesky_inverse")


def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False, *, out: Tensor | None = None) -> Tensor:
    """The X of A X = `input` for the positive-definite A whose Cholesky factor is `L`, lower or `upper` triangular.

    `input` is (..., n, k), `L` is (..., n, n); batches broadcast.
    """
    _equation("cholesky_solve", input, L, "L")

    def cholesky_solve(b: mx.array, a: mx.array) -> mx.array:
        other = adjoint(a)
        half = _kernels.solve_triangular(other if upper else a, b, False, whole=True)
        return _kernels.solve_triangular(a if upper else other, half, True, whole=True)

    cholesky_solve.__qualname__ = "cholesky_solve"
    return give(apply(cholesky_solve, input, L), out, "cholesky_solve")


def _equation(operation: str, b: Tensor, a: Tensor, argument: str) -> None:
    matrix(operation, b, "input")
    square(operation, a, argument)
    same_dtype(operation, b, a, f"input and {argument}")
    inexact(operation, a, integers=NotImplementedError)
    if a._data.shape[-1] != b._data.shape[-2]:
        raise RuntimeError(
            f"{operation}: Incompatible matrix sizes: each {argument} matrix is {a._data.shape[-2]} by "
            f"{a._data.shape[-1]} but each input matrix is {b._data.shape[-2]} by {b._data.shape[-1]}"
        )
    broadcast(operation, a._data.shape[:-2], b._data.shape[:-2])


def triangular_solve(
    input: Tensor,
    A: Tensor,
    upper: bool = True,
    transpose: bool = False,
    unitriangular: bool = False,
    *,
    out: tuple[Tensor, Tensor] | None = None,
) -> return_types.triangular_solve:
    """The `solution` X of A X = `input` for a triangular A, or of Aᵀ X, and a copy of A: prefer `solve_triangular`."""
    _equation("triangular_solve", input, A, "A")

    def triangular_solve(b: mx.array, a: mx.array) -> tuple[mx.array, mx.array]:
        turned = mx.swapaxes(a, -1, -2) if transpose else a
        found = _kernels.solve_triangular(turned, b, upper != transpose, unitriangular)
        return found, mx.broadcast_to(a, (*found.shape[:-2], *a.shape[-2:]))

    triangular_solve.__qualname__ = "triangular_solve"
    return return_types.triangular_solve(*give_pair(apply(triangular_solve, input, A), out, "triangular_solve"))


def inverse(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The inverse of each matrix: see `lucid.linalg.inv`."""
    return inverses.inv(input, out=out)


def det(input: Tensor) -> Tensor:
    """The determinant of each matrix: see `lucid.linalg.det`."""
    return determinants.det(input)


def slogdet(input: Tensor, *, out: tuple[Tensor, Tensor] | None = None) -> return_types.slogdet:
    """The sign and the logarithm of the size of each determinant: see `lucid.linalg.slogdet`."""
    return return_types.slogdet(*determinants.slogdet(input, out=out))


def logdet(input: Tensor) -> Tensor:
    """The logarithm of the determinant of each matrix: NaN for a negative one, -inf for 0.

    >>> import lucid
    >>> lucid.logdet(lucid.eye(2))
    tensor(0.)
    """
    sign, size = determinants.sign_and_log("logdet", input)

    def logdet(s: mx.array, logarithm: mx.array) -> mx.array:
        if s.dtype == mx.complex64:
            return mx.log(s) + logarithm
        return mx.where(s == -1, mx.array(float("nan"), logarithm.dtype), logarithm)

    logdet.__qualname__ = "logdet"
    result: Tensor = apply(logdet, sign, size)
    return result


def lu(
    A: Tensor, pivot: bool = True, get_infos: bool = False, out: tuple[Tensor, ...] | None = None
) -> tuple[Tensor, ...]:
    """The packed LU factors of `A` and the pivots, with `get_infos` also `info`: see `lucid.linalg.lu_factor_ex`."""
    found = elimination.factors("lu", A, pivot)
    return give_pair(found if get_infos else found[:2], out, "lu")


def lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The X of A X = `b` for the A that `lu` took apart: see `lucid.linalg.lu_solve`."""
    return elimination.lu_solve(LU_data, LU_pivots, b, out=out)


def lu_unpack(
    LU_data: Tensor,
    LU_pivots: Tensor,
    unpack_data: bool = True,
    unpack_pivots: bool = True,
    *,
    out: tuple[Tensor, Tensor, Tensor] | None = None,
) -> return_types.lu_unpack:
    """The matrices `P`, `L` and `U` of what `lucid.linalg.lu_factor` returned.

    Without `unpack_data` L and U are empty tensors, without `unpack_pivots` P is one.
    """
    found = elimination.unpack("lu_unpack", LU_data, LU_pivots, unpack_data, unpack_pivots)
    return return_types.lu_unpack(*give_pair(found, out, "lu_unpack"))


orgqr = householder_product


def qr(input: Tensor, some: bool = True, *, out: tuple[Tensor, Tensor] | None = None) -> return_types.qr:
    """`lucid.linalg.qr`, which is to be preferred, with a square Q if not `some`."""
    return return_types.qr(*give_pair(factors("qr", input, "reduced" if some else "complete"), out, "qr"))
