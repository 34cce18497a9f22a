"""Products of many matrices at once, each with its own share of the rows or columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _known, _tape, ops
from lucid._tape import apply
from lucid.nn.functional import _check

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["grouped_mm"]

_DTYPES = (mx.float32, mx.float16, mx.bfloat16)


def grouped_mm(
    mat_a: Tensor,
    mat_b: Tensor,
    *,
    offs: Tensor | None = None,
    bias: Tensor | None = None,
    out_dtype: Any = None,
) -> Tensor:
    """One matrix product for each group, as in a mixture of experts.

    Args:
        mat_a: shape (M, K) or (G, M, K).
        mat_b: shape (K, N) or (G, K, N).
        offs: int32, shape (G): where each group ends in M, if `mat_a` is 2D; in N, if `mat_b` is; in K, if both are.
            Its values are needed, so they are computed. Not for two 3D arguments.
        bias: has to be None, as in PyTorch: add it to the result.
        out_dtype: has to be that of the arguments, or None.

    Returns shape (M, N), or (G, M, N) if both are 2D or both are 3D. What is beyond the last group is 0.

    Raises RuntimeError for shapes or dtypes that do not fit.

    >>> import lucid
    >>> rows, experts = lucid.ones(3, 2), lucid.tensor([[[1.0], [1.0]], [[10.0], [10.0]]])
    >>> lucid.nn.functional.grouped_mm(rows, experts, offs=lucid.tensor([1, 3], dtype=lucid.int32)).flatten()
    tensor([ 2., 20., 20.])
    """
    a, b = _check.tensor("grouped_mm", "mat_a", mat_a), _check.tensor("grouped_mm", "mat_b", mat_b)
    if a.ndim not in (2, 3) or b.ndim not in (2, 3):
        raise RuntimeError(f"grouped_mm: expected 2D or 3D matrices, got {a.shape} and {b.shape}")
    if a._data.dtype not in _DTYPES:
        raise RuntimeError(f"grouped_mm: expected float32, float16 or bfloat16, got {a.dtype!r}")
    _check.same_dtype("grouped_mm", mat_a=a, mat_b=b)
    if bias is not None:
        raise RuntimeError("grouped_mm: bias is not supported; add it to the result")
    if out_dtype is not None and out_dtype != a.dtype:
        raise RuntimeError(f"grouped_mm: expected out_dtype to be that of mat_a, {a.dtype!r}, got {out_dtype!r}")
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError(f"grouped_mm: expected shapes (.., M, K) and (.., K, N), got {a.shape} and {b.shape}")
    if (offs is None) != (a.ndim == b.ndim == 3):
        raise RuntimeError("grouped_mm: expected offs if one of the matrices is 2D, and none if both are 3D")
    if offs is None:
        if a.shape[0] != b.shape[0]:
            raise RuntimeError(f"grouped_mm: expected as many groups in both, got {a.shape} and {b.shape}")
        return ops.matmul(a, b)
    groups = a.shape[0] if a.ndim == 3 else b.shape[0] if b.ndim == 3 else None
    whole = a.shape[0] if b.ndim == 3 else b.shape[1] if a.ndim == 3 else a.shape[1]
    pieces = _pieces(offs, groups, whole)
    if a.ndim == b.ndim:
        return ops.stack([ops.matmul(a[:, s], b[s]) for s in pieces])
    if a.ndim == 2:
        products = [ops.matmul(a[s], b[k]) for k, s in enumerate(pieces)]
    else:
        products = [ops.matmul(a[k], b[:, s]) for k, s in enumerate(pieces)]
    rest = whole - pieces[-1].stop
    axis = 0 if a.ndim == 2 else 1
    if rest:
        shape = (rest, b.shape[-1]) if axis == 0 else (a.shape[1], rest)
        products.append(apply(lambda x: mx.zeros(shape, x.dtype), a.detach()))
    return ops.cat(products, axis)


def _pieces(offs: Any, groups: int | None, whole: int) -> list[slice]:
    """The part of each group in the dimension that is shared out, of size `whole`."""
    _check.tensor("grouped_mm", "offs", offs)
    if offs._data.dtype != mx.int32 or offs.ndim != 1:
        raise RuntimeError(f"grouped_mm: expected offs to be 1D and int32, got {offs.dtype!r} of shape {offs.shape}")
    if not offs._data.size or (groups is not None and offs._data.size != groups):
        raise RuntimeError(f"grouped_mm: expected one offset for each of {groups} groups, got {offs.shape}")
    ends = _known.values(offs)
    if ends is None:
        _tape.evaluate(offs)
        ends = np.array(offs._data)
    if ends[0] < 0 or ends[-1] > whole or (ends[1:] < ends[:-1]).any():
        raise RuntimeError(f"grouped_mm: expected offs to rise from 0 to at most {whole}, got {ends.tolist()}")
    return [slice(int(low), int(high)) for low, high in zip([0, *ends[:-1]], ends, strict=True)]
