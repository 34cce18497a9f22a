"""The singular value decomposition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import return_types
from lucid._tape import apply
from lucid.linalg._check import inexact, matrix, require_finite
from lucid.ops import _spectral
from lucid.ops._out import give, give_pair

__all__ = ["svd", "svdvals"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def decompose(operation: str, A: Tensor, full: bool) -> tuple[Tensor, Tensor, Tensor]:
    """`U`, `S` and `Vh` for `operation`, after its checks."""
    inexact(operation, matrix(operation, A))
    require_finite(operation, A)

    def svd(a: mx.array) -> tuple[mx.array, mx.array, mx.array]:
        return _spectral.svd(a, full)

    svd.__qualname__ = "svd"
    result: tuple[Tensor, Tensor, Tensor] = apply(svd, A)
    return result


def _refuse_driver(operation: str, driver: str | None) -> None:
    if driver is not None:
        raise RuntimeError(f"{operation}: keyword argument `driver=` is for CUDA only, got {driver!r}; leave it out")


def svd(
    A: Tensor,
    full_matrices: bool = True,
    *,
    driver: str | None = None,
    out: tuple[Tensor, Tensor, Tensor] | None = None,
) -> return_types.linalg_svd:
    """`U`, `S` and `Vh` with `A = U @ diag(S) @ Vh`, the singular values in `S` sorted, the largest first.

    `A` is (..., m, n), real or complex, and k = min(m, n). `U` is (..., m, m) and `Vh` (..., n, n), or with
    `full_matrices=False` they are (..., m, k) and (..., k, n). The gradient is finite only where the singular values
    differ from each other (and, unless m = n, from 0) and the loss does not depend on the signs (phases) of the
    vectors; that of `svdvals` always is.

    Evaluates `A`: raises LinAlgError if an element is not finite.

    >>> import lucid
    >>> lucid.linalg.svd(lucid.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    _refuse_driver("linalg.svd", driver)
    found = decompose("linalg.svd", A, full_matrices)
    return return_types.linalg_svd(*give_pair(found, out, "linalg.svd", exact=True))


def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """The singular values of the (..., m, n) matrices, the largest first, as (..., min(m, n)).

    Evaluates `A`: raises LinAlgError if there is a NaN.
    """
    _refuse_driver("linalg.svdvals", driver)
    inexact("linalg.svdvals", matrix("linalg.svdvals", A))
    require_finite("linalg.svdvals", A, infinite=True)

    def svdvals(a: mx.array) -> mx.array:
        return _spectral.svdvals(a)

    svdvals.__qualname__ = "svdvals"
    return give(apply(svdvals, A), out, "linalg.svdvals", exact=True)
