"""Systems of linear equations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import return_types
from lucid._tape import apply
from lucid.linalg import _kernels
from lucid.linalg._check import UNSOLVABLE, broadcast, inexact, matrix, require_success, same_dtype, square
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give, give_pair
from lucid.ops._promotion import require_tensor
from lucid.ops.shape import movedim

__all__ = ["solve", "solve_ex", "solve_triangular", "tensorsolve"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _fit(operation: str, a: tuple[int, ...], b: tuple[int, ...], left: bool) -> None:
    """Refuse matrices of shapes `a` and `b` between which there is no equation."""
    if a[-1] != b[-2 if left else -1]:
        raise RuntimeError(
            f"{operation}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({a[-2]}x{a[-1]} and {b[-2]}x{b[-1]})"
        )
    broadcast(operation, a[:-2], b[:-2])


def _solve(operation: str, A: Tensor, B: Tensor, left: bool) -> tuple[Tensor, Tensor]:
    inexact(operation, square(operation, A))
    same_dtype(operation, A, require_tensor(operation, B, "B"))
    a, b = A._data.shape, B._data.shape
    if not b:
        raise RuntimeError(f"{operation}: The input tensor B must have at least 1 dimension, got 0")
    vector = len(b) == 1 or b == a[:-1]
    _fit(operation, a, (*b, 1) if vector else b, left)
    if vector and not left:
        raise RuntimeError(f"{operation}: left=False needs a matrix B, got a vector; that equation is B / A")

    def solve(x: mx.array, y: mx.array) -> tuple[mx.array, mx.array]:
        if vector:
            y = y[..., None]
        elif not left:
            x, y = mx.swapaxes(x, -1, -2), mx.swapaxes(y, -1, -2)
        found, info = _kernels.solve(x, y)
        return found[..., 0] if vector else found if left else mx.swapaxes(found, -1, -2), info

    solve.__qualname__ = "solve"
    result: tuple[Tensor, Tensor] = apply(solve, A, B)
    return result


def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """The X of A X = B, or of X A = B with `left=False`, for (..., n, n) matrices A.

    B holds matrices, or vectors if it is one or has the shape of A without its last size; batches broadcast.
    Evaluates A: raises LinAlgError for a singular matrix. `solve_ex` does not.

    >>> import lucid
    >>> lucid.linalg.solve(lucid.tensor([[2.0, 0.0], [0.0, 4.0]]), lucid.tensor([1.0, 2.0]))
    tensor([0.5000, 0.5000])
    """
    result, info = _solve("linalg.solve", A, B, left)
    require_success("linalg.solve", info, UNSOLVABLE)
    return give(result, out, "linalg.solve")


def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: tuple[Tensor, Tensor] | None = None
) -> return_types.linalg_solve_ex:
    """The `result` of `solve`, and `info`, which is 0 for each matrix of A that is not singular.

    Where it is not 0 the result is NaN. Nothing is evaluated, unless `check_errors` asks for the LinAlgError.
    """
    result, info = _solve("linalg.solve_ex", A, B, left)
    if check_errors:
        require_success("linalg.solve_ex", info, UNSOLVABLE)
    return return_types.linalg_solve_ex(*give_pair((result, info), out, "linalg.solve_ex"))


def solve_triangular(
    input: Tensor,
    B: Tensor,
    *,
    upper: bool,
    left: bool = True,
    unitriangular: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """The X of A X = B, or of X A = B with `left=False`, where A is the upper or lower triangle of `input`.

    With `unitriangular` its diagonal is taken as 1, whatever it holds. Batches broadcast. A zero on the diagonal gives
    NaN, and no error.
    """
    name = "linalg.solve_triangular"
    square(name, input, "input")
    matrix(name, B, "B")
    same_dtype(name, input, B, "input and B")
    inexact(name, input, integers=NotImplementedError)
    _fit(name, input._data.shape, B._data.shape, left)

    def solve_triangular(a: mx.array, b: mx.array) -> mx.array:
        if left:
            return _kernels.solve_triangular(a, b, upper, unitriangular)
        found = _kernels.solve_triangular(mx.swapaxes(a, -1, -2), mx.swapaxes(b, -1, -2), not upper, unitriangular)
        return mx.swapaxes(found, -1, -2)

    solve_triangular.__qualname__ = "solve_triangular"
    return give(apply(solve_triangular, input, B), out, name)


def tensorsolve(
    input: Tensor, other: Tensor, dims: tuple[int, ...] | list[int] | None = None, *, out: Tensor | None = None
) -> Tensor:
    """The X of `tensordot(input, X, X.ndim) == other`; `dims` of `input` are moved to its end first.

    Raises RuntimeError unless the sizes of `input` behind those of `other` have the product of `other`'s, LinAlgError
    for a singular equation.
    """
    name = "linalg.tensorsolve"
    ndim = require_tensor(name, input)._data.ndim
    require_tensor(name, other, "other")
    if dims is not None:
        moved = [wrap_dim(d, ndim, name) for d in dims]
        input = movedim(input, moved, list(range(ndim - len(moved), ndim)))
    shape, size = input._data.shape[other._data.ndim :], other._data.size
    if math.prod(shape) != size or input._data.size != size * size:
        raise RuntimeError(
            f"{name}: Expected input to satisfy prod(input.shape[other.ndim:]) == prod(input.shape[:other.ndim]), but "
            f"got shapes {input._data.shape} and {other._data.shape}"
        )
    result, info = _solve(name, input.reshape(size, size), other.reshape(-1), True)
    require_success(name, info, UNSOLVABLE)
    return give(result.reshape(shape), out, name)
