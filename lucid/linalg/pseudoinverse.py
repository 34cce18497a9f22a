"""The pseudoinverse, and what else the size of singular values says of a matrix: its rank and its condition."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._limits import finfo
from lucid._tape import TensorCore, apply
from lucid.dtypes import OF_MX
from lucid.linalg import _kernels
from lucid.linalg._check import inexact, matrix, require_finite, square
from lucid.ops import _spectral
from lucid.ops._arguments import numpy_names
from lucid.ops._out import give
from lucid.ops._promotion import require_tensor
from lucid.ops._reduce import extreme, total
from lucid.ops._spectral import adjoint, with_gradient
from lucid.ops.norms import matrix_norm, vector_norm

__all__ = ["cond", "matrix_rank", "pinv"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


# ---- what counts as zero ---------------------------------------------------------------------------------------------


def _tolerances(operation: str, input: Tensor, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """`atol` and `rtol` as tensors or arrays; by default `rtol` is eps * max(m, n), or 0 beside a positive `atol`."""
    for name, value in (("atol", atol), ("rtol", rtol)):
        if isinstance(value, TensorCore):
            if OF_MX[value._data.dtype].is_complex:
                raise RuntimeError(f"{operation}: {name} tensor of complex type is not supported, got complex64")
        elif value is not None and not hasattr(value, "__float__"):
            raise TypeError(
                f"{operation}(): argument '{name}' must be a number or a Tensor, not {type(value).__name__}"
            )
    kind = input._data.dtype
    real = _spectral.real_of(kind)
    if atol is None:
        atol = 0.0
    if rtol is None:
        usual = finfo(OF_MX[real]).eps * max(input._data.shape[-2:])
        if isinstance(atol, TensorCore):
            rtol = apply(lambda a: mx.where(a > 0, mx.zeros((), real), mx.array(usual, real)), atol)
        else:
            rtol = 0.0 if atol > 0 else usual
    return tuple(t if isinstance(t, TensorCore) else mx.array(float(t), real) for t in (atol, rtol))  # type: ignore[return-value]


def _cutoff(sizes: mx.array, atol: mx.array, rtol: mx.array) -> mx.array:
    """The bound below which a singular value, of those in the last dimension, is zero; a dimension stays for them."""
    largest = extreme(mx.max, sizes, (sizes.ndim - 1,)) if sizes.shape[-1] else mx.zeros(sizes.shape[:-1], sizes.dtype)
    atol, rtol = (mx.stop_gradient(t).astype(sizes.dtype) for t in (atol, rtol))
    return mx.maximum(atol, rtol * largest)[..., None]


# ---- the pseudoinverse -----------------------------------------------------------------------------------------------


def _pinv_vjp(primals: Any, cotangent: mx.array, output: mx.array) -> tuple[mx.array, ...]:
    """The gradient of G. Golub and V. Pereyra, "The differentiation of pseudo-inverses" (1973), equation 4.12."""
    a, found = primals[0], attached(*primals)
    back, g = adjoint(found), adjoint(cotangent)
    gram = mx.matmul(g, found), mx.matmul(found, g)
    direct = -mx.matmul(mx.matmul(back, cotangent), back)
    left = mx.matmul(gram[0], back)
    right = mx.matmul(back, gram[1])
    total_ = direct + left - mx.matmul(a, mx.matmul(found, left)) + right - mx.matmul(mx.matmul(right, found), a)
    return _kernels.fold(total_, a.shape), mx.zeros_like(found)


@with_gradient(_pinv_vjp)
def attached(a: mx.array, found: mx.array) -> mx.array:
    """`found`, the pseudoinverse of `a`, with the gradient that it has as such."""
    return found


def pseudoinverse(a: mx.array, atol: mx.array, rtol: mx.array, hermitian: bool = False) -> mx.array:
    """The pseudoinverse of `a`, with singular values below the tolerances taken as 0."""
    if a.size == 0:
        batch = mx.broadcast_shapes(a.shape[:-2], atol.shape, rtol.shape)
        return mx.zeros((*batch, a.shape[-1], a.shape[-2]), a.dtype)
    fixed = mx.stop_gradient(a)
    if hermitian:
        w, v = _spectral.eigh(fixed)
        left, right, sizes = v, adjoint(v), mx.abs(w)
    else:
        u, w, vh = _spectral.svd(fixed)
        left, right, sizes = adjoint(vh), adjoint(u), w
    kept = (sizes > _cutoff(sizes, atol, rtol)) | mx.isnan(sizes)
    weights = mx.where(kept, 1 / mx.where(kept, w, mx.ones((), w.dtype)), mx.zeros((), w.dtype))
    return attached(a, mx.stop_gradient(mx.matmul(left * weights[..., None, :], right)))


@numpy_names
def pinv(
    input: Tensor,
    rcond: float | Tensor | None = None,
    hermitian: bool = False,
    *,
    atol: float | Tensor | None = None,
    rtol: float | Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The Moore-Penrose pseudoinverse of (..., m, n) matrices, as (..., n, m).

    Singular values that are not above max(`atol`, `rtol` * the largest) are taken as 0. `atol` and `rtol` are numbers
    or tensors of the batch's shape; by default `rtol` is eps * max(m, n), or 0 if a positive `atol` is given. `rcond`
    is an older name of `rtol`. With `hermitian` the matrices are taken as Hermitian, which is faster.

    Evaluates `input`: raises LinAlgError if an element is not finite. The gradient is exact where the rank does not
    change.

    >>> import lucid
    >>> lucid.linalg.pinv(lucid.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000, 0.0000],
            [0.0000, 0.0000, 0.2500]])
    """
    if rcond is not None:
        if atol is not None or rtol is not None:
            raise TypeError("linalg.pinv(): expected either rcond or atol and rtol, got both")
        atol, rtol = 0.0, rcond
    return give(pinv_of("linalg.pinv", input, atol, rtol, hermitian), out, "linalg.pinv")


def pinv_of(operation: str, input: Tensor, atol: Any, rtol: Any, hermitian: bool) -> Tensor:
    """The pseudoinverse for `operation`, after its checks."""
    if require_tensor(operation, input)._data.ndim < 2 or not _decomposable(input):
        raise RuntimeError(
            f"{operation}: expected a tensor with 2 or more dimensions of float32, float64 or complex64, got "
            f"{OF_MX[input._data.dtype]!r} of shape {input._data.shape}"
        )
    if hermitian:
        square(operation, input, "input")
    tolerances = _tolerances(operation, input, atol, rtol)
    require_finite(operation, input)

    def pinv(a: mx.array, absolute: mx.array, relative: mx.array) -> mx.array:
        return pseudoinverse(a, absolute, relative, hermitian)

    pinv.__qualname__ = "pinv"
    return apply(pinv, input, *tolerances)  # type: ignore[no-any-return]


def _decomposable(t: Tensor) -> bool:
    kind = OF_MX[t._data.dtype]
    return kind.is_inexact and kind.itemsize > 2


# ---- the rank --------------------------------------------------------------------------------------------------------


@numpy_names
def matrix_rank(
    input: Tensor,
    tol: float | Tensor | None = None,
    hermitian: bool = False,
    *,
    atol: float | Tensor | None = None,
    rtol: float | Tensor | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The number of singular values of each matrix that are above max(`atol`, `rtol` * the largest), int64.

    The tolerances are those of `pinv`; `tol` is an older name of `atol`, with an `rtol` of 0. With `hermitian` the
    magnitudes of eigenvalues are counted.

    Evaluates `input`: raises LinAlgError if there is a NaN.

    >>> import lucid
    >>> lucid.linalg.matrix_rank(lucid.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    operation = "linalg.matrix_rank"
    if tol is not None:
        if atol is not None or rtol is not None:
            raise TypeError(f"{operation}(): expected either tol or atol and rtol, got both")
        atol, rtol = tol, 0.0
    matrix(operation, input, "input")
    if not _decomposable(input):
        raise RuntimeError(
            f"{operation}: expected float32, float64 or complex64, got {OF_MX[input._data.dtype]!r}; call .float()"
        )
    if hermitian:
        square(operation, input, "input")
    tolerances = _tolerances(operation, input, atol, rtol)
    require_finite(operation, input, infinite=not hermitian)

    def matrix_rank(a: mx.array, absolute: mx.array, relative: mx.array) -> mx.array:
        sizes = mx.abs(_spectral.eigvalsh(a)) if hermitian else _spectral.svdvals(a)
        batch = mx.broadcast_shapes(sizes.shape[:-1], absolute.shape, relative.shape)
        if not sizes.size:
            return mx.zeros(batch, mx.int64)
        return total(sizes > _cutoff(sizes, absolute, relative), (len(batch),))

    matrix_rank.__qualname__ = "matrix_rank"
    return give(apply(matrix_rank, input, *tolerances), out, operation)


# ---- the condition ---------------------------------------------------------------------------------------------------


@numpy_names
def cond(input: Tensor, p: float | str | None = None, *, out: Tensor | None = None) -> Tensor:
    """The condition number of each matrix: its `p`-norm times that of its inverse.

    `p` is 2 (also None) or -2, which take any (..., m, n), or one of "fro", "nuc", inf, -inf, 1 and -1, which take
    square matrices. It is infinite for a singular matrix. No matrix is evaluated.

    >>> import lucid
    >>> lucid.linalg.cond(lucid.tensor([[2.0, 0.0], [0.0, 0.5]]))
    tensor(4.)
    """
    operation = "linalg.cond"
    matrix(operation, input, "input")
    order = 2 if p is None else p
    if isinstance(order, str) or order not in (2, -2):
        if isinstance(order, str) or input._data.size:
            square(f"{operation}(ord={p})", input, "input")
        if order not in ("fro", "nuc", 1, -1, math.inf, -math.inf):
            raise RuntimeError(f"{operation} got an invalid norm type: {p}; expected 2, -2, 'fro', 'nuc', inf, 1, ...")
    spectral = order in (2, -2, "nuc")
    inexact(operation, input, halves=NotImplementedError if spectral else RuntimeError)
    kind = input._data.dtype
    real = _spectral.real_of(kind)

    def cond(a: mx.array) -> mx.array:
        if a.size == 0:
            return mx.zeros(a.shape[:-2], real)
        if order in (2, -2):
            values = _spectral.svdvals(a)
            high, low = values[..., 0], values[..., -1]
            return high / low if order == 2 else low / high
        back, info = _kernels.inverse(a)
        found = _size(a, order) * _size(mx.where((info != 0)[..., None, None], mx.zeros((), kind), back), order)
        return mx.where(info != 0, mx.array(math.inf, real), found)

    cond.__qualname__ = "cond"
    return give(apply(cond, input), out, operation)


def _size(a: mx.array, order: float | str) -> mx.array:
    axes = (a.ndim - 2, a.ndim - 1)
    return vector_norm(a, 2, axes, False) if order == "fro" else matrix_norm(a, order, axes, False)
