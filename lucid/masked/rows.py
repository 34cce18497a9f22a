"""Scans, softmax and normalisation of the elements that a mask leaves over: the shape stays.

All take `mask`, which broadcasts to `input` and is True where an element counts, and `dtype`, the dtype of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lucid import dtypes, ops
from lucid.masked._mask import Dims, axis_of, dtype_of, filled, lowest, need_floating
from lucid.masked.reductions import norm

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["cumprod", "cumsum", "log_softmax", "logaddexp", "normalize", "softmax", "softmin"]

_dtype = dtypes.dtype


def cumsum(input: Tensor, dim: int, *, dtype: _dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """The running sum along `dim`, in which elements where `mask` is False count 0; in the dtype of `input`.

    >>> import lucid
    >>> lucid.masked.cumsum(lucid.tensor([1.0, 2.0, 4.0]), 0, mask=lucid.tensor([True, False, True]))
    tensor([1., 1., 5.])
    """
    axis = axis_of("cumsum", input, dim)
    return ops.cumsum(filled("cumsum", input, mask, 0), axis, dtype=dtype_of("cumsum", input, dtype))


def cumprod(input: Tensor, dim: int, *, dtype: _dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """The running product along `dim`, in which elements where `mask` is False count 1; in the dtype of `input`."""
    axis = axis_of("cumprod", input, dim)
    return ops.cumprod(filled("cumprod", input, mask, 1), axis, dtype=dtype_of("cumprod", input, dtype))


def _shares(
    operation: str, function: Callable[..., Tensor], input: Tensor, dim: int, dtype: Any, mask: Tensor | None, sign: int
) -> Tensor:
    axis = axis_of(operation, input, dim)
    to = dtype_of(operation, input, dtype)
    rest = input if mask is None else filled(operation, input, mask, lowest(operation, input, sign))
    need_floating(operation, input, to)
    rest = rest.to(to)
    return function(rest if sign > 0 else -rest, axis)


def softmax(input: Tensor, dim: int, *, dtype: _dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """The softmax along `dim` of the elements where `mask` is True; 0 at the others, and NaN in rows without any."""
    return _shares("softmax", ops.softmax, input, dim, dtype, mask, 1)


def log_softmax(input: Tensor, dim: int, *, dtype: _dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """The logarithm of `softmax`: -inf at the elements where `mask` is False, and NaN in rows without any."""
    return _shares("log_softmax", ops.log_softmax, input, dim, dtype, mask, 1)


def softmin(input: Tensor, dim: int, *, dtype: _dtype | None = None, mask: Tensor | None = None) -> Tensor:
    """`softmax` of the negated elements."""
    return _shares("softmin", ops.softmax, input, dim, dtype, mask, -1)


def normalize(
    input: Tensor,
    ord: float,
    dim: Dims,
    *,
    eps: float = 1e-12,
    dtype: _dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The elements where `mask` is True, divided by their norm over `dim`, at least by `eps`; 0 elsewhere."""
    to = dtype_of("normalize", input, dtype)
    length = norm(input, ord, dim, keepdim=True, dtype=None if dtype is None else to, mask=mask)
    return (filled("normalize", input, mask, 0) / ops.clamp(length, min=eps)).to(to)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: _dtype | None = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """`log(exp(input) + exp(other))`, where what a mask leaves out counts -inf; in the dtype of `input`."""
    to = dtype_of("logaddexp", input, dtype)
    need_floating("logaddexp", input, dtypes.OF_MX[input._data.dtype])
    a = input if input_mask is None else filled("logaddexp", input, input_mask, lowest("logaddexp", input))
    b = other if other_mask is None else filled("logaddexp", other, other_mask, lowest("logaddexp", other))
    return ops.logaddexp(a, b).to(to)
