"""A few singular values or eigenvalues of large matrices: public as `lucid.<name>`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import apply, wrap
from lucid.dtypes import OF_MX
from lucid.linalg._check import inexact, matrix, same_dtype, square
from lucid.linalg.definite import cholesky
from lucid.linalg.eigen import eigh
from lucid.linalg.orthogonal import qr
from lucid.linalg.singular import svd
from lucid.linalg.solving import solve_triangular
from lucid.ops._promotion import require_tensor
from lucid.ops.expansion import broadcast_to
from lucid.ops.shape import adjoint
from lucid.random import randn

__all__ = ["lobpcg", "pca_lowrank", "svd_lowrank"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def svd_lowrank(
    A: Tensor, q: int | None = 6, niter: int | None = 2, M: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """`U`, `S` and `V` of about the `q` largest singular values of `A`, or of `A - M`, with `A` near U diag(S) Vᴴ.

    `A` is (..., m, n). The values are near if its rank is at most `q`, or the others are small; `niter` passes over the
    matrix make them nearer. Faster than `lucid.linalg.svd` where `q` is much smaller than m and n. The result depends
    on random numbers: see `lucid.manual_seed`.

    The method is algorithms 4.4 and 5.1 of N. Halko, P. Martinsson and J. Tropp, "Finding structure with randomness"
    (2009).
    """
    _require_matrix("svd_lowrank", A)
    inexact("svd_lowrank", A)
    rank = _count("svd_lowrank", "q", 6 if q is None else q)
    passes = _count("svd_lowrank", "niter", 2 if niter is None else niter)
    if M is not None:
        A = A - broadcast_to(require_tensor("svd_lowrank", M, "M"), A._data.shape)
    turned = A._data.shape[-2] < A._data.shape[-1]
    if turned:
        A = adjoint(A)
    kind = OF_MX[A._data.dtype]
    basis = qr(A @ _noise(A._data.shape[-1], min(rank, A._data.shape[-1]), kind)).Q
    for _ in range(passes):
        basis = qr(A @ qr(adjoint(A) @ basis).Q).Q
    u, s, vh = svd(adjoint(basis) @ A, full_matrices=False)
    u, v = basis @ u, adjoint(vh)
    return (v, s, u) if turned else (u, s, v)


def _noise(n: int, q: int, kind: Any) -> Tensor:
    if not kind.is_complex:
        return randn(n, q, dtype=kind)
    parts = randn(n, q), randn(n, q)
    return apply(lambda a, b: a + b * mx.array(1j), *parts)  # type: ignore[no-any-return]


def _count(operation: str, name: str, value: Any) -> int:
    if not hasattr(value, "__index__") or isinstance(value, bool):
        raise TypeError(f"{operation}: expected an int for {name}, got {type(value).__name__}")
    if value < 0:
        raise ValueError(f"{operation}: {name}(={value}) must be a non-negative integer")
    return int(value)


def _require_matrix(operation: str, A: Tensor) -> None:
    if require_tensor(operation, A, "A")._data.ndim < 2:
        raise ValueError(f"{operation}: A must have at least 2 dimensions, got shape {A._data.shape}")


def pca_lowrank(A: Tensor, q: int | None = None, center: bool = True, niter: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """`svd_lowrank` of the rows of `A` minus their mean, if `center`: the principal directions are the columns of `V`.

    `q` is by default min(6, m, n). Raises ValueError if it is larger than m or n.
    """
    _require_matrix("pca_lowrank", A)
    inexact("pca_lowrank", A)
    m, n = A._data.shape[-2:]
    rank = _count("pca_lowrank", "q", min(6, m, n) if q is None else q)
    if rank > min(m, n):
        raise ValueError(f"pca_lowrank: q(={rank}) must not be greater than {min(m, n)}")
    _count("pca_lowrank", "niter", niter)
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, rank, niter)


def lobpcg(
    A: Tensor,
    k: int | None = None,
    B: Tensor | None = None,
    X: Tensor | None = None,
    n: int | None = None,
    iK: Tensor | None = None,
    niter: int | None = None,
    tol: float | None = None,
    largest: bool | None = None,
    method: str | None = None,
    tracker: None = None,
    ortho_iparams: dict[str, int] | None = None,
    ortho_fparams: dict[str, float] | None = None,
    ortho_bparams: dict[str, bool] | None = None,
) -> tuple[Tensor, Tensor]:
    """The `k` largest eigenvalues, the largest first, of symmetric positive-definite matrices, and their eigenvectors.

    With `B` those of the problem A x = λ B x; with `largest=False` the smallest ones, the smallest first. `k` is by
    default the number of columns of `X`, or 1. As all matrices here are dense, they are decomposed as a whole by
    `lucid.linalg.eigh`: the result is as exact as any number of iterations would make it, and what guides an iteration
    (`X`, `n`, `iK`, `niter`, `tol`, `method` and the `ortho_` parameters) is accepted and has no influence on it. A
    `tracker`, which would be called in between, is refused.

    Raises ValueError unless the matrices have at least 3 `k` rows.
    """
    inexact("lobpcg", square("lobpcg", A))
    if tracker is not None:
        raise NotImplementedError("lobpcg: there are no iterations that a tracker could follow; leave it out")
    if method not in (None, "basic", "ortho"):
        raise ValueError(f"lobpcg: expected method 'basic' or 'ortho', got {method!r}")
    rows = A._data.shape[-1]
    columns = 1 if X is None else matrix("lobpcg", X, "X")._data.shape[-1]
    count = columns if k is None else _count("lobpcg", "k", k)
    if rows < 3 * count:
        raise ValueError(
            f"lobpcg: the number of rows (={rows}) must not be smaller than 3 x the number of requested eigenpairs "
            f"(={count}); use linalg.eigh"
        )
    half = None
    if B is not None:
        same_dtype("lobpcg", A, square("lobpcg", B, "B"))
        half = cholesky(B)
        A = solve_triangular(half, adjoint(solve_triangular(half, adjoint(A), upper=False)), upper=False)
    values, vectors = eigh(A)
    if half is not None:
        vectors = solve_triangular(adjoint(half), vectors, upper=True)
    order = wrap(mx.arange(rows - 1, rows - 1 - count, -1) if largest is not False else mx.arange(count))
    return values.index_select(-1, order), vectors.index_select(-1, order)
