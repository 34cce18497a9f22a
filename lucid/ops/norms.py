"""Norms and distances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np

from lucid._tape import TensorCore, apply
from lucid.dtypes import FLOATING, INEXACT, OF_MX, dtype
from lucid.ops._arguments import numpy_names
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops._promotion import promote_types, require_tensor, result_type
from lucid.ops._reduce import HALF, axes_of, extreme, reduced_count, total
from lucid.ops._spectral import svdvals

__all__ = ["cdist", "dist", "frobenius_norm", "norm", "nuclear_norm", "renorm", "trace"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Dims = int | tuple[int, ...] | list[int] | None
_MATRIX_ORDERS = ("nuc", 1, -1, 2, -2, math.inf, -math.inf)


def safe_root(squares: mx.array) -> mx.array:
    """The square root of sums of squares; where that is 0 its gradient is 0, not NaN."""
    zero = squares == 0
    return mx.where(zero, mx.zeros((), squares.dtype), mx.sqrt(mx.where(zero, mx.ones((), squares.dtype), squares)))


def safe_power(base: mx.array, exponent: float) -> mx.array:
    """`base ** exponent` for bases that are not negative; where they are 0 the gradient is 0."""
    zero = base == 0
    raised = mx.power(mx.where(zero, mx.ones((), base.dtype), base), mx.array(exponent, base.dtype))
    at_zero = 0.0 if exponent > 0 else 1.0 if exponent == 0 else math.inf
    return mx.where(zero, mx.array(at_zero, base.dtype), raised)


def vector_norm(a: mx.array, p: float, axes: tuple[int, ...] | None, keepdim: bool) -> mx.array:
    """The p-norm over `axes`, real, accumulated in float32 or better and returned so."""
    if a.dtype in HALF:
        a = a.astype(mx.float32)
    if p == 2:
        squares = mx.square(mx.real(a)) + mx.square(mx.imag(a)) if a.dtype == mx.complex64 else mx.square(a)
        return safe_root(total(squares, axes, keepdim))
    size = magnitude(a)
    if p == 0:
        return total((size != 0).astype(size.dtype), axes, keepdim)
    if p == 1:
        return total(size, axes, keepdim)
    if math.isinf(p):
        return extreme(mx.max if p > 0 else mx.min, size, axes, keepdim)
    return safe_power(total(safe_power(size, p), axes, keepdim), 1 / p)


def magnitude(a: mx.array) -> mx.array:
    """The absolute value, whose gradient is 0 at 0 for complex numbers too."""
    if a.dtype == mx.complex64:
        return safe_root(mx.square(mx.real(a)) + mx.square(mx.imag(a)))
    return mx.abs(a)


def _need(shape: tuple[int, ...], axes: tuple[int, ...] | None, p: float, operation: str) -> None:
    if (p < 0 or math.isinf(p)) and not reduced_count(shape, axes):
        raise RuntimeError(f"{operation}: the {p} norm of no elements does not exist, got shape {tuple(shape)}")


def matrix_norm(a: mx.array, order: float | str, axes: tuple[int, int], keepdim: bool) -> mx.array:
    """The norm of the matrices in the two `axes`, real: the sum ("nuc"), largest (2) or smallest (-2) of the singular
    values, or the largest (1, inf) or smallest (-1, -inf) sum of magnitudes of a column (1) or row (inf).
    """
    row, column = axes
    if order in ("nuc", 2, -2):
        batch = [k for k in range(a.ndim) if k not in axes]
        values = svdvals(mx.transpose(a, [*batch, row, column]))
        if order == "nuc":
            found = total(values, (values.ndim - 1,))
        else:
            found = extreme(mx.max if order == 2 else mx.min, values, (values.ndim - 1,))
        return mx.expand_dims(found, sorted(axes)) if keepdim else found
    if a.dtype in HALF:
        a = a.astype(mx.float32)
    along, across = (row, column) if abs(float(order)) == 1 else (column, row)
    sums = total(magnitude(a), (along,), True)
    found = extreme(mx.max if float(order) > 0 else mx.min, sums, (across,), True)
    return found if keepdim else mx.squeeze(found, axes)


def _kind(operation: str, input: Tensor, wanted: dtype | None) -> mx.Dtype:
    """The dtype to compute in."""
    have = OF_MX[require_tensor(operation, input)._data.dtype]
    if not have.is_inexact:
        raise RuntimeError(
            f"{operation}: Expected a floating point or complex tensor as input. Got {have!r}; call .float() first"
        )
    if wanted is None:
        return have.mx
    if not wanted.is_inexact:
        raise RuntimeError(f"{operation}: dtype should be floating point or complex, but got {wanted!r}")
    if wanted.is_complex != have.is_complex:
        raise RuntimeError(f"{operation}: expected a dtype as complex or real as the input, {have!r}; got {wanted!r}")
    if promote_types(have, wanted) is not wanted:
        raise RuntimeError(
            f"{operation}: the dtype of the input ({have!r}) should be convertible without narrowing to the specified "
            f"dtype ({wanted!r})"
        )
    return wanted.mx


def vector_norm_of(
    operation: str,
    input: Tensor,
    order: float,
    dim: Dims = None,
    keepdim: bool = False,
    dtype: dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """What `operation`, one of the functions for norms, gives for the norm of the elements over `dim`."""
    kind = _kind(operation, input, dtype)
    if not hasattr(order, "__float__"):
        raise TypeError(f"{operation}(): argument 'ord' must be a number, not {type(order).__name__}")
    power = float(order)
    axes = None if dim is None else axes_of(dim, input._data.ndim, operation)
    _need(input._data.shape, axes, power, operation)
    real = mx.float32 if kind == mx.complex64 else kind

    def fn(a: mx.array) -> mx.array:
        return vector_norm(a.astype(kind), power, axes, keepdim).astype(real)

    fn.__qualname__ = operation.replace(".", "_")
    return give(apply(fn, input), out, operation, exact=True)


def matrix_norm_of(
    operation: str,
    input: Tensor,
    order: float | str,
    dim: Sequence[int],
    keepdim: bool = False,
    dtype: dtype | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """What `operation` gives for the norm of the matrices in the two dimensions `dim`."""
    require_tensor(operation, input)
    if not isinstance(dim, Sequence) or isinstance(dim, str):
        raise TypeError(f"{operation}(): argument 'dim' must be a tuple of two ints, not {type(dim).__name__}")
    if not isinstance(order, str) and not hasattr(order, "__float__"):
        raise TypeError(f"{operation}(): argument 'ord' must be a number or a string, not {type(order).__name__}")
    if input._data.ndim < 2:
        raise RuntimeError(f"{operation}: The input tensor A must have at least 2 dimensions, got {input._data.ndim}")
    if len(dim) != 2:
        raise RuntimeError(f"{operation}: dim must be a 2-tuple, got {tuple(dim)}")
    if order == "fro":
        return vector_norm_of(operation, input, 2.0, tuple(dim), keepdim, dtype, out)
    if order not in _MATRIX_ORDERS:
        raise RuntimeError(
            f"{operation}: Order {order} not supported; expected 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2"
        )
    row, column = [wrap_dim(d, input._data.ndim, operation) for d in dim]
    if row == column:
        raise RuntimeError(f"{operation}: dims must be different, got {tuple(dim)}")
    have, spectral = OF_MX[input._data.dtype], order in ("nuc", 2, -2)
    if spectral and have.is_inexact and have.itemsize == 2:
        raise RuntimeError(f"{operation}: Low precision dtypes not supported. Got {have!r}; call .float() first")
    kind = _kind(operation, input, dtype)
    shape = input._data.shape
    reduced = min(shape[row], shape[column]) if spectral else shape[column if abs(float(order)) == 1 else row]
    if order != "nuc" and float(order) < 0 and not reduced:
        raise IndexError(f"{operation}: the {order} norm of a matrix without elements does not exist, got {shape}")
    real = mx.float32 if kind == mx.complex64 else kind

    def fn(a: mx.array) -> mx.array:
        return matrix_norm(a.astype(kind), order, (row, column), keepdim).astype(real)

    fn.__qualname__ = operation.replace(".", "_")
    return give(apply(fn, input), out, operation, exact=True)


@numpy_names
def norm(
    input: Tensor,
    p: float | str | None = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    out: Tensor | None = None,
    dtype: dtype | None = None,
) -> Tensor:
    """The `p`-norm of all elements or over `dim`. Its gradient at 0 is 0.

    `p` is any number, `inf`, `-inf`, "fro", which is 2, or "nuc", the sum of the singular values of a matrix.
    `dtype` converts the elements first.

    >>> import lucid
    >>> lucid.norm(lucid.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if p == "nuc" or (isinstance(p, str) and (p != "fro" or (isinstance(dim, Sequence) and len(dim) > 2))):
        dims = tuple(range(input._data.ndim)) if dim is None else dim if isinstance(dim, Sequence) else (dim,)
        return matrix_norm_of("norm", input, p, dims, keepdim, dtype, out)
    return vector_norm_of("norm", input, 2.0 if p is None or isinstance(p, str) else p, dim, keepdim, dtype, out)


@numpy_names
def frobenius_norm(
    input: Tensor, dim: int | Sequence[int], keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The 2-norm over `dim`, at most two dimensions."""
    if isinstance(dim, Sequence) and len(dim) > 2:
        raise RuntimeError(f"frobenius_norm: Expected at most 2 dimensions, but got {len(dim)} dimensions instead.")
    if dim is None:
        raise TypeError("frobenius_norm(): argument 'dim' must be a tuple of ints, not NoneType")
    return vector_norm_of("frobenius_norm", input, 2.0, dim, keepdim, None, out)  # type: ignore[arg-type]


@numpy_names
def nuclear_norm(
    input: Tensor, dim: Sequence[int] = (-2, -1), keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The sum of the singular values of the matrices in the two dimensions `dim`.

    >>> import lucid
    >>> lucid.nuclear_norm(lucid.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(7.)
    """
    return matrix_norm_of("nuclear_norm", input, "nuc", dim, keepdim, None, out)


def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The `p`-norm of `input - other`, broadcast."""
    for name, t in (("input", input), ("other", other)):
        if not isinstance(t, TensorCore):
            raise TypeError(f"dist(): argument '{name}' must be Tensor, not {type(t).__name__}")
    to = result_type(input, other)
    if not to.is_inexact:
        raise RuntimeError(f"dist: expected floating point or complex tensors, got {to!r}; call .float() first")
    kind, real = to.mx, to.to_real().mx
    if not input._data.size or not other._data.size:
        _need((0,), None, p, "dist")

    def fn(a: mx.array, b: mx.array) -> mx.array:
        return vector_norm(a.astype(kind) - b.astype(kind), float(p), None, False).astype(real)

    return apply(fn, input, other)  # type: ignore[no-any-return]


_MODES = ("use_mm_for_euclid_dist_if_necessary", "use_mm_for_euclid_dist", "donot_use_mm_for_euclid_dist")


def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str = _MODES[0]) -> Tensor:
    """The `p`-norm distance of each row of `x1`, (..., P, M), to each of `x2`, (..., R, M), as (..., P, R).

    With `p=2` and more than 25 rows it is computed through a matrix product, unless `compute_mode` is
    "donot_use_mm_for_euclid_dist": that takes less memory, and is less accurate for rows that are close to each other.
    Batches broadcast. The gradient at distance 0 is 0.
    """
    for name, t in (("x1", x1), ("x2", x2)):
        if not isinstance(t, TensorCore):
            raise TypeError(f"cdist(): argument '{name}' must be Tensor, not {type(t).__name__}")
        if t._data.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {t._data.ndim}D")
        if t._data.dtype not in FLOATING:
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {OF_MX[t._data.dtype]!r}")
    if x1._data.shape[-1] != x2._data.shape[-1]:
        raise RuntimeError(
            f"x1 and x2 must have the same number of columns. x1: {x1._data.shape[-1]} x2: {x2._data.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}")
    if compute_mode not in _MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode; expected one of {', '.join(_MODES)}")
    if x1._data.dtype != x2._data.dtype:
        raise RuntimeError(f"cdist: expected x1 and x2 to have the same dtype, but got: {x1.dtype!r} and {x2.dtype!r}")
    rows = max(x1._data.shape[-2], x2._data.shape[-2])
    product = p == 2 and (compute_mode == _MODES[1] or (compute_mode == _MODES[0] and rows > 25))
    to = x1._data.dtype
    wide = mx.float32 if to in HALF else to

    def fn(a: mx.array, b: mx.array) -> mx.array:
        a, b = a.astype(wide), b.astype(wide)
        if a.size == 0 or b.size == 0:
            batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            return mx.zeros((*batch, a.shape[-2], b.shape[-2]), to)
        if not product:
            return vector_norm(a[..., :, None, :] - b[..., None, :, :], float(p), (-1,), False).astype(to)
        lengths = mx.sum(mx.square(a), axis=-1)[..., :, None] + mx.sum(mx.square(b), axis=-1)[..., None, :]
        return safe_root(mx.maximum(lengths - 2 * mx.matmul(a, mx.swapaxes(b, -1, -2)), 0)).astype(to)

    return apply(fn, x1, x2)  # type: ignore[no-any-return]


def renorm(input: Tensor, p: float, dim: int, maxnorm: float, *, out: Tensor | None = None) -> Tensor:
    """`input` with each slice along `dim` whose `p`-norm is larger than `maxnorm` scaled down to it."""
    if not isinstance(input, TensorCore):
        raise TypeError(f"renorm(): argument 'input' must be Tensor, not {type(input).__name__}")
    if isinstance(p, complex) or not p > 0:
        raise RuntimeError(f"renorm: non-positive norm not supported, got p={p}")
    kind, axis = input._data.dtype, wrap_dim(dim, input._data.ndim, "renorm")
    if kind not in INEXACT:
        raise RuntimeError(f"renorm: expected a floating point or complex tensor, got {OF_MX[kind]!r}")
    if input._data.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input._data.ndim} dimensions")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    others = tuple(k for k in range(input._data.ndim) if k != axis)

    def fn(a: mx.array) -> mx.array:
        if a.size == 0:
            return a
        length = vector_norm(a, float(p), others, True)
        scale = mx.where(length > maxnorm, maxnorm / (length + 1e-7), mx.ones((), length.dtype))
        return (a * scale).astype(kind)

    return give(apply(fn, input), out, "renorm")


def trace(input: Tensor) -> Tensor:
    """The sum of the diagonal of a matrix. Raises RuntimeError unless `input` has two dimensions.

    >>> import lucid
    >>> lucid.trace(lucid.tensor([[1, 2], [3, 4]]))
    tensor(5)
    """
    if not isinstance(input, TensorCore):
        raise TypeError(f"trace(): argument 'input' must be Tensor, not {type(input).__name__}")
    if input._data.dtype == mx.bool_:
        raise NotImplementedError("trace: expected numbers, got a bool tensor; call .long() first")
    if input._data.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._data.ndim}")

    def fn(a: mx.array) -> mx.array:
        rows, columns = a.shape
        return total(a.reshape(-1)[: min(rows, columns) * columns : columns + 1] if a.size else a, None)

    return apply(fn, input)  # type: ignore[no-any-return]
