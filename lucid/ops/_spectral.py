"""Singular values and eigenvalues of Hermitian matrices, with the gradients that MLX 0.32.4 does not have.

Pure functions of arrays of shape (..., m, n), on the CPU, where alone MLX decomposes. A matrix with an element that is
not finite gives NaN throughout: LAPACK would refuse it in the middle of an evaluation.

The gradients are those of J. Townsend, "Differentiating the singular value decomposition" (2016), M. Giles, "An
extended collection of matrix derivative results" (2008), and for complex matrices Z. Wan and S. Zhang, "Automatic
differentiation for complex valued SVD" (2019). Values and vectors have one function each, so that the gradient of the
values alone divides by no difference of them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeVar

import mlx.core as mx

from lucid.ops._custom import custom

F = TypeVar("F", bound=Callable[..., Any])


def with_gradient(vjp: Callable[..., Any], *, broadcasts: bool = False) -> Callable[[F], F]:
    """Give the function below, of matrices, `vjp(primals, cotangents, outputs)` as its derivative.

    `broadcasts` says whether the batches of several arguments may differ.
    """

    def decorate(fn: F) -> F:
        return custom(fn, vjp, batches="broadcast" if broadcasts else "equal")  # type: ignore[no-any-return]

    return decorate


def adjoint(a: mx.array) -> mx.array:
    """The conjugate transposes of the matrices in `a`."""
    a = mx.swapaxes(a, -1, -2)
    return mx.conj(a) if a.dtype == mx.complex64 else a


def identity(batch: tuple[int, ...], n: int, dtype: mx.Dtype) -> mx.array:
    """Identity matrices of shape (*batch, n, n)."""
    return mx.broadcast_to(mx.eye(n, dtype=dtype), (*batch, n, n))


def real_of(dtype: mx.Dtype) -> mx.Dtype:
    """The dtype of the singular values and Hermitian eigenvalues of a matrix of `dtype`."""
    return mx.float32 if dtype == mx.complex64 else dtype


def guarded(a: mx.array) -> tuple[mx.array, mx.array]:
    """`a` without gradient and with zeros for the matrices that LAPACK would refuse, and where it is as it was."""
    a = mx.stop_gradient(a)
    finite = mx.all(mx.isfinite(a), axis=(-2, -1), keepdims=True)
    return mx.where(finite, a, mx.zeros((), a.dtype)), finite


def or_nan(finite: mx.array, *results: mx.array) -> list[mx.array]:
    """`results`, NaN where the matrix was not `finite`."""
    shaped = [finite if r.ndim == finite.ndim else finite[..., 0] for r in results]
    # A real NaN for complex results too: with a complex one mx.compile writes C++ that is none (MLX 0.32.4).
    return [mx.where(ok, r, mx.array(math.nan, real_of(r.dtype))) for ok, r in zip(shaped, results, strict=True)]


def _less_than(a: mx.array, b: mx.array) -> mx.array:
    """`b_j - b_i` with ones on the diagonal: what the off-diagonal elements of a gradient are divided by."""
    difference = b[..., None, :] - a[..., :, None]
    return mx.where(mx.eye(b.shape[-1], dtype=mx.bool_), mx.ones((), b.dtype), difference)


def skew(a: mx.array) -> mx.array:
    """The matrices in `a` minus their adjoints."""
    return a - adjoint(a)


# ---- singular values -------------------------------------------------------------------------------------------------


def svd(a: mx.array, full: bool = False) -> tuple[mx.array, mx.array, mx.array]:
    """`u`, `s` and `vh` with `a = u @ diag(s) @ vh`: of the reduced decomposition, or with `full` square `u` and `vh`.

    Vectors beyond the first min(m, n) have no gradient.
    """
    if a.size == 0:
        return _nothing(a, full)
    found = _decomposed(a, full)
    u, vh = _singular_vectors(a, *found)
    return u, _singular_values(a, *found), vh


def svdvals(a: mx.array) -> mx.array:
    """The singular values of `a`, the largest first."""
    if a.size == 0:
        return mx.zeros((*a.shape[:-2], 0 if 0 in a.shape[-2:] else min(a.shape[-2:])), real_of(a.dtype))
    return _only_singular_values(a)


def _nothing(a: mx.array, full: bool) -> tuple[mx.array, mx.array, mx.array]:
    batch, (m, n) = a.shape[:-2], a.shape[-2:]
    k = min(m, n)
    s = mx.zeros((*batch, k), real_of(a.dtype))
    if full:
        return identity(batch, m, a.dtype), s, identity(batch, n, a.dtype)
    return mx.zeros((*batch, m, k), a.dtype), s, mx.zeros((*batch, k, n), a.dtype)


def _mlx_svd(a: mx.array) -> tuple[mx.array, mx.array, mx.array]:
    found: Any = mx.linalg.svd(a, stream=mx.cpu)
    return found  # type: ignore[no-any-return]


def _decomposed(a: mx.array, full: bool) -> list[mx.array]:
    a, finite = guarded(a)
    m, n = a.shape[-2:]
    k = min(m, n)
    if full or max(m, n) <= max(2 * k, 64) or a.dtype == mx.complex64:
        u, s, vh = _mlx_svd(a)
        return or_nan(finite, u, s, vh) if full else or_nan(finite, u[..., :, :k], s, vh[..., :k, :])
    # MLX 0.32.4 knows square u and vh only, which would not fit into memory: a million rows of two columns
    tall = a if m > n else mx.swapaxes(a, -1, -2)
    q, r = mx.linalg.qr(tall, stream=mx.cpu)
    u, s, vh = _mlx_svd(r)
    u = mx.matmul(q, u)
    return or_nan(finite, u, s, vh) if m > n else or_nan(finite, mx.swapaxes(vh, -1, -2), s, mx.swapaxes(u, -1, -2))


def _singular_values_vjp(primals: list[mx.array], cotangent: mx.array, output: mx.array) -> tuple[mx.array, ...]:
    k = primals[2].shape[-1]
    u, vh = _singular_vectors(*primals)
    found = mx.matmul(u[..., :, :k] * cotangent[..., None, :], vh[..., :k, :])
    return found, *[mx.zeros_like(p) for p in primals[1:]]


@with_gradient(_singular_values_vjp)
def _singular_values(a: mx.array, u: mx.array, s: mx.array, vh: mx.array) -> mx.array:
    return s


def _only_singular_values_vjp(primals: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
    u, _, vh = svd(primals)
    return mx.matmul(u * cotangent[..., None, :], vh)


@with_gradient(_only_singular_values_vjp)
def _only_singular_values(a: mx.array) -> mx.array:
    a, finite = guarded(a)
    values: Any = mx.linalg.svd(a, compute_uv=False, stream=mx.cpu)
    return or_nan(finite, values)[0]


def _singular_vectors_vjp(
    primals: list[mx.array], cotangents: list[mx.array], outputs: list[mx.array]
) -> tuple[mx.array, ...]:
    m, n = primals[0].shape[-2:]
    k = min(m, n)
    s = _singular_values(*primals)
    u, vh = _singular_vectors(*primals)
    u, vh, gu, gvh = u[..., :, :k], vh[..., :k, :], cotangents[0][..., :, :k], cotangents[1][..., :k, :]
    v, gv = adjoint(vh), adjoint(gvh)
    from_u, from_v = mx.matmul(adjoint(u), gu), mx.matmul(vh, gv)
    gap = _less_than(s, s) * mx.where(
        mx.eye(k, dtype=mx.bool_), mx.ones((), s.dtype), s[..., None, :] + s[..., :, None]
    )
    core = skew(from_u) / gap * s[..., None, :] + s[..., :, None] * (skew(from_v) / gap)
    if primals[0].dtype == mx.complex64:  # the phase that u and v share
        phase = mx.imag(mx.diagonal(from_u, 0, -2, -1)) / s
        core = core + identity((), k, mx.complex64) * (phase * 1j)[..., None, :]
    found = mx.matmul(mx.matmul(u, core), vh)
    if m > k:
        outside = gu / s[..., None, :]
        found = found + mx.matmul(outside - mx.matmul(u, mx.matmul(adjoint(u), outside)), vh)
    if n > k:
        outside = adjoint(gv / s[..., None, :])
        found = found + mx.matmul(u, outside - mx.matmul(mx.matmul(outside, v), vh))
    return found, *[mx.zeros_like(p) for p in primals[1:]]


@with_gradient(_singular_vectors_vjp)
def _singular_vectors(a: mx.array, u: mx.array, s: mx.array, vh: mx.array) -> list[mx.array]:
    return [u, vh]


# ---- eigenvalues of Hermitian matrices -------------------------------------------------------------------------------


def eigh(a: mx.array, uplo: str = "L") -> tuple[mx.array, mx.array]:
    """The eigenvalues of `a`, the smallest first, and its eigenvectors as columns.

    Of `a` only the triangle `uplo`, "L" or "U", is read; the gradient is that of a whole Hermitian matrix.
    """
    if a.size == 0:
        return mx.zeros(a.shape[:-1], real_of(a.dtype)), a
    safe, finite = guarded(a)
    w, v = or_nan(finite, *mx.linalg.eigh(safe, UPLO=uplo, stream=mx.cpu))
    return _eigenvalues(a, w, v), _eigenvectors(a, w, v)


def eigvalsh(a: mx.array, uplo: str = "L") -> mx.array:
    """The eigenvalues of `a`, the smallest first, of which only the triangle `uplo` is read."""
    if a.size == 0:
        return mx.zeros(a.shape[:-1], real_of(a.dtype))
    return _only_eigenvalues(uplo)(a)


def _eigenvalues_vjp(primals: list[mx.array], cotangent: mx.array, output: mx.array) -> tuple[mx.array, ...]:
    v = _eigenvectors(*primals)
    found = mx.matmul(v * cotangent[..., None, :], adjoint(v))
    return found, *[mx.zeros_like(p) for p in primals[1:]]


@with_gradient(_eigenvalues_vjp)
def _eigenvalues(a: mx.array, w: mx.array, v: mx.array) -> mx.array:
    return w


@functools.cache
def _only_eigenvalues(uplo: str) -> Callable[[mx.array], mx.array]:
    def gradient(a: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
        _, v = eigh(a, uplo)
        return mx.matmul(v * cotangent[..., None, :], adjoint(v))

    @with_gradient(gradient)
    def values(a: mx.array) -> mx.array:
        a, finite = guarded(a)
        return or_nan(finite, mx.linalg.eigvalsh(a, UPLO=uplo, stream=mx.cpu))[0]

    return values


def _eigenvectors_vjp(primals: list[mx.array], cotangent: mx.array, output: mx.array) -> tuple[mx.array, ...]:
    w, v = _eigenvalues(*primals), _eigenvectors(*primals)
    core = skew(mx.matmul(adjoint(v), cotangent)) / (2 * _less_than(w, w))
    found = mx.matmul(mx.matmul(v, core), adjoint(v))
    return found, *[mx.zeros_like(p) for p in primals[1:]]


@with_gradient(_eigenvectors_vjp)
def _eigenvectors(a: mx.array, w: mx.array, v: mx.array) -> mx.array:
    return v
