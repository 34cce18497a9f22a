"""The Cholesky factorization of positive-definite matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import return_types
from lucid._tape import apply
from lucid.linalg import _kernels
from lucid.linalg._check import NOT_POSITIVE, inexact, require_success, square
from lucid.ops._out import give, give_pair

__all__ = ["cholesky", "cholesky_ex"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def factor(input: Tensor, upper: bool) -> tuple[Tensor, Tensor]:
    """The factor of `input`, which is square and inexact, and `info`."""

    def cholesky(a: mx.array) -> tuple[mx.array, mx.array]:
        return _kernels.cholesky(a, upper)

    cholesky.__qualname__ = "cholesky"
    result: tuple[Tensor, Tensor] = apply(cholesky, input)
    return result


def cholesky(input: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """The lower triangular L with `input` = L Lᴴ, or the upper triangular U with `input` = Uᴴ U.

    Takes (..., n, n) matrices, of which only that triangle is read, and evaluates them: raises LinAlgError if one is
    not positive-definite. `cholesky_ex` does not.

    >>> import lucid
    >>> lucid.linalg.cholesky(lucid.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    inexact("linalg.cholesky", square("linalg.cholesky", input, "input"))
    result, info = factor(input, upper)
    require_success("linalg.cholesky", info, NOT_POSITIVE)
    return give(result, out, "linalg.cholesky")


def cholesky_ex(
    input: Tensor, *, upper: bool = False, check_errors: bool = False, out: tuple[Tensor, Tensor] | None = None
) -> return_types.linalg_cholesky_ex:
    """The factor `L` of `cholesky`, and `info`: 0, or the order of the first minor that is not positive.

    Where `info` is not 0 the factor is NaN. Nothing is evaluated, unless `check_errors` asks for the LinAlgError.
    """
    inexact("linalg.cholesky_ex", square("linalg.cholesky_ex", input, "input"))
    result, info = factor(input, upper)
    if check_errors:
        require_success("linalg.cholesky_ex", info, NOT_POSITIVE)
    return return_types.linalg_cholesky_ex(*give_pair((result, info), out, "linalg.cholesky_ex"))
