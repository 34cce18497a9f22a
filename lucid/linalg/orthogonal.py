"""The QR factorization and products of Householder reflections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import return_types
from lucid._tape import apply, wrap
from lucid.linalg import _kernels_qr
from lucid.linalg._check import inexact, matrix, same_dtype
from lucid.ops._out import give, give_pair
from lucid.ops._promotion import require_tensor
from lucid.ops._spectral import adjoint

__all__ = ["householder_product", "qr"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def qr(A: Tensor, mode: str = "reduced", *, out: tuple[Tensor, Tensor] | None = None) -> return_types.linalg_qr:
    """Q with orthonormal columns and an upper triangular R with A = Q R.

    For (..., m, n) matrices, with k the smaller of m and n, `mode` is one of
    "reduced": Q is (..., m, k), R is (..., k, n);
    "complete": Q is (..., m, m), R is (..., m, n); not differentiable if m > n;
    "r": R as in "reduced", and Q is an empty tensor.

    >>> import lucid
    >>> Q, R = lucid.linalg.qr(lucid.tensor([[3.0, 1.0], [4.0, 2.0]]))
    >>> R
    tensor([[-5.0000, -2.2000],
            [ 0.0000,  0.4000]])
    """
    return return_types.linalg_qr(*give_pair(factors("linalg.qr", A, mode), out, "linalg.qr"))


def factors(operation: str, A: Tensor, mode: str) -> tuple[Tensor, Tensor]:
    """Q and R for one of the modes of `qr`."""
    inexact(operation, matrix(operation, A))
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"{operation}: received unrecognized mode {mode!r} but expected one of 'reduced' (default), 'r', or "
            "'complete'"
        )

    def qr(a: mx.array) -> Any:
        q, r = _kernels_qr.qr(a, mode == "complete")
        return r if mode == "r" else (q, r)

    qr.__qualname__ = "qr"
    found: Any = apply(qr, A)
    return (wrap(mx.zeros((0,), A._data.dtype)), found) if mode == "r" else found


def _reflections(operation: str, input: Tensor, tau: Tensor) -> None:
    shape = matrix(operation, input, "input")._data.shape
    require_tensor(operation, tau, "tau")
    if tau._data.ndim != len(shape) - 1 or tau._data.shape[:-1] != shape[:-2]:
        raise RuntimeError(
            f"{operation}: Expected tau to have the batch dimensions of input and one dimension less, got shapes "
            f"{shape} and {tau._data.shape}"
        )
    same_dtype(operation, input, tau, "input and tau")


def householder_product(input: Tensor, tau: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The first n columns of the product of k reflections I - tau[i] v[i] v[i]ᴴ, for `input` (..., m, n) with m >= n.

    The vectors stand in the first k columns of `input`, below the diagonal, where each has a 1; `tau` is (..., k).
    That is what `lucid.geqrf` gives.
    """
    name = "linalg.householder_product"
    _reflections(name, input, tau)
    (m, n), k = input._data.shape[-2:], tau._data.shape[-1]
    if n > m:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1], got {m} and {n}")
    if k > n:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1], got {n} and {k}")
    inexact(name, input, integers=NotImplementedError)

    def householder_product(a: mx.array, t: mx.array) -> mx.array:
        return _kernels_qr.orthogonal(a, t, n)

    householder_product.__qualname__ = "householder_product"
    return give(apply(householder_product, input, tau), out, name)


def geqrf(input: Tensor, *, out: tuple[Tensor, Tensor] | None = None) -> return_types.geqrf:
    """The QR factorization as LAPACK holds it: `a` is R with the vectors of reflections below its diagonal, `tau`.

    `householder_product` makes Q of it, `ormqr` multiplies by Q. Prefer `lucid.linalg.qr`, which is faster.
    """
    inexact("geqrf", matrix("geqrf", input, "input"), integers=NotImplementedError)

    def geqrf(a: mx.array) -> tuple[mx.array, mx.array]:
        return _kernels_qr.reflections(a)

    geqrf.__qualname__ = "geqrf"
    return return_types.geqrf(*give_pair(apply(geqrf, input), out, "geqrf"))


def ormqr(
    input: Tensor,
    tau: Tensor,
    other: Tensor,
    left: bool = True,
    transpose: bool = False,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """Q times `other`, or `other` times Q with `left=False`; Qᴴ with `transpose`.

    Q is the whole product of the reflections in `input`, (..., m, k), and `tau`, (..., k), without making it; `other`
    is (..., m, n), or (..., n, m) with `left=False`.
    """
    _reflections("ormqr", input, tau)
    shape = matrix("ormqr", other, "other")._data.shape
    same_dtype("ormqr", input, other, "input and other")
    (m, n), k = input._data.shape[-2:], tau._data.shape[-1]
    side = shape[-2 if left else -1]
    if k > side or k != min(side, n):
        raise RuntimeError(
            f"ormqr: tau.shape[-1] must be equal to min(other.shape[{-2 if left else -1}], input.shape[-1]), got {k}, "
            f"{side} and {n}"
        )
    if side != m:
        raise RuntimeError(
            f"ormqr: other.shape[{-2 if left else -1}] must be equal to input.shape[-2], got {side}, {m}"
        )
    if shape[:-2] != input._data.shape[:-2]:
        raise RuntimeError(f"ormqr: expected input and other with the same batch, got {input._data.shape} and {shape}")
    inexact("ormqr", input, integers=NotImplementedError)

    def ormqr(a: mx.array, t: mx.array, b: mx.array) -> mx.array:
        if left:
            return _kernels_qr.reflect(a, t, b, transpose)
        return adjoint(_kernels_qr.reflect(a, t, adjoint(b), not transpose))

    ormqr.__qualname__ = "ormqr"
    return give(apply(ormqr, input, tau, other), out, "ormqr")
