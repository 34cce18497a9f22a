"""Scans: running sums, products and extremes along a dimension, differences and integrals."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import return_types
from lucid._grad_mode import mode
from lucid._tape import TensorCore, apply, wrap
from lucid.dtypes import INEXACT, dtype
from lucid.ops import _precise
from lucid.ops._arguments import numpy_names
from lucid.ops._dims import wrap_dim
from lucid.ops._out import give, give_pair
from lucid.ops._promotion import result_type
from lucid.ops._reduce import HALF, front, on_rows, pick, total
from lucid.ops.reduction import dtype_for

__all__ = [
    "cummax",
    "cummin",
    "cumprod",
    "cumsum",
    "cumulative_trapezoid",
    "diff",
    "logcumsumexp",
    "trapezoid",
    "trapz",
]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _scan(
    scan: Callable[..., mx.array], operation: str, input: Tensor, dim: int, dtype: dtype | None, out: Tensor | None
) -> Tensor:
    axis = wrap_dim(dim, input._data.ndim, operation)
    kind = input._data.dtype
    dtype = dtype_for(out, dtype)
    to = dtype.mx if dtype is not None else kind if kind in INEXACT else mx.int64
    if to == mx.bool_:
        raise NotImplementedError(f"{operation}: expected a dtype of numbers, got bool; use lucid.int64")
    wide = mx.float32 if to in HALF else mx.int64 if to not in INEXACT else to

    def fn(a: mx.array) -> mx.array:
        a = a.astype(to).astype(wide)
        # MLX 0.32 forgets a conjugate in the gradient, and has no tangents; second gradients are NaN beside a 0.
        if scan is mx.cumprod and a.size and (to == mx.complex64 or mode.level is not None):
            return _by_doubling(mx.multiply, a, axis)
        return (scan(a, axis=axis) if a.size else a).astype(to)

    fn.__qualname__ = operation
    return give(apply(on_rows(fn, input._data.ndim), input), out, operation, exact=True)


@numpy_names
def cumsum(input: Tensor, dim: int, *, dtype: dtype | None = None, out: Tensor | None = None) -> Tensor:
    """The running sum along `dim`. Integers and bools add up in int64, half precision in float32.

    >>> import lucid
    >>> lucid.cumsum(lucid.tensor([1, 2, 3]), dim=0)
    tensor([1, 3, 6])
    """
    return _scan(mx.cumsum, "cumsum", input, dim, dtype, out)


@numpy_names
def cumprod(input: Tensor, dim: int, *, dtype: dtype | None = None, out: Tensor | None = None) -> Tensor:
    """The running product along `dim`. Integers and bools multiply in int64, half precision in float32."""
    return _scan(mx.cumprod, "cumprod", input, dim, dtype, out)


def _extremes(
    scan: Callable[..., mx.array], operation: str, input: Tensor, dim: int, out: tuple[Tensor, Tensor] | None
) -> Any:
    axis = wrap_dim(dim, input._data.ndim, operation)
    if input._data.dtype == mx.complex64:
        raise NotImplementedError(f"{operation}(): complex numbers have no order, got a complex64 tensor")

    def fn(a: mx.array) -> tuple[mx.array, mx.array]:
        if a.size == 0:
            return a, mx.zeros(a.shape, mx.int64)
        frozen = mx.stop_gradient(a.astype(mx.uint8) if a.dtype == mx.bool_ else a)
        positions = mx.arange(a.shape[axis], dtype=mx.int32).reshape((-1,) + (1,) * (a.ndim - axis - 1))
        new = frozen == scan(frozen, axis=axis)  # of equals the last one counts
        if a.dtype in INEXACT:
            new = new | mx.isnan(frozen)
        index = mx.cummax(mx.where(new, positions, mx.array(0, mx.int32)), axis=axis)
        return pick(a, index, axis), index.astype(mx.int64)

    fn.__qualname__ = operation
    return give_pair(apply(on_rows(fn, input._data.ndim), input), out, operation, exact=True)


@numpy_names
def cummax(input: Tensor, dim: int, *, out: tuple[Tensor, Tensor] | None = None) -> return_types.cummax:
    """The largest element so far along `dim`, with its index (of equals the last), as `(values, indices)`."""
    return return_types.cummax(*_extremes(mx.cummax, "cummax", input, dim, out))


@numpy_names
def cummin(input: Tensor, dim: int, *, out: tuple[Tensor, Tensor] | None = None) -> return_types.cummin:
    """The smallest element so far along `dim`, with its index (of equals the last), as `(values, indices)`."""
    return return_types.cummin(*_extremes(mx.cummin, "cummin", input, dim, out))


@numpy_names
def logcumsumexp(input: Tensor, dim: int, *, out: Tensor | None = None) -> Tensor:
    """The log of the running sum of exponentials along `dim`, computed without overflow."""
    axis = wrap_dim(dim, input._data.ndim, "logcumsumexp")
    kind = input._data.dtype
    if kind not in INEXACT:
        raise NotImplementedError(
            f"logcumsumexp(): expected a floating or complex tensor, got {input.dtype!r}; call .float() first"
        )

    def fn(a: mx.array) -> mx.array:
        wide = a.astype(mx.float32) if kind in HALF else a
        if a.size == 0:
            return a
        if kind == mx.float64 or kind == mx.complex64:
            return _by_doubling(_pair, wide, axis)
        return mx.logcumsumexp(wide, axis=axis).astype(kind)

    return give(apply(on_rows(fn, input._data.ndim), input), out, "logcumsumexp", exact=True)


def _by_doubling(combine: Callable[[mx.array, mx.array], mx.array], a: mx.array, axis: int) -> mx.array:
    """A scan in log2(n) steps of a function of two, for what MLX's own scans do not get right."""
    n, width = a.shape[axis], 1
    while width < n:
        head, tail = front(a, axis, 0, width), front(a, axis, width, n)
        a = mx.concatenate([head, combine(tail, front(a, axis, 0, n - width))], axis=axis)
        width *= 2
    return a


def _pair(x: mx.array, y: mx.array) -> mx.array:
    """log(exp(x) + exp(y)), by the larger real part, as PyTorch counts the imaginary one."""
    larger = mx.stop_gradient(mx.real(x) >= mx.real(y))
    high, low = mx.where(larger, x, y), mx.where(larger, y, x)
    same = mx.isinf(mx.real(high)) & (high == low)  # infinity less itself is no number
    return high + mx.log(1 + _precise.exp(mx.where(same, mx.zeros_like(low), low - high)))


# ---- differences and integrals ---------------------------------------------------------------------------------------


@numpy_names
def diff(
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
    *,
    out: Tensor | None = None,
) -> Tensor:
    """The differences between neighbours along `dim`, taken `n` times; of bools whether they differ.

    `prepend` and `append` are joined to `input` first.

    >>> import lucid
    >>> lucid.diff(lucid.tensor([1, 4, 9]))
    tensor([3, 5])
    """
    if not input._data.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional, got a 0-dim tensor")
    axis = wrap_dim(dim, input._data.ndim, "diff")
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"diff(): argument 'n' must be int, not {type(n).__name__}")
    if n < 0:
        raise RuntimeError(f"diff: order must be non-negative but got {n}")
    parts = [t for t in (prepend, input, append) if t is not None] if n else [input]
    for t in parts:
        if t._data.ndim != input._data.ndim:
            raise RuntimeError(
                "diff expects prepend or append to be the same dimension as input, "
                f"got {t._data.ndim} and {input._data.ndim}"
            )
    to = result_type(*parts).mx
    sizes = [tuple(k for d, k in enumerate(t._data.shape) if d != axis) for t in parts]
    if any(size != sizes[0] for size in sizes):
        raise RuntimeError(f"diff: prepend, input and append must agree in all sizes but dimension {axis}, got {sizes}")

    def fn(*arrays: mx.array) -> mx.array:
        a = arrays[0].astype(to) if len(arrays) == 1 else mx.concatenate([x.astype(to) for x in arrays], axis=axis)
        for _ in range(min(n, a.shape[axis])):
            length = a.shape[axis]
            after, before = front(a, axis, 1, length), front(a, axis, 0, max(length - 1, 0))
            a = after != before if to == mx.bool_ else after - before
        return a

    return give(apply(fn, *parts), out, "diff")


def _areas(
    operation: str, y: Tensor, x: Tensor | None, dx: Any, dim: int, finish: Callable[[mx.array, int], mx.array]
) -> Tensor:
    """`finish(areas, axis)` of the trapezoids between neighbours."""
    if not isinstance(y, TensorCore):
        raise TypeError(f"{operation}(): argument 'y' must be Tensor, not {type(y).__name__}")
    if y._data.ndim == 0:
        raise IndexError(f"{operation}: expected y to have at least one dimension, got a 0-dim tensor")
    axis = wrap_dim(dim, y._data.ndim, operation)
    if y._data.shape[axis] == 0 and operation == "trapezoid":  # PyTorch's zeros: of the dtype of y, without a gradient
        return wrap(mx.zeros(y._data.shape[:axis] + y._data.shape[axis + 1 :], y._data.dtype))
    for t in (y, x):
        if t is not None and t._data.dtype == mx.bool_:
            raise RuntimeError(
                f"{operation}: received a bool input for `x` or `y`, but bool is not supported; call .float() first"
            )
    if x is not None and dx is not None:
        raise TypeError(f"{operation}: got both x and dx; pass one of them")
    if x is None:
        if isinstance(dx, (bool, complex)):
            raise RuntimeError(f"{operation}: only real numbers are supported as dx, got {dx!r}")
        if not isinstance(1 if dx is None else dx, (int, float)):
            raise TypeError(f"{operation}: expected a number for dx, got {type(dx).__name__}; the sample points are x")
        to = result_type(y, 1.0).mx
        step = 1 if dx is None else dx

        def spaced(a: mx.array) -> mx.array:
            n, a = a.shape[axis], a.astype(to)
            pairs = front(a, axis, 0, max(n - 1, 0)) + front(a, axis, 1, n)
            return finish(pairs * mx.array(step / 2, to), axis)

        spaced.__qualname__ = operation
        return apply(spaced, y)  # type: ignore[no-any-return]
    if x._data.ndim == 0:
        raise RuntimeError(f"{operation}: expected x to have at least one dimension, got a 0-dim tensor")
    if x._data.ndim == 1 and x._data.shape[0] != y._data.shape[axis]:
        raise RuntimeError(
            f"{operation}: There must be one `x` value for each sample point, "
            f"got {x._data.shape[0]} for {y._data.shape[axis]}"
        )
    to = result_type(y, x, 1.0).mx

    def placed(a: mx.array, points: mx.array) -> mx.array:
        a, points = a.astype(to), points.astype(to)
        if points.ndim == 1:
            points = points.reshape((-1,) + (1,) * (a.ndim - axis - 1))
        along = axis - a.ndim  # of `x`, which may have fewer dimensions
        steps = points.shape[along]
        width = front(points, points.ndim + along, 1, steps) - front(points, points.ndim + along, 0, max(steps - 1, 0))
        n = a.shape[axis]
        pairs = front(a, axis, 0, max(n - 1, 0)) + front(a, axis, 1, n)
        return finish(pairs * width * mx.array(0.5, to), max(a.ndim, points.ndim) + along)

    placed.__qualname__ = operation
    return apply(placed, y, x)  # type: ignore[no-any-return]


def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """The integral of `y` along `dim` by the trapezoidal rule, its points `dx` (1) apart or at `x`.

    >>> import lucid
    >>> lucid.trapezoid(lucid.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    return _areas("trapezoid", y, x, dx, dim, lambda a, axis: total(a, (axis,)))


def trapz(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """The old name of `trapezoid`."""
    return trapezoid(y, x, dx=dx, dim=dim)


def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: float | None = None, dim: int = -1) -> Tensor:
    """`trapezoid` up to each point along `dim`, which has one element less than `y`."""
    return _areas("cumulative_trapezoid", y, x, dx, dim, lambda a, axis: mx.cumsum(a, axis=axis) if a.size else a)
