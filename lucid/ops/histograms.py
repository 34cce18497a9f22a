"""Histograms with their edges, in one dimension and in several. The values decide, so inputs are evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _views, return_types
from lucid._tape import TensorCore, escape, wrap
from lucid.dtypes import OF_MX
from lucid.ops._check import check_tensor
from lucid.ops._out import give
from lucid.ops._reduce import host

__all__ = ["histogram", "histogramdd"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor

Values = np.ndarray[Any, Any]


def histogram(
    input: Tensor,
    bins: int | Tensor = 100,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
    out: Sequence[Tensor] | None = None,
) -> return_types.histogram:
    """How many elements of `input` lie in each bin, and the edges of the bins, as `(hist, bin_edges)`.

    A bin holds its left edge, the last one its right edge too; elements outside count nowhere.

    Args:
        input: float32 or float64, of any shape.
        bins: a number of equal bins, or a 1-d tensor with their edges, in increasing order.
        range: the outermost edges of equal bins; by default the smallest and the largest element.
        weight: what each element counts instead of 1.
        density: divide, so that the histogram has area 1.
        out: where to put the two results.

    >>> import lucid
    >>> lucid.histogram(lucid.tensor([1.0, 2.0, 1.0]), bins=2, range=(0.0, 4.0)).hist
    tensor([2., 1.])
    """
    check_tensor("histogram", input)
    values = _values("histogram", input).reshape(-1, 1)
    if isinstance(bins, TensorCore):
        if range is not None:
            raise TypeError("histogram(): range cannot be combined with bins given as a tensor of edges")
        edges = [_given_edges("histogram", input, bins, 0)]
    else:
        edges = _equal_edges("histogram", values, [_count("histogram", bins)], range)
    hist = _counted("histogram", input, values, edges, weight, input._data.shape, density)
    results = (_back(hist, input), _back(edges[0], input))
    if out is not None:
        results = give(results[0], out[0], "histogram"), give(results[1], out[1], "histogram")
    return return_types.histogram(*results)


def histogramdd(
    input: Tensor,
    bins: int | Sequence[int] | Sequence[Tensor],
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> return_types.histogramdd:
    """A histogram of points: `input` is (..., n), its rows are points of n coordinates. Returns `(hist, bin_edges)`.

    `bins` is a number for all dimensions, or for each a number or a 1-d tensor of edges; `range` holds a lowest and a
    highest edge for each. `weight` is what each point counts instead of 1; with `density` the histogram has volume 1.
    """
    check_tensor("histogramdd", input)
    if input._data.ndim < 2:
        raise RuntimeError(f"histogramdd: input tensor should have at least 2 dimensions, got {input._data.ndim}")
    n = input._data.shape[-1]
    values = _values("histogramdd", input).reshape(-1, n)
    each = list(bins) if isinstance(bins, (list, tuple)) else [bins] * n
    if len(each) != n:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input, "
            f"got {len(each)} for {n}"
        )
    if any(isinstance(b, TensorCore) for b in each):
        edges = [_given_edges("histogramdd", input, b, k) for k, b in enumerate(each)]
    else:
        edges = _equal_edges("histogramdd", values, [_count("histogramdd", b) for b in each], range)
    hist = _counted("histogramdd", input, values, edges, weight, input._data.shape[:-1], density)
    return return_types.histogramdd(_back(hist, input), tuple([_back(e, input) for e in edges]))


def _values(operation: str, input: Tensor) -> Values:
    if input._data.dtype not in (mx.float32, mx.float64):
        raise NotImplementedError(
            f"{operation}: expected a float32 or float64 tensor, got {OF_MX[input._data.dtype]!r}; call .float() first"
        )
    escape(input)
    return host(input)


def _back(values: Values, input: Tensor) -> Tensor:
    data = mx.array(np.ascontiguousarray(values), dtype=input._data.dtype)
    return _views.pin(wrap(data), _views.device_of(input))


def _count(operation: str, bins: Any) -> int:
    if not hasattr(bins, "__index__"):
        raise TypeError(f"{operation}(): expected an int or a tensor of edges for bins, got {type(bins).__name__}")
    if bins <= 0:
        raise RuntimeError(f"{operation}(): bins must be > 0, but got {bins}")
    return int(bins)


def _given_edges(operation: str, input: Tensor, bins: Any, k: int) -> Values:
    check_tensor(operation, bins, "bins")
    if bins._data.dtype != input._data.dtype:
        raise RuntimeError(
            f"{operation}: input tensor and bins tensors should have the same dtype, but got {input.dtype!r} and "
            f"{bins.dtype!r} for dimension {k}"
        )
    if bins._data.ndim != 1 or bins._data.size < 2:
        raise RuntimeError(
            f"{operation}: the bins tensor of dimension {k} should have one dimension and at least 2 edges, got shape "
            f"{tuple(bins._data.shape)}"
        )
    escape(bins)
    return host(bins)


def _equal_edges(operation: str, values: Values, counts: list[int], given: Sequence[float] | None) -> list[Values]:
    n = len(counts)
    if given is not None and len(given) != 2 * n:
        raise RuntimeError(
            f"{operation}: for a {n}-dimensional histogram range should have {2 * n} elements, but got {len(given)}"
        )
    found = []
    for k, count in enumerate(counts):
        if given is not None:
            low, high = given[2 * k], given[2 * k + 1]
        elif len(values):
            low, high = values[:, k].min(), values[:, k].max()
        else:
            low, high = 0, 1
        if not (np.isfinite(low) and np.isfinite(high)):
            raise RuntimeError(f"{operation}: dimension {k}'s range [{low}, {high}] is not finite")
        if low > high:
            raise RuntimeError(
                f"{operation}: min should not exceed max, but got min {low} max {high} for dimension {k}"
            )
        found.append(_evenly(values.dtype.type(low), values.dtype.type(high), count))
    return found


def _evenly(low: Any, high: Any, count: int) -> Values:
    """`count` + 1 edges, each from the nearer end with one rounding, as PyTorch has them."""
    kind = low.dtype
    if low == high:
        low, high = low - kind.type(0.5), high + kind.type(0.5)
    wide: Any = np.float64 if kind == np.float32 else np.longdouble
    step, at = wide((high - low) / kind.type(count)), np.arange(count + 1, dtype=wide)
    edges: Values = np.where(at < (count + 1) // 2, low + step * at, high - step * at[::-1]).astype(kind)
    return edges


def _counted(
    operation: str,
    input: Tensor,
    values: Values,
    edges: list[Values],
    weight: Tensor | None,
    shape: tuple[int, ...],
    density: bool,
) -> Values:
    weights = None
    if weight is not None:
        check_tensor(operation, weight, "weight")
        if weight._data.shape != shape:
            raise RuntimeError(
                f"{operation}: the weight tensor should have one value for each element, shape {tuple(shape)}, but got "
                f"{tuple(weight._data.shape)}"
            )
        if weight._data.dtype != input._data.dtype:
            raise RuntimeError(
                f"{operation}: input tensor and weight tensor should have the same dtype, but got {input.dtype!r} and "
                f"{weight.dtype!r}"
            )
        escape(weight)
        weights = host(weight).reshape(-1).astype(np.float64)
    sizes = tuple(len(e) - 1 for e in edges)
    inside, place = np.ones(len(values), bool), np.zeros(len(values), np.int64)
    for column, edge, size in zip(values.T, edges, sizes, strict=True):
        inside &= (column >= edge[0]) & (column <= edge[-1])
        at = np.minimum(np.searchsorted(edge, column, side="right") - 1, size - 1)
        place = place * size + at
    counts = np.bincount(place[inside], None if weights is None else weights[inside], int(np.prod(sizes)))
    hist = counts.reshape(sizes).astype(values.dtype)
    if density:
        with np.errstate(all="ignore"):  # nothing counted, or edges out of order
            hist /= hist.sum()
            for k, edge in enumerate(edges):
                hist /= np.diff(edge).reshape([-1 if j == k else 1 for j in np.arange(len(edges))])
    return hist
