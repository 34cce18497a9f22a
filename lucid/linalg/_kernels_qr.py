"""QR factorizations and Householder reflections with gradients."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.linalg._kernels import diagonal, identity_like, on_diagonal, solve_triangular
from lucid.ops._spectral import adjoint, with_gradient


def reflections(a: mx.array) -> tuple[mx.array, mx.array]:
    """LAPACK's geqrf: R with the reflections' vectors below its diagonal, and their factors tau.

    Column by column in plain MLX operations, because MLX 0.32.4 gives Q and R only, and those of real matrices only.
    """
    m, n = a.shape[-2:]
    count = min(m, n)
    if a.size == 0:
        return a, mx.zeros((*a.shape[:-2], count), a.dtype)
    row, column = mx.arange(m)[:, None], mx.arange(n)
    taus = []
    with mx.stream(mx.cpu):
        for k in range(count):
            vector, tau, beta = _reflection(a[..., k : k + 1], row, k)
            taus.append(tau[..., 0])
            reduced = a - mx.conjugate(tau) * vector * mx.matmul(adjoint(vector), a)
            kept = mx.where(row < k, a, mx.where(row == k, beta, vector))
            a = mx.where(column < k, a, mx.where(column == k, kept, reduced))
        return a, mx.concatenate(taus, -1)


def _reflection(x: mx.array, row: mx.array, k: int) -> tuple[mx.array, mx.array, mx.array]:
    """The vector v, with v[k] = 1, and tau of the reflection that leaves of `x[k:]` only a real `beta` at k."""
    zero, one = mx.array(0, x.dtype), mx.array(1, x.dtype)
    alpha = x[..., k : k + 1, :]
    rest = mx.where(row > k, x, zero)
    squares = _squares(rest).sum(-2, keepdims=True)
    skew = mx.imag(alpha) if x.dtype == mx.complex64 else mx.zeros_like(alpha)
    real = mx.real(alpha) if x.dtype == mx.complex64 else alpha
    idle = (squares == 0) & (skew == 0)  # nothing to reflect
    length = mx.sqrt(squares + _squares(alpha))
    beta = mx.where(real < 0, length, -length).astype(x.dtype)
    tau = mx.where(idle, zero, (beta - alpha) / mx.where(idle, one, beta))
    scaled = rest / mx.where(idle, one, alpha - beta)
    return mx.where(row == k, one, scaled), tau, mx.where(idle, alpha, beta)


def _squares(a: mx.array) -> mx.array:
    return mx.square(mx.real(a)) + mx.square(mx.imag(a)) if a.dtype == mx.complex64 else mx.square(a)


def _vectors(a: mx.array, count: int) -> mx.array:
    below = mx.tril(a[..., :count], -1)
    return below + identity_like(below)


def reflect(a: mx.array, tau: mx.array, b: mx.array, backward: bool) -> mx.array:
    """The product of the reflections in `a` and `tau`, or its adjoint if `backward`, times `b`.

    The product is I - V inverse(I + diag(tau) striu(Vᴴ V)) diag(tau) Vᴴ: Schreiber and Van Loan, "A storage-efficient
    WY representation for products of Householder transformations", 1989, with the recurrence for the triangle solved.
    """
    count = tau.shape[-1]
    if not (a.size and count and b.size):
        return b
    vectors = _vectors(a, count)
    turned = adjoint(vectors)
    triangle = tau[..., None] * mx.matmul(turned, vectors)
    inner = mx.matmul(turned, b)
    if backward:
        inner = _conjugate(tau)[..., None] * solve_triangular(adjoint(triangle), inner, False, True)
    else:
        inner = solve_triangular(triangle, tau[..., None] * inner, True, True)
    return b - mx.matmul(vectors, inner)


def _conjugate(a: mx.array) -> mx.array:
    return mx.conjugate(a) if a.dtype == mx.complex64 else a


def orthogonal(a: mx.array, tau: mx.array, columns: int) -> mx.array:
    """The first `columns` columns of the product of the reflections in `a` and `tau`."""
    rows = a.shape[-2]
    eye = mx.broadcast_to(mx.eye(rows, columns, dtype=a.dtype), (*a.shape[:-2], rows, columns))
    return reflect(a, tau, eye, False)


# ---- Q and R ---------------------------------------------------------------------------------------------------------


def _factor(a: mx.array) -> tuple[mx.array, mx.array]:
    """Q, (..., m, k), and R, (..., k, n), with k the smaller of m and n. No derivative."""
    m, n = a.shape[-2:]
    k = min(m, n)
    if a.size == 0:
        return mx.broadcast_to(mx.eye(m, k, dtype=a.dtype), (*a.shape[:-2], m, k)), mx.zeros(
            (*a.shape[:-2], k, n), a.dtype
        )
    if a.dtype == mx.complex64:
        packed, tau = reflections(a)
        return orthogonal(packed, tau, k), mx.triu(packed[..., :k, :])
    q, r = mx.linalg.qr(a, stream=mx.cpu)
    return q, r


def _tall_vjp(a: mx.array, cotangents: Any, outputs: Any) -> mx.array:
    """As in Walter and Lehmann, "Algorithmic differentiation of linear algebra functions with application in optimum
    experimental design", 2010: Qᴴ dQ is skew, dR inverse(R) upper triangular.
    """
    q, r = outputs
    g_q, g_r = cotangents
    if a.size == 0:
        return mx.zeros_like(a)
    upper = mx.triu(mx.matmul(g_r, adjoint(r)) - mx.matmul(adjoint(q), g_q))
    middle = mx.real(diagonal(upper)).astype(a.dtype) if a.dtype == mx.complex64 else diagonal(upper)
    strict = mx.triu(upper, 1)
    whole = strict + adjoint(strict) + mx.where(on_diagonal(upper), middle[..., None, :], mx.array(0, a.dtype))
    return adjoint(solve_triangular(r, adjoint(g_q + mx.matmul(q, whole)), True))


@with_gradient(_tall_vjp)
def _tall(a: mx.array) -> tuple[mx.array, mx.array]:
    return _factor(a)


def _complete_vjp(a: mx.array, cotangents: Any, outputs: Any) -> mx.array:
    raise RuntimeError(
        "linalg.qr: the QR decomposition is not differentiable when mode='complete' and nrows > ncols, because the "
        "last columns of Q are not determined by A; use mode='reduced'"
    )


@with_gradient(_complete_vjp)
def _complete(a: mx.array) -> tuple[mx.array, mx.array]:
    m, n = a.shape[-2:]
    if a.size == 0:
        return mx.broadcast_to(mx.eye(m, dtype=a.dtype), (*a.shape[:-2], m, m)), a
    # Columns of zeros need no reflection, so the others give the m by m matrix.
    padded = mx.concatenate([a, mx.zeros((*a.shape[:-1], m - n), a.dtype)], -1)
    q, r = _factor(padded)
    return q, r[..., :n]


def qr(a: mx.array, complete: bool) -> tuple[mx.array, mx.array]:
    """Q and R with LAPACK's signs; Q is (..., m, m) if `complete`."""
    m, n = a.shape[-2:]
    if m > n:
        return _complete(a) if complete else _tall(a)
    if m == n:
        return _tall(a)
    q, r = _tall(a[..., :m])
    return q, mx.concatenate([r, mx.matmul(adjoint(q), a[..., m:])], -1)
