"""Attention with several heads and its projections: the function behind `nn.MultiheadAttention`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid import creation, ops
from lucid._tape import apply
from lucid.dtypes import FLOATING
from lucid.nn.functional.attention import scaled_dot_product_attention
from lucid.nn.functional.dropout import dropout
from lucid.nn.functional.linear import linear
from lucid.ops import _precise

if TYPE_CHECKING:
    from lucid.tensor import Tensor

__all__ = ["multi_head_attention_forward"]


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
    batched = _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if not batched:
        query, key, value = (t.unsqueeze(1) for t in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    length, batch, size = query.shape
    _assert(size == embed_dim_to_check, f"was expecting embedding dimension of {embed_dim_to_check}, but got {size}")
    head = size // num_heads
    _assert(head * num_heads == size, f"embed_dim {size} not divisible by num_heads {num_heads}")
    if use_separate_proj_weight:
        _assert(
            key.shape[:2] == value.shape[:2],
            f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}",
        )
    else:
        _assert(key.shape == value.shape, f"key shape {key.shape} does not match value shape {value.shape}")
    weights = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight
    q, k, v = _projected(query, key, value, weights, in_proj_bias)
    mask = _additive("attn_mask", attn_mask, q)
    padding = _additive("key_padding_mask", key_padding_mask, q)
    if mask is not None:
        mask = _shaped_mask(mask, length, key.shape[0], batch, num_heads)
    if (bias_k is None) != (bias_v is None):
        raise AssertionError("bias_k and bias_v must be given both or not at all")
    if bias_k is not None and bias_v is not None:
        _assert(static_k is None and static_v is None, "bias cannot be added to static key or value.")
        k = ops.cat([k, bias_k.expand(1, batch, size)])
        v = ops.cat([v, bias_v.expand(1, batch, size)])
        mask, padding = _one_more(mask), _one_more(padding)
    q = _heads(q, batch, num_heads, head)
    k = _heads(k, batch, num_heads, head) if static_k is None else _static("static_k", static_k, batch, num_heads, head)
    v = _heads(v, batch, num_heads, head) if static_v is None else _static("static_v", static_v, batch, num_heads, head)
    if add_zero_attn:
        zero = creation.zeros(batch, num_heads, 1, head, dtype=k.dtype)
        k, v = ops.cat([k, zero], 2), ops.cat([v, zero], 2)
        mask, padding = _one_more(mask), _one_more(padding)
    source = k.shape[2]
    if padding is not None:
        _assert(
            tuple(padding.shape) == (batch, source),
            f"expecting key_padding_mask shape of {(batch, source)}, but got {padding.shape}",
        )
        padding = padding.reshape(batch, 1, 1, source)
        mask = padding if mask is None else ops.add(mask, padding)
    rate = dropout_p if training else 0.0
    if need_weights:
        attention = _attention_weights(q, k, mask)
        attention = dropout(attention, rate) if rate > 0.0 else attention
        mixed = ops.matmul(attention, v)
    else:
        attention = None
        causal = is_causal and key_padding_mask is None and source == length == key.shape[0]
        mixed = scaled_dot_product_attention(q, k, v, None if causal else mask, rate, causal)
    mixed = mixed.permute(2, 0, 1, 3).reshape(length * batch, size)
    output = linear(mixed, out_proj_weight, out_proj_bias).reshape(length, batch, -1)
    if attention is not None and average_attn_weights:
        attention = attention.mean(dim=1)
    if not batched:
        return output.squeeze(1), None if attention is None else attention.squeeze(0)
    return output, attention


def _assert(fits: bool, message: str) -> None:
    if not fits:
        raise AssertionError(f"multi_head_attention_forward: {message}")


def _check_ranks(query: Tensor, key: Tensor, value: Tensor, padding: Any, mask: Any, num_heads: int) -> bool:
    """Whether there is a batch dimension. Raises AssertionError unless all arguments agree."""
    n = query.ndim
    _assert(n in (2, 3), f"query should be unbatched 2D or batched 3D tensor but received {n}-D query tensor")
    kind = "batched (3-D)" if n == 3 else "unbatched (2-D)"
    _assert(
        key.ndim == n and value.ndim == n,
        f"For {kind} query, expected key and value to be {n}-D but found {key.ndim}-D and {value.ndim}-D tensors "
        "respectively",
    )
    if padding is not None:
        _assert(
            padding.ndim == n - 1,
            f"For {kind} query, expected key_padding_mask to be None or {n - 1}-D but found {padding.ndim}-D",
        )
    if mask is not None:
        _assert(
            mask.ndim in (2, 3),
            f"For {kind} query, expected attn_mask to be None, 2-D or 3-D but found {mask.ndim}-D tensor instead",
        )
        if n == 2 and mask.ndim == 3:
            expected = (num_heads, query.shape[0], key.shape[0])
            _assert(tuple(mask.shape) == expected, f"expected attn_mask shape to be {expected} but got {mask.shape}")
    return n == 3


def _projected(query: Tensor, key: Tensor, value: Tensor, weights: Any, bias: Tensor | None) -> Any:
    if not isinstance(weights, tuple):
        _assert(weights is not None, "use_separate_proj_weight is False but in_proj_weight is None")
        if query is key and key is value:
            return linear(query, weights, bias).chunk(3, -1)
        weights = weights.chunk(3)
    for name, w in zip("qkv", weights, strict=True):
        _assert(w is not None, f"use_separate_proj_weight is True but {name}_proj_weight is None")
    biases = (None, None, None) if bias is None else bias.chunk(3)
    return tuple(linear(t, w, b) for t, w, b in zip((query, key, value), weights, biases, strict=True))


def _additive(name: str, mask: Any, like: Tensor) -> Any:
    """`mask` as numbers to add to the scores: minus infinity where it is True."""
    if mask is None:
        return None
    if mask._data.dtype not in FLOATING and mask._data.dtype != mx.bool_:
        raise AssertionError(f"only bool and floating types of {name} are supported, got {mask.dtype!r}")
    dtype = like._data.dtype

    def additive(m: mx.array) -> mx.array:
        return mx.where(m, -mx.inf, 0.0).astype(dtype) if m.dtype == mx.bool_ else m.astype(dtype)

    return apply(additive, mask)


def _shaped_mask(mask: Tensor, length: int, source: int, batch: int, heads: int) -> Tensor:
    expected = (length, source) if mask.ndim == 2 else (batch * heads, length, source)
    if tuple(mask.shape) != expected:
        raise RuntimeError(f"The shape of the {mask.ndim}D attn_mask is {mask.shape}, but should be {expected}.")
    return mask if mask.ndim == 2 else mask.reshape(batch, heads, length, source)


def _one_more(mask: Any) -> Any:
    """`mask` with one more key, which everything may attend to."""
    return None if mask is None else apply(lambda m: mx.pad(m, [(0, 0)] * (m.ndim - 1) + [(0, 1)]), mask)


def _heads(t: Tensor, batch: int, heads: int, head: int) -> Tensor:
    """(length, batch, size) as (batch, heads, length, head)."""
    result: Tensor = apply(lambda a: a.reshape(a.shape[0], batch, heads, head).transpose(1, 2, 0, 3), t)
    return result


def _static(name: str, t: Tensor, batch: int, heads: int, head: int) -> Tensor:
    _assert(t.shape[0] == batch * heads, f"expecting {name}.size(0) of {batch * heads}, but got {t.shape[0]}")
    _assert(t.shape[2] == head, f"expecting {name}.size(2) of {head}, but got {t.shape[2]}")
    return t.reshape(batch, heads, t.shape[1], head)


def _attention_weights(q: Tensor, k: Tensor, mask: Any) -> Tensor:
    factor = 1.0 / math.sqrt(q.shape[-1])

    def scores(q: mx.array, k: mx.array) -> mx.array:
        return mx.matmul(
            q.astype(mx.float32 if q.itemsize < 4 else q.dtype) * factor,
            k.astype(mx.float32 if k.itemsize < 4 else k.dtype).swapaxes(-1, -2),
        )

    def weights(s: mx.array, m: mx.array | None) -> mx.array:
        return _precise.softmax(s if m is None else s + m, -1).astype(dtype) if s.size else s

    dtype = q._data.dtype
    scores.__qualname__ = weights.__qualname__ = "multi_head_attention_forward"
    result: Tensor = apply(weights, apply(scores, q, k), mask)
    return result
