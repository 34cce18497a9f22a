"""Eigenvalues and eigenvectors: of Hermitian matrices, and of any square ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import return_types
from lucid._tape import apply
from lucid.linalg import _kernels
from lucid.linalg._check import inexact, require_finite, square
from lucid.ops import _spectral
from lucid.ops._out import give, give_pair
from lucid.ops._spectral import adjoint, with_gradient

__all__ = ["eig", "eigh", "eigvals", "eigvalsh"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


# ---- Hermitian matrices ----------------------------------------------------------------------------------------------


def _hermitian(operation: str, input: Tensor, uplo: str) -> str:
    if not isinstance(uplo, str):
        raise TypeError(f"{operation}(): argument 'UPLO' must be str, not {type(uplo).__name__}")
    if uplo not in ("L", "U", "l", "u"):
        raise RuntimeError(f"{operation}: Expected UPLO argument to be 'L' or 'U', but got {uplo!r}")
    inexact(operation, square(operation, input, "input"), integers=NotImplementedError)
    require_finite(operation, input)
    return uplo.upper()


def eigh(input: Tensor, UPLO: str = "L", *, out: tuple[Tensor, Tensor] | None = None) -> return_types.linalg_eigh:
    """The `eigenvalues` of symmetric or Hermitian matrices, the smallest first, and the `eigenvectors` as columns.

    Of the (..., n, n) matrices only the lower triangle is read, or with `UPLO="U"` the upper one; the gradient is that
    of the whole matrix. It is finite only where the eigenvalues differ from each other and the loss does not depend on
    the signs (phases) of the vectors; that of `eigvalsh` always is.

    Evaluates `input`: raises LinAlgError if an element is not finite.

    >>> import lucid
    >>> lucid.linalg.eigh(lucid.tensor([[2.0, 1.0], [1.0, 2.0]])).eigenvalues
    tensor([1.0000, 3.0000])
    """
    uplo = _hermitian("linalg.eigh", input, UPLO)

    def eigh(a: mx.array) -> tuple[mx.array, mx.array]:
        return _spectral.eigh(a, uplo)

    eigh.__qualname__ = "eigh"
    return return_types.linalg_eigh(*give_pair(apply(eigh, input), out, "linalg.eigh", exact=True))


def eigvalsh(input: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of symmetric or Hermitian matrices, the smallest first: those of `eigh`, without the vectors."""
    uplo = _hermitian("linalg.eigvalsh", input, UPLO)

    def eigvalsh(a: mx.array) -> mx.array:
        return _spectral.eigvalsh(a, uplo)

    eigvalsh.__qualname__ = "eigvalsh"
    return give(apply(eigvalsh, input), out, "linalg.eigvalsh", exact=True)


# ---- any square matrix -----------------------------------------------------------------------------------------------


def _square(operation: str, input: Tensor) -> None:
    inexact(operation, square(operation, input, "input"))
    if input._data.dtype == mx.float64:
        raise NotImplementedError(
            f"{operation}: the eigenvalues of a float64 matrix are complex128, which MLX does not have; call .float() "
            "first, or linalg.eigh for a symmetric matrix"
        )
    require_finite(operation, input)


def eig(input: Tensor, *, out: tuple[Tensor, Tensor] | None = None) -> return_types.linalg_eig:
    """The `eigenvalues` of square matrices, in no order, and the `eigenvectors` as columns of length 1: complex64.

    The gradient is finite only where the eigenvalues differ and the loss does not depend on the phases of the vectors.

    Evaluates `input`: raises RuntimeError if an element is not finite. float64 is not supported, as MLX has no
    complex128.

    >>> import lucid
    >>> lucid.linalg.eig(lucid.tensor([[2.0, 0.0], [0.0, 3.0]])).eigenvalues
    tensor([2.+0.j, 3.+0.j])
    """
    _square("linalg.eig", input)

    def eig(a: mx.array) -> tuple[mx.array, mx.array]:
        if a.size == 0:
            return mx.zeros(a.shape[:-1], mx.complex64), a.astype(mx.complex64)
        w, v = _decomposed(a)
        a = a.astype(mx.complex64)
        return _values(a, w, v), _vectors(a, w, v)

    eig.__qualname__ = "eig"
    return return_types.linalg_eig(*give_pair(apply(eig, input), out, "linalg.eig"))


def eigvals(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The eigenvalues of square matrices, in no order: those of `eig`, without the vectors."""
    _square("linalg.eigvals", input)

    def eigvals(a: mx.array) -> mx.array:
        return _only_values(a) if a.size else mx.zeros(a.shape[:-1], mx.complex64)

    eigvals.__qualname__ = "eigvals"
    return give(apply(eigvals, input), out, "linalg.eigvals")


def _decomposed(a: mx.array) -> list[mx.array]:
    safe, finite = _spectral.guarded(a)  # MLX 0.32.4 ends the process for a NaN
    w, v = mx.linalg.eig(safe, stream=mx.cpu)
    if a.dtype == mx.complex64:
        v = mx.conjugate(v)  # of complex matrices MLX 0.32.4 returns the conjugates of the eigenvectors
    return _spectral.or_nan(finite, w, v)


# The gradients are those of C. Boeddeker et al., "On the computation of complex-valued gradients with application to
# statistically optimum beamforming" (2019), equations 4.77 and 4.60, for eigenvectors of length 1.


def _values_vjp(primals: Any, cotangent: mx.array, output: mx.array) -> tuple[mx.array, ...]:
    back = adjoint(_vectors(*primals))
    found = _kernels.solve(back, cotangent[..., :, None] * back)[0]
    return found, *[mx.zeros_like(p) for p in primals[1:]]


@with_gradient(_values_vjp)
def _values(a: mx.array, w: mx.array, v: mx.array) -> mx.array:
    return w


def _vectors_vjp(primals: Any, cotangent: mx.array, output: mx.array) -> tuple[mx.array, ...]:
    w, v = _values(*primals), _vectors(*primals)
    back = adjoint(v)
    core = mx.matmul(back, cotangent)
    lengths = mx.real(mx.diagonal(core, 0, -2, -1))
    core = core - mx.matmul(back, v) * lengths[..., None, :]
    same = mx.eye(w.shape[-1], dtype=mx.bool_)
    gap = mx.where(same, mx.ones((), w.dtype), w[..., None, :] - w[..., :, None])
    core = mx.where(same, mx.zeros((), w.dtype), core / mx.conjugate(gap))
    found = _kernels.solve(back, mx.matmul(core, back))[0]
    return found, *[mx.zeros_like(p) for p in primals[1:]]


@with_gradient(_vectors_vjp)
def _vectors(a: mx.array, w: mx.array, v: mx.array) -> mx.array:
    return v


def _only_values_vjp(a: mx.array, cotangent: mx.array, output: mx.array) -> mx.array:
    w, v = _decomposed(a)
    back = adjoint(_vectors(a.astype(mx.complex64), w, v))
    found = _kernels.solve(back, cotangent[..., :, None] * back)[0]
    return found if a.dtype == mx.complex64 else mx.real(found)


@with_gradient(_only_values_vjp)
def _only_values(a: mx.array) -> mx.array:
    safe, finite = _spectral.guarded(a)
    return _spectral.or_nan(finite, mx.linalg.eigvals(safe, stream=mx.cpu))[0]
