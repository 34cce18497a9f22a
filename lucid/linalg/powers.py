"""Powers of square matrices, and their exponential."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import mlx.core as mx

from lucid._tape import apply
from lucid.dtypes import OF_MX
from lucid.linalg._check import square
from lucid.linalg.inverses import inv
from lucid.ops import _spectral
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give
from lucid.ops.products import product_for

__all__ = ["matrix_exp", "matrix_power"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


@numpy_names
def matrix_power(input: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """The product of `n` times each square matrix: the identity for 0, and of the inverse for a negative `n`.

    A negative `n` takes floating or complex matrices, and evaluates them to raise LinAlgError for a singular one.

    >>> import lucid
    >>> lucid.linalg.matrix_power(lucid.tensor([[1, 1], [0, 1]]), 5)
    tensor([[1, 5],
            [0, 1]])
    """
    operation = "linalg.matrix_power"
    square(operation, input, "input")
    if not hasattr(n, "__index__") or isinstance(n, bool):
        raise TypeError(f"{operation}(): argument 'n' must be int, not {type(n).__name__}")
    power = n.__index__()
    base = inv(input) if power < 0 else input
    product = product_for(input._data.dtype)

    def matrix_power(a: mx.array) -> mx.array:
        if a.size == 0 or power in (1, -1):
            return a
        if power == 0:
            return _spectral.identity(a.shape[:-2], a.shape[-1], a.dtype)
        left, found = abs(power), None
        while True:
            if left & 1:
                found = a if found is None else product(found, a)
            left >>= 1
            if not left:
                assert found is not None
                return found
            a = product(a, a)

    matrix_power.__qualname__ = "matrix_power"
    return give(apply(matrix_power, base), out, operation, exact=True)


# The degree of the Taylor polynomial, and the largest 1-norm for which what it leaves out is below the rounding of the
# dtype.
_TAYLOR = {mx.float32: (12, 1.4), mx.float64: (16, 0.75)}
# How often a matrix may be halved to get there; beyond, hardly a digit of the result would be right in that dtype.
_HALVINGS = {mx.float32: 24, mx.float64: 40}


@numpy_names
def matrix_exp(input: Tensor) -> Tensor:
    """The exponential of each square matrix: the sum of `input` ** k / k! over all k.

    float32 is computed in float64 on the CPU, half precision in float32 or better. Nothing is evaluated, so that a
    matrix is always squared as often as the largest ones need it: 24 times, or 40 in float64. Beyond that, at norms of
    about 1e7 or 1e12, the result is NaN.

    >>> import lucid
    >>> lucid.linalg.matrix_exp(lucid.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    operation = "linalg.matrix_exp"
    square(operation, input, "input")
    kind = OF_MX[input._data.dtype]
    if not kind.is_inexact:
        raise RuntimeError(
            f"{operation}: Expected a floating point or complex tensor as input. Got {kind!r}; call .float() first"
        )

    wide = mx.float32
    if kind.is_complex:
        wide = mx.complex64
    elif kind.itemsize == 8 or (kind.itemsize == 4 and mx.default_device() == mx.cpu):
        wide = mx.float64  # each squaring may cost a bit of accuracy: start with enough of them where MLX has them
    most = _HALVINGS[mx.float64 if kind.itemsize == 8 and not kind.is_complex else mx.float32]

    def matrix_exp(a: mx.array) -> mx.array:
        return exponential(a.astype(wide), most).astype(a.dtype)

    matrix_exp.__qualname__ = "matrix_exp"
    return apply(matrix_exp, input)  # type: ignore[no-any-return]


def exponential(a: mx.array, most: int) -> mx.array:
    """The exponential of each matrix by scaling and squaring, `most` times at most.

    That is method 3 of C. Moler and C. Van Loan, "Nineteen dubious ways to compute the exponential of a matrix" (2003),
    with a Taylor polynomial evaluated as in M. Paterson and L. Stockmeyer, "On the number of nonscalar multiplications
    necessary to evaluate polynomials" (1973).
    """
    if a.size == 0:
        return a
    degree, near = _TAYLOR[_spectral.real_of(a.dtype)]
    fixed = mx.stop_gradient(a)
    norm = mx.max(mx.sum(mx.abs(fixed), axis=-2, keepdims=True), axis=-1, keepdims=True)
    halvings = mx.clip(mx.ceil(mx.log2(norm / near)), 0, most)
    found = _taylor(a * mx.power(mx.array(0.5, norm.dtype), halvings), degree)
    for k in range(most):
        found = mx.where(halvings > k, mx.matmul(found, found), found)
    return mx.where(norm <= near * 2.0**most, found, mx.array(math.nan, norm.dtype))


def _taylor(a: mx.array, degree: int) -> mx.array:
    """The sum of `a` ** k / k! up to `degree`, a multiple of 4, with degree / 4 + 2 products."""
    square = mx.matmul(a, a)
    cube = mx.matmul(square, a)
    fourth = mx.matmul(square, square)
    one = mx.eye(a.shape[-1], dtype=a.dtype)

    def part(k: int) -> mx.array:
        c = [1 / math.factorial(k + j) for j in range(4)]
        return c[0] * one + c[1] * a + c[2] * square + c[3] * cube

    found = part(degree - 4) + fourth * (1 / math.factorial(degree))
    for k in range(degree - 8, -1, -4):
        found = part(k) + mx.matmul(fourth, found)
    return found
