"""Attention with several heads and its projections: the function behind `nn.MultiheadAttention`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import ops
from lucid._tape import apply
from lucid.nn.functional import _check
from lucid.nn.functional._attention_masks import _canonical_mask, _mha_shape_check, _none_or_dtype
from lucid.nn.functional.attention import attention
from lucid.nn.functional.dropout import dropout
from lucid.nn.functional.linear import linear
from lucid.ops import _precise

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["multi_head_attention_forward"]

_NAME = "multi_head_attention_forward"


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Project, attend with `num_heads` heads, project back (Vaswani et al. 2017).

    L and S are lengths, N the batch, E the embedding.

    Args:
        query: shape (L, N, E), or (L, E) without a batch.
        key: shape (S, N, kdim).
        value: shape (S, N, vdim).
        embed_dim_to_check: what E has to be.
        num_heads: how many heads; E has to be a multiple.
        in_proj_weight: shape (3 * E, E): the projections of query, key and value, one below the other.
        in_proj_bias: shape (3 * E).
        bias_k: shape (1, 1, E): one more key.
        bias_v: shape (1, 1, E): its value.
        add_zero_attn: add a key and a value of zeros.
        dropout_p: the probability to drop an attention weight in training.
        out_proj_weight: shape (E, E).
        out_proj_bias: shape (E).
        training: whether to drop.
        key_padding_mask: shape (N, S): True for keys to leave out; or numbers to add to the scores.
        need_weights: return the attention weights too.
        attn_mask: shape (L, S) or (N * num_heads, L, S): True where attention is not allowed; or numbers to add to
            the scores.
        use_separate_proj_weight: use the next three instead of `in_proj_weight`.
        q_proj_weight: shape (E, E).
        k_proj_weight: shape (E, kdim).
        v_proj_weight: shape (E, vdim).
        static_k: shape (N * num_heads, S, E / num_heads): keys to use instead of projected ones.
        static_v: the same for values.
        average_attn_weights: return the weights' mean over the heads.
        is_causal: a hint that `attn_mask` is the causal mask, which has to be given.

    Returns the output, of the query's shape, and the weights, (N, L, S) or (N, num_heads, L, S), or None. Raises
    AssertionError or RuntimeError for what does not fit.
    """
    return attend(
        query,
        key,
        value,
        embed_dim_to_check,
        num_heads,
        (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight,
        in_proj_bias,
        out_proj_weight,
        out_proj_bias,
        bias_k=bias_k,
        bias_v=bias_v,
        add_zero_attn=add_zero_attn,
        static_k=static_k,
        static_v=static_v,
        dropout_p=dropout_p if training else 0.0,
        key_padding_mask=key_padding_mask,
        attn_mask=attn_mask,
        need_weights=need_weights,
        average_attn_weights=average_attn_weights,
        is_causal=is_causal,
    )


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim: int,
    num_heads: int,
    in_weights: Any,
    in_bias: Tensor | None,
    out_weight: Tensor,
    out_bias: Tensor | None,
    *,
    bias_k: Tensor | None = None,
    bias_v: Tensor | None = None,
    add_zero_attn: bool = False,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    dropout_p: float = 0.0,
    key_padding_mask: Tensor | None = None,
    attn_mask: Tensor | None = None,
    need_weights: bool = True,
    average_attn_weights: bool = True,
    is_causal: bool = False,
    batch_first: bool = False,
    unattended: float = 0.0,
) -> tuple[Tensor, Tensor | None]:
    """`multi_head_attention_forward`, also of tensors with the batch first, which are used where they lie.

    `in_weights` is one tensor or three. Without `need_weights`, a position that may attend to nothing gets
    `unattended` from every head.
    """
    batched = _mha_shape_check(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = each(lambda t: t.unsqueeze(1), query, key, value)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
        batch_first = False
    shape = query._data.shape
    batch, length = shape[:2] if batch_first else shape[1::-1]
    source = key._data.shape[1 if batch_first else 0]
    padding, mask = key_padding_mask, attn_mask
    if padding is not None:
        padding = _canonical_mask(padding, "key_padding_mask", _none_or_dtype(mask), "attn_mask", query.dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. The method `generate_square_subsequent_mask` of "
            "`nn.Transformer` makes one."
        )
    hinted = is_causal and padding is None and not need_weights  # then the mask itself is not looked at
    if mask is not None:
        mask = _canonical_mask(mask, "attn_mask", None, "", query.dtype, check_other=False)
        mask = None if hinted else mask
    head = _check_sizes(query, key, value, embed_dim, num_heads, isinstance(in_weights, tuple))
    if mask is not None:
        mask = _shaped_mask(mask, length, source, batch, num_heads)
    order = (0, 2, 1, 3) if batch_first else (1, 2, 0, 3)
    outer = (*shape[:2], num_heads, head)
    inner = (batch, source) if batch_first else (source, batch)
    q, k, v = _projected(query, key, value, in_weights, in_bias, outer, (*inner, num_heads, head), order)
    if (bias_k is None) != (bias_v is None):
        raise AssertionError("bias_k and bias_v must be given both or not at all")
    if bias_k is not None and bias_v is not None:
        _assert(static_k is None and static_v is None, "bias cannot be added to static key or value")
        k, v = _with_one_more(k, bias_k), _with_one_more(v, bias_v)
        mask, padding = _allow_one_more(mask), _allow_one_more(padding)
    k = k if static_k is None else _static("static_k", static_k, batch, num_heads, head)
    v = v if static_v is None else _static("static_v", static_v, batch, num_heads, head)
    if add_zero_attn:
        k, v = _with_one_more(k), _with_one_more(v)
        mask, padding = _allow_one_more(mask), _allow_one_more(padding)
    if padding is not None:
        mask = _merged(mask, padding, batch, k._data.shape[2])
    _check_mask_dtype(mask, query, need_weights)
    factor = 1.0 / math.sqrt(head)
    weights = None
    if need_weights:
        weights = _attention_weights(q, k, mask, factor)
        weights = dropout(weights, dropout_p) if dropout_p > 0.0 else weights
        mixed = ops.matmul(weights, v)
    else:
        mixed = attention(q, k, v, mask, dropout_p, hinted, factor, unattended=unattended)
    output = linear(_joined(mixed, shape, order), out_weight, out_bias)
    if weights is not None and average_attn_weights:
        weights = weights.mean(dim=1)
    if not batched:
        return output.squeeze(1), None if weights is None else weights.squeeze(0)
    return output, weights


def each(change: Callable[[Tensor], Tensor], query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, ...]:
    """`change` of all three; those that were one tensor stay one, which has one projection then."""
    q = change(query)
    k = q if key is query else change(key)
    return q, k, q if value is query else k if value is key else change(value)


def _assert(fits: bool, message: str) -> None:
    if not fits:
        raise AssertionError(f"{_NAME}: {message}")


def _check_sizes(query: Tensor, key: Tensor, value: Tensor, embed_dim: int, num_heads: int, separate: bool) -> int:
    """The size of a head. Raises AssertionError where sizes do not fit."""
    size, keys, values = query._data.shape[2], key._data.shape, value._data.shape
    if size != embed_dim:
        raise AssertionError(f"{_NAME}: was expecting embedding dimension of {embed_dim}, but got {size}")
    if size % num_heads:
        raise AssertionError(f"{_NAME}: embed_dim {size} not divisible by num_heads {num_heads}")
    if separate:
        keys, values = keys[:2], values[:2]
    if keys != values:
        what = "sequence and batch dims" if separate else "shape"
        raise AssertionError(f"{_NAME}: key's {what} {keys} do not match value's {values}")
    return size // num_heads


def _projected(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weights: Any,
    bias: Tensor | None,
    outer: tuple[int, ...],
    inner: tuple[int, ...],
    order: tuple[int, ...],
) -> Any:
    """The three projections, each of shape (batch, heads, length, head), as few matrix products as there can be."""
    separate = isinstance(weights, tuple)
    if not separate:
        _assert(weights is not None, "use_separate_proj_weight is False but in_proj_weight is None")
        if query is key and key is value:
            return _heads(linear(query, weights, bias), 3, outer, order)
        first, *others = _split(weights, 1, 3) if key is value else _split(weights, 1, 2, 3)
    else:
        size = outer[2] * outer[3]
        for name, w, t in zip("qkv", weights, (query, key, value), strict=True):
            _assert(w is not None, f"use_separate_proj_weight is True but {name}_proj_weight is None")
            expected = (size, t._data.shape[2])
            _assert(w.shape == expected, f"expecting {name}_proj_weight of shape {expected}, but got {w.shape}")
        first, *others = weights
    parts = (None,) * (len(others) + 1) if bias is None else _split(bias, *range(1, 1 + len(others)), 3)
    q = _heads(linear(query, first, parts[0]), 1, outer, order)
    if len(others) == 1:
        return *q, *_heads(linear(key, others[0], parts[1]), 2, inner, order)
    k, v = (linear(t, w, b) for t, w, b in zip((key, value), others, parts[1:], strict=True))
    return *q, *_heads(k, 1, inner, order), *_heads(v, 1, inner, order)


def _split(t: Tensor, *ends: int) -> Any:
    """`t` cut along dimension 0 at so many thirds."""
    third = t._data.shape[0] // 3

    def split(a: mx.array) -> Any:
        return mx.split(a, [end * third for end in ends[:-1]])

    return apply(split, t)


def _heads(t: Tensor, count: int, shape: tuple[int, ...], order: tuple[int, ...]) -> Any:
    """`count` tensors that lie side by side in the last dimension, each with its heads before the positions."""

    def permute(a: mx.array) -> Any:
        parts = [part.reshape(shape).transpose(order) for part in (mx.split(a, count, -1) if count > 1 else (a,))]
        return parts if count > 1 else parts[0]

    parts = apply(permute, t)
    return parts if count > 1 else (parts,)


def _joined(t: Tensor, shape: tuple[int, ...], order: tuple[int, ...]) -> Tensor:
    """(batch, heads, length, head) in the layout of the query."""
    back = order if order[0] == 0 else (2, 0, 1, 3)

    def permute(a: mx.array) -> mx.array:
        return a.transpose(back).reshape(shape)

    return apply(permute, t)  # type: ignore[no-any-return]


def _with_one_more(t: Tensor, extra: Tensor | None = None) -> Tensor:
    """(batch, heads, length, head) with one position more: `extra`, shape (1, 1, heads * head), or zeros."""

    def cat(a: mx.array, b: mx.array | None) -> mx.array:
        batch, heads, _, head = a.shape
        if b is None:
            return mx.pad(a, [(0, 0), (0, 0), (0, 1), (0, 0)])
        return mx.concatenate([a, mx.broadcast_to(b.reshape(1, heads, 1, head), (batch, heads, 1, head))], 2)

    return apply(cat, t, extra)  # type: ignore[no-any-return]


def _allow_one_more(mask: Any) -> Any:
    """`mask` with one more key, which everything may attend to."""
    return None if mask is None else apply(lambda m: mx.pad(m, [(0, 0)] * (m.ndim - 1) + [(0, 1)]), mask)


def _static(name: str, t: Tensor, batch: int, heads: int, head: int) -> Tensor:
    _assert(t.shape[0] == batch * heads, f"expecting {name}.size(0) of {batch * heads}, but got {t.shape[0]}")
    _assert(t.shape[2] == head, f"expecting {name}.size(2) of {head}, but got {t.shape[2]}")
    return t.reshape(batch, heads, t.shape[1], head)


def _shaped_mask(mask: Tensor, length: int, source: int, batch: int, heads: int) -> Tensor:
    expected = (length, source) if mask.ndim == 2 else (batch * heads, length, source)
    if tuple(mask.shape) != expected:
        raise RuntimeError(f"The shape of the {mask.ndim}D attn_mask is {mask.shape}, but should be {expected}.")
    return mask if mask.ndim == 2 else mask.reshape(batch, heads, length, source)


def _merged(mask: Tensor | None, padding: Tensor, batch: int, source: int) -> Tensor:
    shape = padding.shape
    _assert(shape == (batch, source), f"Expected key_padding_mask of shape {(batch, source)}, but got {shape}")
    padding = padding.reshape(batch, 1, 1, source)
    return padding if mask is None else ops.add(mask, padding)


def _check_mask_dtype(mask: Tensor | None, query: Tensor, need_weights: bool) -> None:
    if mask is None or mask._data.dtype == query._data.dtype or (not need_weights and mask._data.dtype == mx.float32):
        return
    raise RuntimeError(
        f"{_NAME}: expected attn_mask and key_padding_mask to be bool or to have the dtype of "
        f"the query, {query.dtype!r}, but got {mask.dtype!r}"
    )


def _attention_weights(q: Tensor, k: Tensor, mask: Any, factor: float) -> Tensor:
    dtype = q._data.dtype
    wide = mx.float32 if dtype in _check.HALF else dtype

    def scores(q: mx.array, k: mx.array) -> mx.array:
        return mx.matmul(q.astype(wide) * factor, k.astype(wide).swapaxes(-1, -2))

    def weights(s: mx.array, m: mx.array | None) -> mx.array:
        return _precise.softmax(s if m is None else s + m, -1).astype(dtype) if s.size else s

    scores.__qualname__ = weights.__qualname__ = _NAME
    result: Tensor = apply(weights, apply(scores, q, k), mask)
    return result
