"""Which elements occur in another tensor, and where a fixed number of them is not zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mlx.core as mx

from lucid import _views
from lucid._tape import TensorCore, array, escape, wrap
from lucid.ops._check import check_tensor
from lucid.ops._out import give
from lucid.ops._promotion import number, number_dtype, result_type

__all__ = ["isin", "nonzero_static"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.ops._promotion import Number

_FEW = 32  # up to here comparing with every element is faster than sorting them


def isin(
    elements: Tensor | Number,
    test_elements: Tensor | Number,
    *,
    assume_unique: bool = False,
    invert: bool = False,
    out: Tensor | None = None,
) -> Tensor:
    """For each of `elements` whether it occurs in `test_elements`; with `invert`, whether it does not.

    One of the two may be a number. `assume_unique` is accepted in either value: it would not make this faster.

    >>> import lucid
    >>> lucid.isin(lucid.tensor([1, 2, 3]), lucid.tensor([2, 5]))
    tensor([False,  True, False])
    """
    tensors = [t for t in (elements, test_elements) if isinstance(t, TensorCore)]
    if not tensors:
        raise TypeError(
            f"isin(): expected at least one Tensor, got {type(elements).__name__} and {type(test_elements).__name__}"
        )
    for v in (elements, test_elements):
        kind = v.dtype if isinstance(v, TensorCore) else number_dtype(v)
        if kind.rank in (0, 3):
            raise RuntimeError(f"isin: Unsupported input type encountered for isin(): {kind!r}")
    escape(*tensors)
    to = result_type(elements, test_elements).mx
    a, b = (array(v).astype(to) if isinstance(v, TensorCore) else number(v, to) for v in (elements, test_elements))
    found = _occurs(a, b.reshape(-1))
    result = wrap(mx.logical_not(found) if invert else found)
    _views.pin(result, _views.device_of(tensors[0]))
    return give(result, out, "isin")


def _occurs(a: mx.array, among: mx.array) -> mx.array:
    if not a.size or not among.size:
        return mx.zeros(a.shape, mx.bool_)
    if among.size <= _FEW:
        return mx.any(a[..., None] == among, axis=-1)
    order = mx.sort(among)
    at = mx.searchsorted(order, a.reshape(-1)).reshape(a.shape)
    return mx.take(order, mx.minimum(at, among.size - 1)) == a


def nonzero_static(input: Tensor, *, size: int, fill_value: int = -1, out: Tensor | None = None) -> Tensor:
    """The indices of the first `size` elements that are not zero, a row each; other rows hold `fill_value`.

    Unlike with `nonzero` the shape is known beforehand, so nothing is evaluated.

    >>> import lucid
    >>> lucid.nonzero_static(lucid.tensor([3, 0, 4]), size=3)
    tensor([[ 0],
            [ 2],
            [-1]])
    """
    check_tensor("nonzero_static", input)
    if size < 0:
        raise RuntimeError(f"nonzero_static: 'size' must be an non-negative integer, got {size}")
    escape(input)
    data = array(input)
    shape, n = data.shape, data.size
    if n == 0 or size == 0 or not shape:
        filled = mx.full((size, len(shape)), fill_value, mx.int64)
    else:
        flat = data.reshape(-1) != 0
        kind = mx.int32 if n < 2**31 else mx.int64
        positions = mx.sort(mx.where(flat, mx.arange(n, dtype=kind), mx.array(n, kind)))[:size]
        if size > n:
            positions = mx.concatenate([positions, mx.full((size - n,), n, kind)])
        columns, rest = [], positions
        for s in reversed(shape):
            columns.append(rest % s)
            rest = rest // s
        rows = mx.stack(columns[::-1], axis=-1).astype(mx.int64)
        filled = mx.where((positions < n)[:, None], rows, mx.array(fill_value, mx.int64))
    result = _views.pin(wrap(filled), _views.device_of(input))
    return give(result, out, "nonzero_static")
