"""The LDL factorization of symmetric and Hermitian matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import return_types
from lucid._tape import apply
from lucid.dtypes import OF_MX
from lucid.linalg import _kernels_ldl
from lucid.linalg._check import broadcast, inexact, matrix, require_success, same_dtype, square
from lucid.ops._out import give, give_pair
from lucid.ops._promotion import require_tensor
from lucid.ops._spectral import with_gradient

__all__ = ["ldl_factor", "ldl_factor_ex", "ldl_solve"]

ZERO = "D[{info},{info}] is zero, so that using it in ldl_solve would divide by zero; ldl_factor_ex gives the factors"

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _refuse(*_: Any) -> None:
    raise NotImplementedError("linalg.ldl_factor and linalg.ldl_solve: the derivative is not implemented; use solve()")


_fixed = with_gradient(_refuse)


def _factor(operation: str, input: Tensor, hermitian: bool) -> tuple[Tensor, Tensor, Tensor]:
    inexact(operation, square(operation, input, "input"))

    def ldl_factor(a: mx.array) -> tuple[mx.array, mx.array, mx.array]:
        return _fixed(lambda x: _kernels_ldl.factor(x, hermitian))(a)

    ldl_factor.__qualname__ = "ldl_factor"
    result: tuple[Tensor, Tensor, Tensor] = apply(ldl_factor, input)
    return result


def ldl_factor(
    input: Tensor, *, hermitian: bool = False, out: tuple[Tensor, Tensor] | None = None
) -> return_types.linalg_ldl_factor:
    """The factors D and L of L D Lᵀ, a symmetric matrix, in one matrix `LD`, and the swaps `pivots`: for `ldl_solve`.

    Takes (..., n, n) matrices, `hermitian` ones with Lᴴ, and reads their lower triangles. D has blocks of one
    or, where `pivots` is negative, two rows. Not differentiable. Evaluates the matrices: raises RuntimeError for a zero
    in D; `ldl_factor_ex` does not.
    """
    ld, pivots, info = _factor("linalg.ldl_factor", input, hermitian)
    require_success("linalg.ldl_factor", info, ZERO, RuntimeError)
    return return_types.linalg_ldl_factor(*give_pair((ld, pivots), out, "linalg.ldl_factor"))


def ldl_factor_ex(
    input: Tensor,
    *,
    hermitian: bool = False,
    check_errors: bool = False,
    out: tuple[Tensor, Tensor, Tensor] | None = None,
) -> return_types.linalg_ldl_factor_ex:
    """`ldl_factor`, and `info`: the position of the first zero in D, 0 if there is none.

    Nothing is evaluated, unless `check_errors` asks for the RuntimeError.
    """
    found = _factor("linalg.ldl_factor_ex", input, hermitian)
    if check_errors:
        require_success("linalg.ldl_factor_ex", found[2], ZERO, RuntimeError)
    return return_types.linalg_ldl_factor_ex(*give_pair(found, out, "linalg.ldl_factor_ex"))


def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False, out: Tensor | None = None) -> Tensor:
    """The X of A X = B for the A that `ldl_factor` took apart. B is (..., n, k); batches broadcast."""
    name = "linalg.ldl_solve"
    inexact(name, square(name, LD, "LD"))
    matrix(name, B, "B")
    same_dtype(name, LD, B, "LD and B")
    shape, b = LD._data.shape, B._data.shape
    require_tensor(name, pivots, "pivots")
    if shape[-1] != b[-2]:
        raise RuntimeError(f"{name}: Incompatible matrix sizes: LD is {shape[-2]}x{shape[-1]} and B {b[-2]}x{b[-1]}")
    if pivots._data.shape != shape[:-1]:
        raise RuntimeError(f"{name}: Expected pivots of shape {shape[:-1]}, got {pivots._data.shape}")
    if OF_MX[pivots._data.dtype].rank != 1:
        raise RuntimeError(f"{name}: Expected pivots to be integers, got {OF_MX[pivots._data.dtype]!r}")
    batch = broadcast(name, shape[:-2], b[:-2])

    def ldl_solve(ld: mx.array, swaps: mx.array, y: mx.array) -> mx.array:
        ld, y = (mx.broadcast_to(a, (*batch, *a.shape[-2:])) for a in (ld, y))
        swaps = mx.broadcast_to(swaps.astype(mx.int32), ld.shape[:-1])
        return _fixed(lambda a, b, c: _kernels_ldl.solve(a, b, c, hermitian))(ld, swaps, y)

    ldl_solve.__qualname__ = "ldl_solve"
    return give(apply(ldl_solve, LD, pivots, B), out, name)
