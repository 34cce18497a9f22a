"""LU factorizations and determinants with gradients."""

from __future__ import annotations

from typing import Any

import mlx.core as mx

from lucid.linalg._kernels import diagonal, identity_like, inverse, solve_triangular, triangular_inverse
from lucid.ops._spectral import adjoint, with_gradient

EPSILON = {mx.float32: 2.0**-23, mx.complex64: 2.0**-23, mx.float64: 2.0**-52}


def parts(lu: mx.array) -> tuple[mx.array, mx.array]:
    """L, with its ones, and U of the packed factors: (..., m, k) and (..., k, n) with k the smaller of m and n."""
    k = min(lu.shape[-2:])
    left = mx.tril(lu[..., :, :k], -1)
    return left + identity_like(left), mx.triu(lu[..., :k, :])


def order(pivots: mx.array, rows: int) -> mx.array:
    """What the row swaps `pivots`, counted from 1, make of `arange(rows)`: `a[order]` is L U."""
    count = pivots.shape[-1]
    counter = mx.arange(rows, dtype=mx.int32)
    found = mx.broadcast_to(counter, (*pivots.shape[:-1], rows))
    if found.size == 0 or count == 0:
        return found
    pivots = mx.clip(pivots.astype(mx.int32) - 1, 0, rows - 1)
    for k in range(count):
        there = pivots[..., k : k + 1]
        moved = mx.take_along_axis(found, there, -1)
        found = mx.where(counter == k, moved, mx.where(counter == there, found[..., k : k + 1], found))
    return found


def take_rows(a: mx.array, rows: mx.array) -> mx.array:
    """The rows of `a`, whose batch broadcasts with that of the positions `rows`, in that order."""
    batch = mx.broadcast_shapes(a.shape[:-2], rows.shape[:-1])
    a = mx.broadcast_to(a, (*batch, *a.shape[-2:]))
    return mx.take_along_axis(a, mx.broadcast_to(rows[..., None], (*batch, rows.shape[-1], a.shape[-1])), -2)


def permutation(rows: mx.array, dtype: mx.Dtype) -> mx.array:
    """The matrix P with `a = P @ a[rows]`."""
    n = rows.shape[-1]
    return (rows[..., None, :] == mx.arange(n, dtype=mx.int32)[:, None]).astype(dtype)


def _complex_factor(a: mx.array) -> tuple[mx.array, mx.array]:
    """LAPACK's elimination, column by column: MLX 0.32.4 has it for real matrices only."""
    m, n = a.shape[-2:]
    row, column = mx.arange(m, dtype=mx.int32)[:, None], mx.arange(n, dtype=mx.int32)
    pivots = []
    with mx.stream(mx.cpu):
        for k in range(min(m, n)):
            size = mx.abs(mx.real(a[..., k])) + mx.abs(mx.imag(a[..., k]))
            size = mx.where(row[:, 0] < k, -1.0, size)
            found = mx.argmax(size, -1, keepdims=True).astype(mx.int32)[..., None]
            pivots.append(found[..., 0])
            a = mx.take_along_axis(a, mx.where(row == k, found, mx.where(row == found, k, row)), -2)
            pivot = a[..., k : k + 1, k : k + 1]
            factors = a[..., k : k + 1] / mx.where(pivot == 0, mx.array(1, a.dtype), pivot)
            below = row > k
            reduced = a - factors * a[..., k : k + 1, :]
            a = mx.where(below & (column > k), reduced, mx.where(below & (column == k), factors, a))
    return a, mx.concatenate(pivots, -1) + 1


def _factor_vjp(a: mx.array, cotangents: Any, outputs: Any) -> mx.array:
    """The gradient from that of L and U, whose product's derivative splits at the diagonal.

    With P^T A = L U, inverse(L) P^T dA inverse(U) = inverse(L) dL + dU inverse(U) for a square matrix: the first is
    strictly lower, the second upper triangular. The columns, or rows, beyond the square follow from it.
    """
    lu, pivots = outputs
    g = cotangents[0]
    m, n = a.shape[-2:]
    k = min(m, n)
    left, right = parts(lu)
    lower, upper = left[..., :k, :], right[..., :k]
    g_left, g_right = mx.tril(g[..., :k], -1), mx.triu(g[..., :k, :])
    below, above = mx.matmul(adjoint(lower), g_left[..., :k, :]), mx.matmul(g_right[..., :k], adjoint(upper))
    if m > n:
        above = above - mx.matmul(adjoint(left[..., k:, :]), g_left[..., k:, :])
    elif n > m:
        below = below - mx.matmul(g_right[..., k:], adjoint(right[..., k:]))
    middle = mx.tril(below, -1) + mx.triu(above)
    columns = [middle] if n <= m else [middle, g_right[..., k:]]
    found = _behind(solve_triangular(adjoint(lower), columns[0], True, True), upper)
    if n > m:
        found = mx.concatenate([found, solve_triangular(adjoint(lower), columns[1], True, True)], -1)
    elif m > n:
        found = mx.concatenate([found, _behind(g_left[..., k:, :], upper)], -2)
    return take_rows(found, mx.argsort(order(mx.stop_gradient(pivots), m), -1))


@with_gradient(_factor_vjp)
def factor(a: mx.array) -> tuple[mx.array, mx.array]:
    """The packed factors of each (m, n) matrix, and the pivots: row k was swapped with row `pivots[k] - 1`."""
    if a.size == 0:
        return a, mx.zeros((*a.shape[:-2], min(a.shape[-2:])), mx.int32)
    if a.dtype == mx.complex64:
        return _complex_factor(a)
    lu, pivots = mx.linalg.lu_factor(a, stream=mx.cpu)
    # MLX 0.32.4 notes too large a size for this result: anything elementwise on it would write beyond its end.
    return mx.contiguous(lu, stream=mx.cpu), pivots.astype(mx.int32) + 1


def _behind(a: mx.array, upper: mx.array) -> mx.array:
    """`a` times the inverse of the adjoint of `upper`."""
    return adjoint(solve_triangular(upper, adjoint(a), True))


# ---- determinants ----------------------------------------------------------------------------------------------------


def _odd(pivots: mx.array) -> mx.array:
    """-1 for each odd number of swaps, 1 for an even one."""
    swaps = (pivots != mx.arange(1, pivots.shape[-1] + 1, dtype=mx.int32)).sum(-1)
    return 1 - 2 * (swaps % 2)


def _det_vjp(a: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
    found = cofactors(a)
    return cotangent[..., None, None] * (mx.conjugate(found) if found.dtype == mx.complex64 else found)


@with_gradient(_det_vjp)
def det(a: mx.array) -> mx.array:
    """The determinant of each matrix."""
    if a.size == 0:
        return mx.ones(a.shape[:-2], a.dtype)
    if a.shape[-1] == 1:
        return a[..., 0, 0]
    lu, pivots = factor(a)
    return mx.prod(diagonal(lu), -1) * _odd(pivots).astype(a.dtype)


def _cofactors_vjp(a: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
    if a.shape[-1] == 1:  # (beside saving work: MLX 0.32.4 writes where it must not in what follows)
        return mx.zeros_like(a)

    def smooth(x: mx.array) -> mx.array:
        return det(x)[..., None, None] * mx.swapaxes(inverse(x)[0], -1, -2)

    found: mx.array = mx.vjp(smooth, [a], [cotangent])[1][0]
    return found


@with_gradient(_cofactors_vjp)
def cofactors(a: mx.array) -> mx.array:
    """The derivative of the determinant: det(A) times the transpose of the inverse.

    It exists for a singular matrix too: there, each zero on the diagonal of U is computed with a number close to it.
    """
    if a.size == 0:
        return a
    if a.shape[-1] == 1:
        return mx.ones_like(a)
    lu, pivots = factor(a)
    left, right = parts(lu)
    middle = diagonal(right)
    near = mx.where(middle == 0, mx.array(EPSILON[a.dtype], a.dtype), 0)
    value = mx.prod(middle + near, -1) * _odd(pivots).astype(a.dtype)
    right = right + identity_like(right) * near[..., None, :]
    whole = mx.matmul(triangular_inverse(right, True, False), triangular_inverse(left, False, True))
    back = mx.argsort(order(pivots, a.shape[-1]), -1)
    return value[..., None, None] * take_rows(mx.swapaxes(whole, -1, -2), back)


def _slogdet_vjp(a: mx.array, cotangents: Any, outputs: Any) -> mx.array:
    """With c = trace(inverse(A) dA), the logarithm changes by Re(c) and the sign by i Im(c) times itself."""
    scale: mx.array = cotangents[1].astype(a.dtype)
    if a.dtype == mx.complex64:
        turn = mx.imag(mx.conjugate(outputs[0]) * cotangents[0])
        scale = scale + turn.astype(a.dtype) * mx.array(1j, a.dtype)
    return scale[..., None, None] * adjoint(inverse(a)[0])


@with_gradient(_slogdet_vjp)
def slogdet(a: mx.array) -> tuple[mx.array, mx.array]:
    """The sign, a complex number of size 1 for complex matrices, of each determinant, and the logarithm of its size."""
    real = mx.float32 if a.dtype == mx.complex64 else a.dtype
    if a.size == 0:
        return mx.ones(a.shape[:-2], a.dtype), mx.zeros(a.shape[:-2], real)
    lu, pivots = factor(a)
    middle = diagonal(lu)
    size = mx.abs(middle)
    if a.dtype == mx.complex64:
        sign = mx.prod(mx.where(size == 0, 0, middle / mx.where(size == 0, 1, size).astype(a.dtype)), -1)
    else:
        sign = mx.prod(mx.sign(middle), -1)
    return sign * _odd(pivots).astype(a.dtype), mx.log(size).sum(-1).astype(real)
