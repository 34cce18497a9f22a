"""Norms and distances."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np

from lucid._tape import TensorCore, apply
from lucid.dtypes import FLOATING, INEXACT, OF_MX, dtype
from lucid.ops._arguments import numpy_names
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give
from lucid.ops._promotion import result_type
from lucid.ops._reduce import HALF, axes_of, extreme, reduced_count, total

__all__ = ["cdist", "dist", "norm", "renorm", "trace"]

if TYPE_CHECKING:
    from lucid.tensor import Tensor

Dims = int | tuple[int, ...] | list[int] | None


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

    `p` is any number, `inf`, `-inf`, or "fro", which is 2.
    `dtype` converts the elements first. "nuc" is not supported.

    >>> import lucid
    >>> lucid.norm(lucid.tensor([3.0, 4.0]))
    tensor(5.)
    """
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(
            f'norm: expected a number, "fro" or None for p, got {p!r}; "nuc": use numpy.linalg.norm(x.numpy(), "nuc")'
        )
    power = 2.0 if p is None or isinstance(p, str) else float(p)
    kind = input._data.dtype if dtype is None else dtype.mx
    if kind not in INEXACT:
        raise RuntimeError(
            f"norm: expected a floating point or complex tensor, got {OF_MX[kind]!r}; pass dtype=lucid.float32"
        )
    axes = None if dim is None else axes_of(dim, input._data.ndim, "norm")
    _need(input._data.shape, axes, power, "norm")
    real = mx.float32 if kind == mx.complex64 else kind

    def fn(a: mx.array) -> mx.array:
        return vector_norm(a.astype(kind), power, axes, keepdim).astype(real)

    return give(apply(fn, input), out, "norm")


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
    rows = max(x1._data.shape[-2], x2._data.shape[-2])
    product = p == 2 and (compute_mode == _MODES[1] or (compute_mode == _MODES[0] and rows > 25))
    to = result_type(x1, x2).mx
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
