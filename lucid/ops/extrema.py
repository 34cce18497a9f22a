"""Elementwise extrema: the larger and smaller of two, and clamping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import TensorCore, apply
from lucid.dtypes import FLOATING, OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._fits import fitting
from lucid.ops._out import give
from lucid.ops._promotion import (
    constant,
    number_dtype,
    promote_types,
    promoted,
    require_tensor,
    result_type,
)

__all__ = ["clamp", "clamp_max", "clamp_min", "clip", "fmax", "fmin", "maximum", "minimum"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.ops._promotion import Number


@numpy_names
def maximum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of each pair; NaN if one is. Where both are equal, each receives half of the gradient.

    >>> import lucid
    >>> lucid.maximum(lucid.tensor([1, 5]), lucid.tensor([3, 2]))
    tensor([3, 5])
    """
    return give(_extremum("maximum", mx.maximum, input, other), out, "maximum")


@numpy_names
def minimum(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of each pair; NaN if one is. Where both are equal, each receives half of the gradient."""
    return give(_extremum("minimum", mx.minimum, input, other), out, "minimum")


@numpy_names
def fmax(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The larger of each pair, or the one that is not NaN."""
    return give(_number_extremum("fmax", mx.greater_equal, input, other), out, "fmax")


@numpy_names
def fmin(input: Tensor, other: Tensor, *, out: Tensor | None = None) -> Tensor:
    """The smaller of each pair, or the one that is not NaN."""
    return give(_number_extremum("fmin", mx.less_equal, input, other), out, "fmin")


def _real_type(name: str, *operands: Any) -> Any:
    try:
        to = result_type(*operands)
    except TypeError:  # float64 with a complex tensor
        if any(isinstance(v, TensorCore) and v._data.dtype == mx.complex64 for v in operands):
            raise _unordered(name) from None
        raise
    if to.is_complex:
        raise _unordered(name)
    return to


def _unordered(name: str) -> Exception:
    kind = NotImplementedError if name == "clamp" else RuntimeError
    return kind(f"{name}: not implemented for complex tensors, which have no order")


def _extremum(name: str, fn: Any, a: Tensor, b: Tensor) -> Tensor:
    to = _real_type(name, require_tensor(name, a), require_tensor(name, b, "other"))
    if a._node is None and b._node is None:
        return apply(fn, a, b) if a._data.dtype == b._data.dtype else promoted(fn, to, a, b)

    def halved(x: mx.array, y: mx.array) -> mx.array:
        # at a tie MLX 0.32.4 gives y the whole gradient, and where one is NaN none; PyTorch then gives both all of it
        larger = mx.where(x == y, x * 0.5 + y * 0.5, fn(x, y))
        return mx.where(mx.isnan(x) | mx.isnan(y), x + y, larger)

    halved.__qualname__ = name
    return promoted(halved, to, a, b)


def _number_extremum(name: str, first_wins: Any, a: Tensor, b: Tensor) -> Tensor:
    to = _real_type(name, require_tensor(name, a), require_tensor(name, b, "other"))

    def chosen(x: mx.array, y: mx.array) -> mx.array:
        return mx.where(first_wins(x, y) | mx.isnan(y), x, y)

    chosen.__qualname__ = name
    return promoted(chosen, to, a, b)


@numpy_names
def clamp(
    input: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None, *, out: Tensor | None = None
) -> Tensor:
    """`input` with what is below `min` replaced by `min` and what is above `max` by `max`.

    Args:
        input: any real tensor.
        min: lower bound, a number or a tensor; None for no bound.
        max: upper bound, of the same kind as `min`; None for no bound. Where it is below `min`, the result is `max`.
        out: where to put the result.

    The gradient at a bound goes to `input`. Raises RuntimeError without any bound.

    >>> import lucid
    >>> lucid.clamp(lucid.tensor([-2.0, 0.5, 2.0]), -1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """
    dtype = require_tensor("clamp", input)._data.dtype
    if dtype in FLOATING:  # the common case, fast
        below = None if min is None else constant(min, dtype)
        above = None if max is None else constant(max, dtype)
        if (below is not None or min is None) and (above is not None or max is None) and min is not max:
            result: Tensor = apply(_clamp, input, below, above)
            return result if out is None else give(result, out, "clamp", exact=True)
    return give(
        _clamp_any(input, min, max), out, "clamp", exact=not isinstance(max if min is None else min, TensorCore)
    )


def _clamp_any(input: Tensor, min: Any, max: Any) -> Tensor:
    to = OF_MX[input._data.dtype]
    if to.is_complex:
        raise NotImplementedError("clamp: not implemented for complex tensors, which have no order")
    bounds = [b for b in (min, max) if b is not None]
    if not bounds:
        raise RuntimeError("clamp: At least one of 'min' or 'max' must not be None")
    tensors = [isinstance(b, TensorCore) for b in bounds]
    if any(tensors):
        if not all(tensors):
            raise TypeError("clamp: expected min and max to be both numbers or both tensors")
        fn: Any = _clamp if len(bounds) == 2 else _clamp_below if max is None else _clamp_above
        if fn is _clamp and any(t._node is not None for t in (input, *bounds)):
            fn = _clamp_with_gradient
        to = _real_type("clamp", input, *bounds)
        if to.rank == 0 and len(bounds) == 2:
            raise NotImplementedError("clamp: not implemented for bool tensors")
        return promoted(fn, to, input, *bounds)
    for bound in bounds:
        kind = number_dtype(bound)
        if kind.is_complex:
            raise NotImplementedError("clamp: expected real bounds, got a complex number")
        to = promote_types(to, kind) if kind.rank > to.rank else to
    if to.rank == 0:
        raise NotImplementedError("clamp: not implemented for bool tensors")
    below, above = [None if b is None else fitting(b, to.mx, "clamp") for b in (min, max)]
    return apply(lambda a: _clamp(a.astype(to.mx), below, above), input)  # type: ignore[no-any-return]


clip = clamp


@numpy_names
def clamp_min(input: Tensor, min: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input` with what is below `min` replaced by `min`."""
    return clamp(input, min, out=out)


@numpy_names
def clamp_max(input: Tensor, max: Tensor | Number, *, out: Tensor | None = None) -> Tensor:
    """`input` with what is above `max` replaced by `max`."""
    return clamp(input, None, max, out=out)


# The order of the arguments matters: at a tie MLX 0.32.4 gives the whole gradient to the second.


def _clamp(a: mx.array, below: mx.array | None, above: mx.array | None) -> mx.array:
    if below is not None:
        a = mx.maximum(below, a)
    return a if above is None else mx.minimum(above, a)


def _clamp_with_gradient(a: mx.array, below: mx.array, above: mx.array) -> mx.array:
    """`_clamp` by tensors: no bound has a gradient where they are equal, or one of the three is NaN."""
    low, high = (a < below) & (below < above), (a > above) | (above < below)
    inside = (a >= below) & (a <= above)
    value = mx.stop_gradient(_clamp(a, below, above))
    return mx.where(inside, a, mx.where(mx.isnan(value), value, mx.where(high, above, mx.where(low, below, value))))


def _clamp_below(a: mx.array, below: mx.array) -> mx.array:
    return mx.maximum(below, a)


def _clamp_above(a: mx.array, above: mx.array) -> mx.array:
    return mx.minimum(above, a)
