"""MLX's inverse, triangular and Cholesky kernels with gradients: what the other files of this folder are made of.

MLX 0.32.4 has no derivative for any of its factorizations, has them on the CPU only and for real matrices only, ends
the process for a 0x0 matrix, and raises in the middle of an evaluation for a singular one. Here each is a custom
function whose derivative is made of the same functions, so that it can be derived again; a matrix without a result
gives NaN and LAPACK's number in `info`, which is not 0; and a complex matrix is computed as a real one of twice the
size.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid.ops._spectral import adjoint, with_gradient


def diagonal(a: mx.array) -> mx.array:
    """The diagonal of each matrix."""
    return mx.diagonal(a, 0, -2, -1)


def on_diagonal(a: mx.array) -> mx.array:
    """True on the diagonal of a matrix of the size of `a`."""
    return mx.eye(a.shape[-2], a.shape[-1], dtype=mx.bool_)


def identity_like(a: mx.array) -> mx.array:
    """The identity of the size and dtype of `a`, for each matrix of its batch."""
    return mx.broadcast_to(mx.eye(a.shape[-2], a.shape[-1], dtype=a.dtype), a.shape)


def fold(g: mx.array, shape: tuple[int, ...]) -> mx.array:
    """The gradient of an input of `shape` that was broadcast to that of `g`."""
    if g.shape == shape:
        return g
    if g.size == 0:
        return mx.zeros(shape, g.dtype)
    extra = g.ndim - len(shape)
    axes = [k for k in range(g.ndim) if k < extra or shape[k - extra] == 1]
    return g.sum(axes, keepdims=True).reshape(shape)


def first(flags: mx.array) -> mx.array:
    """The position, counted from 1, of the first true element in each row; 0 where there is none."""
    if flags.size == 0:
        return mx.zeros(flags.shape[:-1], mx.int32)
    return mx.where(flags.any(-1), mx.argmax(flags.astype(mx.int32), -1) + 1, 0).astype(mx.int32)


def spoil(a: mx.array, info: mx.array) -> mx.array:
    """`a` with NaN in each matrix whose `info` is not 0."""
    return mx.where((info != 0)[..., None, None], mx.array(float("nan"), a.dtype), a)


# ---- complex matrices as real ones -----------------------------------------------------------------------------------


def embed(a: mx.array) -> mx.array:
    """The real matrix [[Re, -Im], [Im, Re]], whose products and inverses are those of the complex ones."""
    re, im = mx.real(a), mx.imag(a)
    return mx.concatenate([mx.concatenate([re, -im], -1), mx.concatenate([im, re], -1)], -2)


def stacked(a: mx.array) -> mx.array:
    """The left half of `embed(a)`: all there is to know."""
    return mx.concatenate([mx.real(a), mx.imag(a)], -2)


def unembed(m: mx.array, columns: int) -> mx.array:
    """The complex matrix whose `stacked` form is in the first `columns` of `m`."""
    rows = m.shape[-2] // 2
    return join(m[..., :rows, :columns], m[..., rows:, :columns])


def join(re: mx.array, im: mx.array) -> mx.array:
    """The complex array of these two parts."""
    return re.astype(mx.complex64) + im.astype(mx.complex64) * mx.array(1j, mx.complex64)


# ---- inverse and solve -----------------------------------------------------------------------------------------------


def triangular_inverse(a: mx.array, upper: bool, unit: bool) -> mx.array:
    """The inverse of the upper or lower triangle; NaN where there is none. No derivative."""
    if a.size == 0:
        return a
    middle = on_diagonal(a)
    if unit:
        a = mx.where(middle, mx.array(1, a.dtype), a)
    if a.dtype == mx.complex64:
        return general_inverse(mx.triu(a) if upper else mx.tril(a))[0]
    a = mx.where(middle & (a == 0), mx.array(float("nan"), a.dtype), a)
    return mx.linalg.tri_inv(a, upper=upper, stream=mx.cpu)


def halves(a: mx.array) -> tuple[mx.array, mx.array, mx.array]:
    """`inverse(L) @ transpose(P)`, `inverse(U)` and `info` of the real square matrices A = P L U. No derivative."""
    rows, lower, upper = mx.linalg.lu(a, stream=mx.cpu)  # A = L[rows] U
    left = triangular_inverse(lower, False, True)
    left = mx.take_along_axis(left, mx.broadcast_to(rows[..., None, :], a.shape), -1)
    return left, triangular_inverse(upper, True, False), first(diagonal(upper) == 0)


def general_inverse(a: mx.array) -> tuple[mx.array, mx.array]:
    """The inverse and `info`. No derivative."""
    if a.size == 0:
        return a, mx.zeros(a.shape[:-2], mx.int32)
    if a.dtype == mx.complex64:
        found, info = general_inverse(embed(a))
        return unembed(found, a.shape[-1]), (info + 1) // 2
    left, right, info = halves(a)
    return spoil(mx.matmul(right, left), info), info


def _inverse_vjp(a: mx.array, cotangents: Any, outputs: Any) -> mx.array:
    back = adjoint(outputs[0])
    return -mx.matmul(mx.matmul(back, cotangents[0]), back)


@with_gradient(_inverse_vjp)
def inverse(a: mx.array) -> tuple[mx.array, mx.array]:
    """The inverse of each square matrix, and `info`: the position of a zero on the diagonal of U, or 0."""
    return general_inverse(a)


def _solve_vjp(primals: Any, cotangents: Any, outputs: Any) -> tuple[mx.array, mx.array]:
    a, b = primals
    back = solve(adjoint(a), cotangents[0])[0]
    return fold(-mx.matmul(back, adjoint(outputs[0])), a.shape), fold(back, b.shape)


@with_gradient(_solve_vjp, broadcasts=True)
def solve(a: mx.array, b: mx.array) -> tuple[mx.array, mx.array]:
    """The X of A X = B, whose batches broadcast, and `info` of A."""
    if a.size == 0 or b.size == 0:
        batch = mx.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        return mx.zeros((*batch, *b.shape[-2:]), b.dtype), general_inverse(a)[1]
    if a.dtype == mx.complex64:
        left, right, info = halves(embed(a))
        found = unembed(mx.matmul(right, mx.matmul(left, stacked(b))), b.shape[-1])
        info = (info + 1) // 2
    else:
        left, right, info = halves(a)
        found = mx.matmul(right, mx.matmul(left, b))
    return spoil(found, info), info


def solve_triangular(a: mx.array, b: mx.array, upper: bool, unit: bool = False, *, whole: bool = False) -> mx.array:
    """The X of A X = B with the upper or lower triangle of A, its diagonal taken as 1 if `unit`. Batches broadcast.

    The gradient of A is 0 where it is not read; or, with `whole`, that of a full matrix, as PyTorch gives it for
    factors that are triangular as they come.
    """
    return _triangular(upper, unit, whole)(a, b)


@functools.cache
def _triangular(upper: bool, unit: bool, whole: bool) -> Callable[[mx.array, mx.array], mx.array]:
    def vjp(primals: Any, cotangent: mx.array, output: mx.array) -> tuple[mx.array, mx.array]:
        a, b = primals
        back = solve_triangular(adjoint(a), cotangent, not upper, unit, whole=whole)
        change = -mx.matmul(back, adjoint(output))
        if not whole:
            change = mx.triu(change, int(unit)) if upper else mx.tril(change, -int(unit))
        return fold(change, a.shape), fold(back, b.shape)

    @with_gradient(vjp, broadcasts=True)
    def solve(a: mx.array, b: mx.array) -> mx.array:
        if a.size == 0 or b.size == 0:
            batch = mx.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            return mx.zeros((*batch, *b.shape[-2:]), b.dtype)
        return mx.matmul(triangular_inverse(a, upper, unit), b)

    return solve


# ---- Cholesky --------------------------------------------------------------------------------------------------------


def cholesky(a: mx.array, upper: bool = False) -> tuple[mx.array, mx.array]:
    """The factor, from its own triangle of `a`, and `info`: the order of the first minor that is not positive."""
    return _cholesky(upper)(a)


@functools.cache
def _cholesky(upper: bool) -> Callable[[mx.array], tuple[mx.array, mx.array]]:
    def vjp(a: mx.array, cotangents: Any, outputs: Any) -> mx.array:
        # Murray, "Differentiation of the Cholesky decomposition", 2016
        factor = outputs[0] if upper else adjoint(outputs[0])
        product = mx.tril(mx.matmul(factor, adjoint(cotangents[0]) if upper else cotangents[0]))
        whole = (product + adjoint(mx.tril(product, -1))) / 2
        left = solve_triangular(factor, whole, True)
        return adjoint(solve_triangular(factor, adjoint(left), True))

    @with_gradient(vjp)
    def factor(a: mx.array) -> tuple[mx.array, mx.array]:
        if a.size == 0:
            return a, mx.zeros(a.shape[:-2], mx.int32)
        lower, info = _lower(adjoint(a) if upper else a)
        return adjoint(lower) if upper else lower, info

    return factor


def _lower(a: mx.array) -> tuple[mx.array, mx.array]:
    if a.dtype == mx.complex64:
        # With the two parts of each element side by side, the real factor is the complex one: its diagonal is real.
        n = a.shape[-1]
        re, im = mx.real(a), mx.where(on_diagonal(a), 0.0, mx.imag(a))
        blocks = mx.stack([mx.stack([re, -im], -1), mx.stack([im, re], -1)], -3)
        factor, info = _lower(blocks.reshape(*a.shape[:-2], 2 * n, 2 * n))
        return join(factor[..., ::2, ::2], factor[..., 1::2, ::2]), (info + 1) // 2
    factor = mx.linalg.cholesky(a, stream=mx.cpu)
    # MLX does not say that LAPACK stopped; where it did, it left a number on the diagonal that has no root.
    info = first(~(diagonal(factor) > 0))
    return spoil(factor, info), info
