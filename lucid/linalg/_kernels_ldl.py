"""The factorization of symmetric and Hermitian matrices that need not be definite, and what is solved with it.

MLX 0.32.4 has none. This is LAPACK's (sytf2 and hetf2 on the lower triangle, sytrs and hetrs), after Bunch and Kaufman,
"Some stable methods for calculating inertia and solving symmetric linear systems", 1977: a batch goes through it
together, column by column, and which kind of pivot a matrix takes is chosen by `where`.
"""

from __future__ import annotations

import math

import mlx.core as mx

from lucid.linalg._kernels import diagonal, first, on_diagonal
from lucid.ops._spectral import adjoint

ALPHA = (1 + math.sqrt(17)) / 8


def _turn(a: mx.array, hermitian: bool) -> mx.array:
    return adjoint(a) if hermitian else mx.swapaxes(a, -1, -2)


def _conjugate(a: mx.array, hermitian: bool) -> mx.array:
    return mx.conjugate(a) if hermitian and a.dtype == mx.complex64 else a


def _size(a: mx.array) -> mx.array:
    """What LAPACK compares elements by."""
    return mx.abs(mx.real(a)) + mx.abs(mx.imag(a)) if a.dtype == mx.complex64 else mx.abs(a)


def _swap(counter: mx.array, here: mx.array, there: mx.array) -> mx.array:
    """The positions `counter` with two of them exchanged."""
    return mx.where(counter == here, there, mx.where(counter == there, here, counter))


def _tidy(a: mx.array, hermitian: bool) -> mx.array:
    """`a` without the imaginary parts on its diagonal, which a Hermitian matrix has from rounding only."""
    if hermitian and a.dtype == mx.complex64:
        return mx.where(on_diagonal(a), mx.real(a).astype(a.dtype), a)
    return a


def _safe(a: mx.array) -> mx.array:
    return mx.where(a == 0, mx.array(1, a.dtype), a)


def factor(a: mx.array, hermitian: bool) -> tuple[mx.array, mx.array, mx.array]:
    """D and L in one matrix, the pivots, counted from 1, negative for blocks of two, and `info`."""
    n = a.shape[-1]
    if a.size == 0:
        return a, mx.zeros(a.shape[:-1], mx.int32), mx.zeros(a.shape[:-2], mx.int32)
    with mx.stream(mx.cpu):
        below = mx.tril(a, -1)
        rest = _tidy(below + _turn(below, hermitian) + mx.where(on_diagonal(a), a, 0), hermitian)
        found = mx.zeros_like(a)
        second = mx.zeros((*a.shape[:-2], 1, 1), mx.bool_)
        pivots: list[mx.array] = []
        failures: list[mx.array] = []
        for k in range(n):
            pivot, two, failed, found, rest = _step(found, rest, second, k, hermitian)
            pivots.append(mx.where(second, pivots[-1] if pivots else pivot, pivot))
            failures.append(failed)
            second = two
        return (
            found,
            mx.concatenate([p[..., 0] for p in pivots], -1),
            first(mx.concatenate([f[..., 0] for f in failures], -1)),
        )


def _step(
    found: mx.array, rest: mx.array, second: mx.array, k: int, hermitian: bool
) -> tuple[mx.array, mx.array, mx.array, mx.array, mx.array]:
    """Take column `k`, or two of them, out of `rest`; matrices in which it is the second of two stay as they are."""
    n = rest.shape[-1]
    counter = mx.arange(n, dtype=mx.int32)
    row, column = counter[:, None], counter
    size = _size(rest)
    corner = size[..., k : k + 1, k : k + 1]
    under = mx.where(row > k, size[..., k : k + 1], 0)
    largest = under.max(-2, keepdims=True)
    at = mx.maximum(mx.argmax(under, -2, keepdims=True).astype(mx.int32), k)
    beside = mx.take_along_axis(size, mx.broadcast_to(at, (*size.shape[:-2], 1, n)), -2)
    other = mx.take_along_axis(beside, at, -1)
    along = mx.where((column >= k) & (column != at), beside, 0).max(-1, keepdims=True)
    failed = (mx.maximum(corner, largest) == 0) | mx.isnan(corner)
    stay = failed | (corner >= ALPHA * largest) | (corner >= ALPHA * largest * (largest / _safe(along)))
    two = ~stay & (other < ALPHA * along) & ~second
    target = mx.where(stay, k, at)
    here = mx.where(two, k + 1, k)
    order = mx.where(second, column, _swap(column, here, target))
    moved = mx.take_along_axis(rest, mx.broadcast_to(mx.swapaxes(order, -1, -2), rest.shape), -2)
    moved = mx.take_along_axis(moved, mx.broadcast_to(order, rest.shape), -1)

    # one column
    d = moved[..., k : k + 1, k : k + 1]
    x = mx.where(row > k, moved[..., k : k + 1], 0)
    single = mx.where(failed, x, x / _safe(d))
    less = mx.where(failed, moved, moved - single * _turn(x, hermitian))
    head = mx.where(row == k, d, single)
    if k + 1 < n:
        pair, tail, twice = _two(moved, row, k, hermitian)
        head, less = mx.where(two, pair, head), mx.where(two, twice, less)
        found = mx.where(two & (column == k + 1), tail, found)
    found = mx.where(~second & (column == k), head, found)
    pivot = mx.where(two, -target - 1, target + 1)
    return pivot, two, failed & ~second, found, mx.where(second, rest, _tidy(less, hermitian))


def _two(moved: mx.array, row: mx.array, k: int, hermitian: bool) -> tuple[mx.array, mx.array, mx.array]:
    """Columns `k` and `k + 1` of the factors, and what is left of `moved`, for a block of two."""
    corner, low = moved[..., k : k + 1, k : k + 1], moved[..., k + 1 : k + 2, k : k + 1]
    last = moved[..., k + 1 : k + 2, k + 1 : k + 2]
    scale = mx.abs(low).astype(moved.dtype) if hermitian else low
    scale = _safe(scale)
    turn = low / scale
    p, q = last / scale, corner / scale
    factor = 1 / (scale * _safe(p * q - turn * _conjugate(turn, hermitian)))
    x = mx.where(row > k + 1, moved[..., k : k + 1], 0)
    y = mx.where(row > k + 1, moved[..., k + 1 : k + 2], 0)
    left, right = factor * (p * x - turn * y), factor * (q * y - _conjugate(turn, hermitian) * x)
    less = moved - left * _turn(x, hermitian) - right * _turn(y, hermitian)
    first_column = mx.where(row == k, corner, mx.where(row == k + 1, low, left))
    return first_column, mx.where(row == k + 1, last, right), less


def solve(ld: mx.array, pivots: mx.array, b: mx.array, hermitian: bool) -> mx.array:
    """The X of A X = B for the A that `factor` took apart. The batches are the same."""
    n = ld.shape[-1]
    if ld.size == 0 or b.size == 0:
        return mx.zeros_like(b)
    with mx.stream(mx.cpu):
        counter = mx.arange(n, dtype=mx.int32)
        row = counter[:, None]
        double = pivots < 0
        head = double & (mx.cumsum(double.astype(mx.int32), -1) % 2 == 1)
        target = mx.clip(mx.abs(pivots) - 1, 0, n - 1)
        here = counter + head.astype(mx.int32)
        target = mx.where(double & ~head, here, target)
        steps = [
            mx.swapaxes(_swap(counter, here[..., None, k : k + 1], target[..., None, k : k + 1]), -1, -2)
            for k in range(n)
        ]
        columns = mx.where(row > here[..., None, :], ld, mx.array(0, ld.dtype))
        for k in range(n):
            b = mx.take_along_axis(b, mx.broadcast_to(steps[k], b.shape), -2)
            b = b - columns[..., k : k + 1] * b[..., k : k + 1, :]
        b = _blocks(ld, head, double, b, hermitian)
        for k in reversed(range(n)):
            change = mx.matmul(_turn(columns[..., k : k + 1], hermitian), b)
            b = mx.where(row == k, b - change, b)
            b = mx.take_along_axis(b, mx.broadcast_to(steps[k], b.shape), -2)
        return b


def _after(a: mx.array) -> mx.array:
    return mx.roll(a, -1, -2)


def _before(a: mx.array) -> mx.array:
    return mx.roll(a, 1, -2)


def _blocks(ld: mx.array, head: mx.array, double: mx.array, b: mx.array, hermitian: bool) -> mx.array:
    """`b` divided by D, whose blocks are of one or two rows."""
    middle = diagonal(ld)[..., None]
    if hermitian and ld.dtype == mx.complex64:
        middle = mx.real(middle).astype(ld.dtype)
    low = mx.pad(diagonal(ld[..., 1:, :-1]), [(0, 0)] * (ld.ndim - 2) + [(0, 1)])[..., None]
    high = _conjugate(low, hermitian)
    head, double = head[..., None], double[..., None]
    area = middle * _after(middle) - low * high
    upper = (_after(middle) * b - high * _after(b)) / _safe(mx.where(head, area, 1))
    lower = (_before(middle) * b - _before(low) * _before(b)) / _safe(mx.where(double & ~head, _before(area), 1))
    return mx.where(head, upper, mx.where(double, lower, b / mx.where(double, 1, middle)))
