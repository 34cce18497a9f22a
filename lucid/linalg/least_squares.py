"""Least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import return_types
from lucid._limits import finfo
from lucid._tape import apply, wrap
from lucid.dtypes import OF_MX
from lucid.linalg._check import broadcast, codes, require_finite, same_dtype
from lucid.linalg.pseudoinverse import pseudoinverse
from lucid.ops import _spectral
from lucid.ops._out import give_pair
from lucid.ops._promotion import require_tensor
from lucid.ops._reduce import total

__all__ = ["lstsq"]

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def lstsq(
    input: Tensor,
    b: Tensor,
    rcond: float | None = None,
    *,
    driver: str | None = None,
    out: tuple[Tensor, Tensor, Tensor, Tensor] | None = None,
) -> return_types.linalg_lstsq:
    """The `solution` X that makes the 2-norm of A X - B smallest, for A = `input` and B = `b`.

    A is (..., m, n), B is (..., m, k) or (..., m), and X (..., n, k) or (..., n): of all that are as good, the one with
    the smallest norm. Singular values below `rcond` times the largest are taken as 0; by default `rcond` is
    eps * max(m, n).

    `driver` is one of LAPACK's names, "gelsy" by default. Whichever it is, lucid solves by the singular value
    decomposition; the name says what comes with the solution, and a part that does not is empty:

    | `driver` | `rank` | `singular_values` | `residuals`, the squared norms of A X - B |
    | --- | --- | --- | --- |
    | "gelsy" | yes | no | no |
    | "gelsd", "gelss" | yes | yes | if m > n and all matrices have full rank |
    | "gels" | no | no | if m > n |

    Raises LinAlgError if an element of A is not finite.

    >>> import lucid
    >>> a = lucid.tensor([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    >>> lucid.linalg.lstsq(a, lucid.tensor([1.0, 3.0, 5.0])).solution
    tensor([1., 2.])
    """
    name = "linalg.lstsq"
    require_tensor(name, input)
    require_tensor(name, b, "b")
    driver = "gelsy" if driver is None else driver
    if not isinstance(driver, str):
        raise TypeError(f"{name}(): argument 'driver' must be str, not {type(driver).__name__}")
    if driver not in _DRIVERS:
        raise RuntimeError(f"{name}: parameter `driver` should be one of {', '.join(_DRIVERS)}, got {driver!r}")
    vector = _check_shapes(name, input, b)
    kind, shape = input._data.dtype, input._data.shape
    if not OF_MX[kind].is_inexact or kind.size == 2:
        raise RuntimeError(f"{name}: expected float32, float64 or complex64, got {OF_MX[kind]!r}; call .float() first")
    same_dtype(name, input, b, "input and b")
    require_finite(name, input)
    real = _spectral.real_of(kind)
    m, n = shape[-2:]
    relative = finfo(OF_MX[real]).eps * max(m, n) if rcond is None else float(rcond)
    if driver == "gels":
        relative = 0.0  # it takes the matrix to have full rank
    zero, bound = mx.zeros((), real), mx.array(relative, real)

    def lstsq(a: mx.array, right: mx.array) -> mx.array:
        right = right[..., None] if vector else right
        if a.size == 0 or right.size == 0:
            batch = mx.broadcast_shapes(a.shape[:-2], right.shape[:-2])
            found = mx.zeros((*batch, n, right.shape[-1]), kind)
        else:
            found = mx.matmul(pseudoinverse(a, zero, bound), right)
        return found[..., 0] if vector else found

    lstsq.__qualname__ = "lstsq"
    solution: Tensor = apply(lstsq, input, b)
    nothing, count = wrap(mx.zeros((0,), real)), wrap(mx.zeros((0,), mx.int64))
    values: Tensor = nothing
    if driver != "gels":
        values = apply(lambda a: mx.stop_gradient(_spectral.svdvals(a)), input.detach())
        count = apply(lambda s: _count(s, bound), values)
    missed = m > n and driver != "gelsy" and (driver == "gels" or _full_rank(count, n))
    residuals = _residuals(input, b, solution, vector, missed)
    parts = (solution, residuals, count, values if driver in ("gelsd", "gelss") else nothing)
    return return_types.linalg_lstsq(*give_pair(parts, out, name, exact=True))


def _check_shapes(name: str, a: Tensor, b: Tensor) -> bool:
    """True if `b` is a vector for each matrix of `a`."""
    left, right = a._data.shape, b._data.shape
    if len(left) < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions, got {len(left)}")
    if not right:
        raise RuntimeError(f"{name}: b must have at least 1 dimension, got 0")
    vector = right == left[:-1]
    if len(left) != len(right) and not vector:
        raise RuntimeError(
            f"{name}: expected b to be one vector for each matrix, {left[:-1]}, or to have as many dimensions as "
            f"input; got shapes {left} and {right}"
        )
    if not vector:
        if left[-2] != right[-2]:
            raise RuntimeError(f"{name}: input and b must have the same number of rows, got shapes {left} and {right}")
        broadcast(name, left[:-2], right[:-2])
    return vector


def _count(sizes: mx.array, bound: mx.array) -> mx.array:
    return total(sizes > bound * sizes[..., :1], (sizes.ndim - 1,))


def _full_rank(count: Tensor, n: int) -> bool:
    """True if all matrices have rank `n`: the shape of a result depends on it. While MLX traces it is assumed."""
    found = codes(count)
    return found is None or bool((found == n).all())


def _residuals(a: Tensor, b: Tensor, x: Tensor, vector: bool, missed: bool) -> Tensor:
    def residuals(a: mx.array, b: mx.array, x: mx.array) -> mx.array:
        if not missed:
            return mx.zeros((0,), _spectral.real_of(a.dtype))
        if vector:
            b, x = b[..., None], x[..., None]
        miss = mx.matmul(a, x) - b if a.size and x.size else -b
        squares = mx.square(mx.real(miss)) + mx.square(mx.imag(miss)) if miss.dtype == mx.complex64 else mx.square(miss)
        return total(squares, (squares.ndim - 2,))

    residuals.__qualname__ = "lstsq"
    return apply(residuals, a, b, x)  # type: ignore[no-any-return]
