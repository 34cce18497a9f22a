"""Masks as the attention modules take them: True where attention is not allowed, or numbers to add to the scores.

The functions with PyTorch's private names are there for code that was written after PyTorch's own layers.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import TensorCore, apply
from lucid.dtypes import FLOATING

if TYPE_CHECKING:
    from lucid._tensor import Tensor
    from lucid.dtypes import dtype


def _canonical_mask(
    mask: Tensor | None,
    mask_name: str,
    other_type: dtype | None,
    other_name: str,
    target_type: dtype,
    check_other: bool = True,
) -> Tensor | None:
    """`mask` as numbers to add to scores: a bool mask gives minus infinity where it is True, in `target_type`.

    Raises AssertionError for a mask of integers; warns where another mask, `other_name`, has another dtype.
    """
    if mask is None:
        return None
    floating = mask._data.dtype in FLOATING
    if not floating and mask._data.dtype != mx.bool_:
        raise AssertionError(f"only bool and floating types of {mask_name} are supported, got {mask.dtype!r}")
    if check_other and other_type is not None and other_type != mask.dtype:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    if floating:
        return mask
    wanted = target_type.mx

    def masked_fill(m: mx.array) -> mx.array:
        return mx.where(m, mx.array(-mx.inf, wanted), mx.array(0, wanted))

    return apply(masked_fill, mask)  # type: ignore[no-any-return]


def _none_or_dtype(input: Any) -> dtype | None:
    """The dtype of a tensor; None of None. Raises RuntimeError for anything else."""
    if input is None:
        return None
    if isinstance(input, TensorCore):
        return input.dtype
    raise RuntimeError(f"input to _none_or_dtype() must be None or lucid.Tensor, got {type(input).__name__}")


def _mha_shape_check(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    num_heads: int,
) -> bool:
    """Whether there is a batch dimension. Raises AssertionError unless all arguments agree."""
    n = query._data.ndim
    if n not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {n}-D query tensor")
    kind = "batched (3-D)" if n == 3 else "unbatched (2-D)"
    if key._data.ndim != n or value._data.ndim != n:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {n}-D but found {key.ndim}-D and {value.ndim}-D "
            "tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.ndim != n - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {n - 1}-D but found "
            f"{key_padding_mask.ndim}-D tensor instead"
        )
    if attn_mask is not None:
        if attn_mask.ndim not in (2, 3):
            raise AssertionError(
                f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.ndim}-D "
                "tensor instead"
            )
        if n == 2 and attn_mask.ndim == 3:
            expected = (num_heads, query.shape[0], key.shape[0])
            if tuple(attn_mask.shape) != expected:
                raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}")
    return n == 3
