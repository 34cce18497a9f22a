"""Writing at index tensors along a dimension: scatter and its relatives.

None of them changes its argument; in-place twins do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import apply, array
from lucid.dtypes import OF_MX
from lucid.ops._arguments import numpy_names
from lucid.ops._check import check_tensor, is_tensor
from lucid.ops._dims import wrap_dim
from lucid.ops._fits import fitting
from lucid.ops._keys import bounded
from lucid.ops._out import give
from lucid.ops._place import on_cpu_if_wide
from lucid.ops.gathering import check_index, check_sizes

__all__ = ["scatter", "scatter_add", "scatter_reduce"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Combine = Callable[
    [mx.array, mx.array, mx.array], mx.array
]  # (flat target, flat positions, flat values) -> flat target


def _same_dtype(operation: str, input: Tensor, src: Any) -> None:
    if not is_tensor(src):
        raise TypeError(f"{operation}(): argument 'src' must be Tensor, not {type(src).__name__}")
    if array(src).dtype != array(input).dtype:
        raise RuntimeError(
            f"{operation}(): Expected self.dtype to be equal to src.dtype, got {input.dtype!r} and {src.dtype!r}"
        )


def _along(operation: str, input: Tensor, dim: int, index: Tensor, src: Any, combine: Combine) -> Tensor:
    """Combine the values `src`, a tensor or a 0-dim array, into `input` at `index` along `dim`."""
    check_tensor(operation, input)
    shape = array(input).shape
    d = wrap_dim(dim, len(shape), operation)
    if not is_tensor(index) or array(index).size:  # PyTorch takes an empty index of any dtype
        check_index(operation, index)
    wanted = index._data.shape
    if index._data.size:
        check_sizes(operation, wanted, shape, d)
        if is_tensor(src):
            check_sizes(operation, wanted, src._data.shape, None)
    index = bounded(index, d, 0, shape[d] if shape else 1, RuntimeError)
    cut = tuple([slice(0, n) for n in wanted]) if is_tensor(src) and src._data.shape != wanted else ()
    positions = _positions(shape, wanted, d)

    def fn(a: mx.array, i: mx.array, v: mx.array) -> mx.array:
        if i.size == 0:
            return a
        v = (v[cut] if cut and v.ndim else mx.broadcast_to(v, wanted)).reshape(-1)
        with on_cpu_if_wide(a):
            return combine(a.reshape(-1), positions(i), v).reshape(shape)

    fn.__qualname__ = operation
    result: Tensor = apply(fn, input, index, src)
    return result


def _positions(shape: tuple[int, ...], wanted: tuple[int, ...], d: int) -> Callable[[mx.array], mx.array]:
    """What turns an index of shape `wanted` along dimension `d` into positions in a flattened tensor of `shape`."""
    wide = mx.int64 if math.prod(shape) >= 2**31 else mx.int32

    def positions(i: mx.array) -> mx.array:
        if not shape:
            return mx.zeros((i.size,), mx.int32)
        found = i.astype(wide).reshape(wanted or (1,))
        step = 1
        for k in reversed(range(len(shape))):
            if k == d:
                found = found * step if step != 1 else found
                break
            step *= shape[k]
        step = 1
        for k in reversed(range(len(shape))):
            if k != d and wanted[k] > 1:
                column = (mx.arange(wanted[k], dtype=wide) * step).reshape((-1,) + (1,) * (len(shape) - 1 - k))
                found = found + column
            step *= shape[k]
        return found.reshape(-1)

    return positions


def replace(a: mx.array, i: mx.array, v: mx.array) -> mx.array:
    """`a` with `v` at `i`."""
    return mx.put_along_axis(a, i, v, 0)


def increase(a: mx.array, i: mx.array, v: mx.array) -> mx.array:
    """`a` with `v` added at `i`; where an index repeats, all are added."""
    if a.dtype == mx.bool_:
        return a.astype(mx.int32).at[i].add(v.astype(mx.int32)) != 0
    return a.at[i].add(v)


@numpy_names
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """A copy of `input` with `src`, a tensor or a number, at `index` along `dim`.

    `result[index[i, j], j] = src[i, j]` for `dim=0`.

    `reduce` "add" or "multiply" combines instead of replacing. Where an index repeats without `reduce`, one of the
    values stays.
    Raises RuntimeError for an index out of range or of another dtype, and if `src` has another dtype than `input`.
    """
    check_tensor("scatter", input)
    source = src if value is None else value
    if source is None:
        raise TypeError("scatter(): expected src or value")
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError(f"scatter: reduce argument must be either add or multiply, got {reduce!r}")
    if is_tensor(source) and value is None:
        _same_dtype("scatter", input, source)
    else:
        source = fitting(source.item() if is_tensor(source) else source, array(input).dtype, "scatter")
    combine = {None: replace, "add": increase, "multiply": _multiply}[reduce]
    return give(_along("scatter", input, dim, index, source, combine), out, "scatter", exact=True)


def _multiply(a: mx.array, i: mx.array, v: mx.array) -> mx.array:
    return a.at[i].multiply(v)


@numpy_names
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor, *, out: Tensor | None = None) -> Tensor:
    """A copy of `input` with `src` added at `index` along `dim`, as often as an index appears.

    Raises as `scatter` does.
    """
    check_tensor("scatter_add", input)
    _same_dtype("scatter_add", input, src)
    return give(_along("scatter_add", input, dim, index, src, increase), out, "scatter_add", exact=True)


@numpy_names
def scatter_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
    out: Tensor | None = None,
) -> Tensor:
    """All values of `src` with one index along `dim`, and with `include_self` the one of `input`, reduced to one.

    `reduce` is "sum", "prod", "mean", "amax" or "amin". Raises as `scatter` does.
    """
    check_tensor("scatter_reduce", input)
    _same_dtype("scatter_reduce", input, src)
    return give(
        reduced("scatter_reduce", input, dim, index, src, reduce, include_self), out, "scatter_reduce", exact=True
    )


def reduced(
    operation: str, input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, include_self: bool
) -> Tensor:
    """What `scatter_reduce` and `index_reduce` have in common."""
    combine = {"sum": _sum, "prod": _product, "mean": _mean, "amax": _largest, "amin": _smallest}.get(reduce)
    kind = array(input).dtype
    if (kind == mx.complex64 and reduce in ("amax", "amin")) or (kind == mx.bool_ and reduce == "mean"):
        raise NotImplementedError(f"{operation}: reduce={reduce!r} is not implemented for {OF_MX[kind]!r}")
    if combine is None:
        raise RuntimeError(f"{operation}: reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")

    def with_self(a: mx.array, i: mx.array, v: mx.array) -> mx.array:
        return combine(a, i, v, include_self)

    return _along(operation, input, dim, index, src, with_self)


def _filled(a: mx.array, i: mx.array, neutral: Any) -> mx.array:
    return mx.put_along_axis(a, i, mx.broadcast_to(mx.array(neutral, a.dtype), i.shape), 0)


def _sum(a: mx.array, i: mx.array, v: mx.array, own: bool) -> mx.array:
    return increase(a if own else _filled(a, i, 0), i, v)


def _mean(a: mx.array, i: mx.array, v: mx.array, own: bool) -> mx.array:
    count = mx.full(a.shape, int(own), mx.int32).at[i].add(mx.ones(i.shape, mx.int32))
    count = mx.maximum(count, 1)
    total = _sum(a, i, v, own)
    if mx.issubdtype(a.dtype, mx.integer):
        return mx.floor_divide(total, count.astype(a.dtype))
    return total / count.astype(a.dtype)


def _largest(a: mx.array, i: mx.array, v: mx.array, own: bool) -> mx.array:
    return _extreme(a, i, v, own, lambda x: x.maximum, _lowest(a.dtype))


def _smallest(a: mx.array, i: mx.array, v: mx.array, own: bool) -> mx.array:
    return _extreme(a, i, v, own, lambda x: x.minimum, _highest(a.dtype))


def _lowest(d: mx.Dtype) -> Any:
    return -math.inf if mx.issubdtype(d, mx.inexact) else False if d == mx.bool_ else mx.iinfo(d).min


def _highest(d: mx.Dtype) -> Any:
    return math.inf if mx.issubdtype(d, mx.inexact) else True if d == mx.bool_ else mx.iinfo(d).max


def _extreme(a: mx.array, i: mx.array, v: mx.array, own: bool, of: Any, neutral: Any) -> mx.array:
    start = mx.stop_gradient(a if own else _filled(a, i, neutral))
    best = mx.stop_gradient(of(start.at[i])(mx.stop_gradient(v)))
    if not mx.issubdtype(a.dtype, mx.inexact):
        return best
    # The mean of all that reach the extreme is the extreme, and splits the gradient among them as PyTorch does.
    mine = (a == best) if own else mx.logical_not(_filled(mx.zeros(a.shape, mx.bool_), i, True))
    theirs = v == best[i]
    count = mine.astype(a.dtype).at[i].add(theirs.astype(a.dtype))
    total = mx.where(mine, a, 0).at[i].add(mx.where(theirs, v, 0))
    mean = total / mx.maximum(count, 1)
    return mx.where(mx.isfinite(best), best + (mean - mx.stop_gradient(mean)), best)


def _product(a: mx.array, i: mx.array, v: mx.array, own: bool) -> mx.array:
    start = a if own else _filled(a, i, 1)
    result = mx.stop_gradient(mx.stop_gradient(start).at[i].multiply(mx.stop_gradient(v)))
    if not mx.issubdtype(a.dtype, mx.inexact):
        return result
    # MLX 0.32.4 has no gradient for a multiplying scatter. The product of what is not zero is written as exp(sum(log))
    # around its value, which is exact and can be derived twice; a single zero is a factor of its own, and two of them
    # leave nothing.
    zeros = (start == 0).astype(mx.int32).at[i].add((v == 0).astype(mx.int32))
    ours, theirs = mx.where(start == 0, 1, start), mx.where(v == 0, 1, v)
    rest = mx.stop_gradient(mx.stop_gradient(ours).at[i].multiply(mx.stop_gradient(theirs)))
    logs = mx.log(mx.abs(ours)).at[i].add(mx.log(mx.abs(theirs)))
    zero = mx.where(start == 0, start, 0).at[i].add(mx.where(v == 0, v, 0))
    product = rest * mx.exp(logs - mx.stop_gradient(logs)) * mx.where(zeros == 0, 1, mx.where(zeros == 1, zero, 0))
    return mx.where(mx.isfinite(rest), product, result)
