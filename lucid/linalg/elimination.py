"""The LU factorization and what is solved with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import _known, return_types
from lucid._tape import apply, wrap
from lucid.dtypes import OF_MX
from lucid.linalg import _kernels, _kernels_lu
from lucid.linalg._check import ZERO_PIVOT, broadcast, inexact, matrix, require_success, same_dtype, square
from lucid.ops import _spectral
from lucid.ops._out import give, give_pair
from lucid.ops._promotion import require_tensor

__all__ = ["lu", "lu_factor", "lu_factor_ex", "lu_solve"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def factors(operation: str, A: Tensor, pivot: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The packed LU factors of `A`, the pivots, and `info`: the position of the first zero on U's diagonal, or 0."""
    inexact(operation, matrix(operation, A), integers=NotImplementedError)
    if not pivot:
        raise RuntimeError(f"{operation}: LU without pivoting is not implemented on the CPU; leave pivot=True")

    def lu_factor(a: mx.array) -> tuple[mx.array, mx.array, mx.array]:
        lu, pivots = _kernels_lu.factor(a)
        return lu, pivots, _kernels.first(mx.stop_gradient(_kernels.diagonal(lu)) == 0)

    lu_factor.__qualname__ = "lu_factor"
    result: tuple[Tensor, Tensor, Tensor] = apply(lu_factor, A)
    return result


def lu_factor(
    A: Tensor, *, pivot: bool = True, out: tuple[Tensor, Tensor] | None = None
) -> return_types.linalg_lu_factor:
    """The factors of A = P L U in one matrix `LU`, and the row swaps `pivots`, for `lu_solve`.

    L is below the diagonal, its own ones left out, U above; `pivots` is int32: row k was swapped with row
    `pivots[k] - 1`. Takes (..., m, n) matrices and evaluates them: raises RuntimeError for a zero on the diagonal of
    U. `lu_factor_ex` does not.
    """
    lu, pivots, info = factors("linalg.lu_factor", A, pivot)
    require_success("linalg.lu_factor", info, ZERO_PIVOT, RuntimeError)
    return return_types.linalg_lu_factor(*give_pair((lu, pivots), out, "linalg.lu_factor"))


def lu_factor_ex(
    A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: tuple[Tensor, Tensor, Tensor] | None = None
) -> return_types.linalg_lu_factor_ex:
    """`lu_factor`, and `info`: the position of the first zero on the diagonal of U, 0 if there is none.

    Nothing is evaluated, unless `check_errors` asks for the RuntimeError.
    """
    lu, pivots, info = factors("linalg.lu_factor_ex", A, pivot)
    if check_errors:
        require_success("linalg.lu_factor_ex", info, ZERO_PIVOT, RuntimeError)
    return return_types.linalg_lu_factor_ex(*give_pair((lu, pivots, info), out, "linalg.lu_factor_ex"))


def lu(A: Tensor, *, pivot: bool = True, out: tuple[Tensor, Tensor, Tensor] | None = None) -> return_types.linalg_lu:
    """A permutation P, a lower triangular L with ones on its diagonal and an upper triangular U with A = P L U.

    For (..., m, n) matrices they are (..., m, m), (..., m, k) and (..., k, n), with k the smaller of m and n.

    >>> import lucid
    >>> P, L, U = lucid.linalg.lu(lucid.tensor([[1.0, 2.0], [2.0, 2.0]]))
    >>> L, U
    (tensor([[1.0000, 0.0000],
            [0.5000, 1.0000]]), tensor([[2., 2.],
            [0., 1.]]))
    """
    packed, pivots, _ = factors("linalg.lu", A, pivot)
    found = unpack("linalg.lu", packed, pivots, True, True)
    return return_types.linalg_lu(*give_pair(found, out, "linalg.lu"))


def check_pivots(operation: str, LU: Tensor, pivots: Any, least: int = 1) -> None:
    """Refuse pivots that are not int32, not those of such a matrix, or, if their values are known, out of range."""
    shape = LU._data.shape
    if require_tensor(operation, pivots, "pivots")._data.dtype != mx.int32:
        raise RuntimeError(f"{operation}: Expected pivots of dtype int32, got {OF_MX[pivots._data.dtype]!r}")
    if pivots._data.shape != (*shape[:-2], min(shape[-2:])):
        raise RuntimeError(
            f"{operation}: Expected pivots of shape {(*shape[:-2], min(shape[-2:]))} for LU of shape {shape}, got "
            f"{pivots._data.shape}"
        )
    values = _known.values(pivots)
    if values is not None and values.size and not (least <= values.min() and values.max() <= shape[-2]):
        raise RuntimeError(
            f"{operation}: Expected pivots between {least} and {shape[-2]}, as lu_factor gives them, got "
            f"{values.min()} to {values.max()}"
        )


def lu_solve(
    LU: Tensor,
    pivots: Tensor,
    B: Tensor,
    *,
    left: bool = True,
    adjoint: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The X of A X = B for the A that `lu_factor` took apart; of X A = B with `left=False`; Aᴴ for A with `adjoint`.

    B is (..., n, k), or (..., k, n) with `left=False`; batches broadcast.
    """
    name = "linalg.lu_solve"
    inexact(name, square(name, LU, "LU"))
    matrix(name, B, "B")
    same_dtype(name, LU, B, "LU and B")
    check_pivots(name, LU, pivots)
    n, b = LU._data.shape[-1], B._data.shape
    if b[-2 if left else -1] != n:
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} ({n}x{n} and "
            f"{b[-2]}x{b[-1]})"
        )
    broadcast(name, LU._data.shape[:-2], b[:-2])

    def lu_solve(lu: mx.array, swaps: mx.array, y: mx.array) -> mx.array:
        # X A = B is A^H X^H = B^H
        rows, turned = _kernels_lu.order(swaps, n), adjoint == left
        y = y if left else _spectral.adjoint(y)
        if not turned:
            y = _kernels_lu.take_rows(y, rows) if y.size else y
            y = _kernels.solve_triangular(lu, y, False, True)
            y = _kernels.solve_triangular(lu, y, True)
        else:
            flipped = _spectral.adjoint(lu)
            y = _kernels.solve_triangular(flipped, y, False)
            y = _kernels.solve_triangular(flipped, y, True, True)
            y = _kernels_lu.take_rows(y, mx.argsort(rows, -1)) if y.size else y
        return y if left else _spectral.adjoint(y)

    lu_solve.__qualname__ = "lu_solve"
    return give(apply(lu_solve, LU, pivots, B), out, name)


def unpack(operation: str, LU: Tensor, pivots: Tensor, data: bool, swaps: bool) -> tuple[Tensor, Tensor, Tensor]:
    """P, L and U of what `lu_factor` returned; an empty tensor for those that are not asked for."""
    matrix(operation, LU, "LU_data")
    if swaps:
        check_pivots(operation, LU, pivots)
    kind, size = LU._data.dtype, LU._data.shape[-2]
    empty = wrap(mx.zeros((0,), kind))
    P, L, U = empty, empty, empty
    if swaps:
        P = apply(lambda s: _kernels_lu.permutation(_kernels_lu.order(s, size), kind), pivots)
    if data:

        def lu_unpack(a: mx.array) -> tuple[mx.array, mx.array]:
            return _kernels_lu.parts(a)

        lu_unpack.__qualname__ = "lu_unpack"
        L, U = apply(lu_unpack, LU)
    return P, L, U
