"""Scaled dot-product attention."""

from __future__ import annotations

import math
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._grad_mode import mode
from lucid._tape import apply, array
from lucid.dtypes import FLOATING, OF_MX
from lucid.nn.functional import _check
from lucid.nn.functional._draw import keep
from lucid.ops import _precise

if TYPE_CHECKING:
    from lucid._tensor import Tensor

__all__ = ["scaled_dot_product_attention"]

_NAME = "scaled_dot_product_attention"


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """`softmax(query @ key.T * scale + mask) @ value`.

    Args:
        query: shape (*, heads, L, E).
        key: shape (*, heads, S, E).
        value: shape (*, heads, S, Ev).
        attn_mask: broadcast to (*, heads, L, S). A bool mask is True where attention is allowed; any other is added
            to the scores. A row that may attend to nothing gives 0.
        dropout_p: the probability to drop an attention weight. It applies also outside training: pass 0.0 there.
        is_causal: position i attends to positions 0 to i at most.
        scale: default 1/sqrt(E).
        enable_gqa: let groups of query heads share a head of key and value.

    Raises RuntimeError for shapes or dtypes that do not fit.
    """
    groups = _check_inputs(query, key, value, attn_mask, enable_gqa, is_causal)
    if not 0.0 <= dropout_p <= 1.0:
        raise RuntimeError(f"{_NAME}: dropout probability has to be between 0 and 1, but got {dropout_p}")
    if not groups:
        return _nothing(query, key, value)
    factor = 1.0 / math.sqrt(query._data.shape[-1]) if scale is None else scale
    return attention(query, key, value, attn_mask, dropout_p, is_causal, factor, groups)


def _nothing(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """The result where an input is empty: zeros."""

    def zeros(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
        return mx.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)

    zeros.__qualname__ = _NAME
    return apply(zeros, query, key, value)  # type: ignore[no-any-return]


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Any,
    dropout_p: float,
    is_causal: bool,
    factor: float,
    groups: int = 1,
    unattended: float = 0.0,
) -> Tensor:
    """`scaled_dot_product_attention` of what was checked.

    `groups` query heads share a head of key and value. A row that may attend to nothing gives `unattended`.
    """
    q, k, v = query._data, key._data, value._data
    # elsewhere MLX aligns a causal mask at the last positions, PyTorch at the first
    aligned = q.shape[-2] == k.shape[-2]
    on_cpu = mx.default_device() == mx.cpu if query._extra is None else query.device.type == "cpu"
    recorded = mode.grad and not (
        query._node is key._node is value._node is None and getattr(mask, "_node", None) is None
    )
    plain = q.ndim == k.ndim == v.ndim == 4 and q.shape[0] == k.shape[0] == v.shape[0]
    plain = plain and 0 not in (*q.shape, *k.shape, *v.shape)
    plain = plain and k.shape[1] == v.shape[1] and q.shape[1] % k.shape[1] == 0
    if (
        plain
        and dropout_p == 0.0
        and (not is_causal or (aligned and mask is None))
        and not (on_cpu and (recorded or q.dtype != mx.float32))
    ):

        def fused(q: mx.array, k: mx.array, v: mx.array, m: mx.array | None) -> mx.array:
            if m is None:
                return mx.fast.scaled_dot_product_attention(q, k, v, scale=factor, mask="causal" if is_causal else None)
            bias, alive = _bias(m, q.dtype)
            mixed = mx.fast.scaled_dot_product_attention(q, k, v, scale=factor, mask=bias)
            return mx.where(alive, mixed, mx.array(unattended, q.dtype))

        fused.__qualname__ = _NAME
        return apply(fused, query, key, value, mask)  # type: ignore[no-any-return]
    if is_causal:
        mask = _causal(mask, q.shape[-2], k.shape[-2])
    return _in_parts(query, key, value, mask, dropout_p, factor, groups, unattended)


def _in_parts(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Any,
    dropout_p: float,
    factor: float,
    groups: int,
    unattended: float,
) -> Tensor:
    """Attention as three operations, so that backward finds the scores and the weights computed.

    On the CPU MLX (0.32.4) has no fused kernel to lose by that. Half precision is computed in float32 throughout.
    """
    dtype = query._data.dtype
    wide = mx.float32 if dtype in _check.HALF else dtype

    def scores(q: mx.array, k: mx.array) -> mx.array:
        k = mx.repeat(k, groups, axis=-3) if groups > 1 else k
        return mx.matmul(q.astype(wide) * factor, k.astype(wide).swapaxes(-1, -2))

    def weights(s: mx.array, m: mx.array | None) -> mx.array:
        if not s.size:
            return s
        return _precise.softmax(s if m is None else s + _bias(m, s.dtype)[0], -1)

    def mixed(p: mx.array, v: mx.array, m: mx.array | None, kept: mx.array | None) -> mx.array:
        v = mx.repeat(v, groups, axis=-3) if groups > 1 else v
        if kept is not None:
            p = p * (kept.astype(p.dtype) * (1.0 / (1.0 - dropout_p) if dropout_p < 1.0 else 0.0))
        y = mx.matmul(p, v.astype(wide)).astype(dtype)
        return y if m is None else mx.where(_bias(m, dtype)[1], y, mx.array(unattended, dtype))

    for fn in (scores, weights, mixed):
        fn.__qualname__ = _NAME
    s = apply(scores, query, key)
    kept = keep(1.0 - dropout_p, s._data.shape) if dropout_p > 0.0 else None
    return apply(mixed, apply(weights, s, mask), value, mask, kept)  # type: ignore[no-any-return]


def _causal(mask: Tensor | None, length: int, source: int) -> Any:
    """The causal mask, or `mask` restricted to it."""
    allowed = mx.tri(length, source, 0, mx.float32) > 0
    if mask is None:
        return allowed

    def restricted(m: mx.array) -> mx.array:
        return m & allowed if m.dtype == mx.bool_ else mx.where(allowed, m, mx.array(-mx.inf, m.dtype))

    restricted.__qualname__ = _NAME
    return apply(restricted, mask)


def _bias(mask: mx.array, dtype: mx.Dtype) -> tuple[mx.array, mx.array]:
    """What to add to the scores, and which rows may attend to anything at all.

    The others attend to everything here, lest they become NaN; their result is to be replaced by 0.
    """
    if mask.shape[-1] == 0:
        return mask.astype(dtype), mx.zeros((*mask.shape[:-1], 1), mx.bool_)
    if mask.dtype == mx.bool_:
        alive = mx.any(mask, axis=-1, keepdims=True)
        return mx.where(mask | ~alive, mx.array(0, dtype), mx.array(-mx.inf, dtype)), alive
    alive = mx.max(mx.stop_gradient(mask), axis=-1, keepdims=True) > -mx.inf
    return mx.where(alive, mask, 0).astype(dtype), alive


def _check_inputs(query: Any, key: Any, value: Any, mask: Any, enable_gqa: bool, is_causal: bool) -> int:
    """Refuse what does not fit. Returns how many query heads share a head of key and value, 0 if there is nothing."""
    for name, t in (("query", query), ("key", key), ("value", value)):
        _check.tensor(_NAME, name, t)
    _check.same_dtype(_NAME, query=query, key=key, value=value)
    q, k, v = array(query).shape, array(key).shape, array(value).shape
    if query._data.dtype not in FLOATING:
        raise NotImplementedError(
            f"{_NAME}: expected a floating dtype, got {query.dtype!r}; convert the inputs with .float()"
        )
    if min(len(q), len(k), len(v)) < 2:
        raise RuntimeError(
            f"{_NAME}: expected query, key and value to have at least 2 dimensions, got {q}, {k} and {v}"
        )
    if q[-1] != k[-1]:
        raise RuntimeError(f"{_NAME}: expected query and key to have the same last size, got {q} and {k}")
    if k[-2] != v[-2]:
        raise RuntimeError(f"{_NAME}: expected key and value to have the same number of positions, got {k} and {v}")
    if mask is not None:
        _check.tensor(_NAME, "attn_mask", mask)
        if mask._data.dtype not in (mx.bool_, mx.float32, query._data.dtype):
            raise RuntimeError(
                f"{_NAME}: expected attn_mask dtype to be bool, float32 or that of the query ({query.dtype!r}), got "
                f"{OF_MX[mask._data.dtype]!r}"
            )
    if 0 in (*q, *k, *v):
        return 0
    groups = 1
    if enable_gqa:
        if min(len(q), len(k), len(v)) < 3:
            raise IndexError(
                f"{_NAME}: with enable_gqa, expected query, key and value to have a dimension for heads, got {q}, {k} "
                f"and {v}"
            )
        if q[-3] % k[-3] or k[-3] != v[-3]:
            raise RuntimeError(
                f"{_NAME}: with enable_gqa, expected the number of query heads to be a multiple of the number of "
                "key and value "
                f"heads, got {q}, {k} and {v}"
            )
        groups = q[-3] // k[-3]
    elif not _broadcast(q[:-2], k[:-2]) or not _broadcast(k[:-2], v[:-2]):
        raise RuntimeError(
            f"{_NAME}: expected query, key and value of as many heads and batches, got {q}, {k} and {v}; "
            "enable_gqa=True lets query heads share those of key and value"
        )
    if mask is not None:
        _check_mask(query, key, value, mask, groups, is_causal)
    return groups


def _check_mask(query: Tensor, key: Tensor, value: Tensor, mask: Tensor, groups: int, is_causal: bool) -> None:
    q, k, v, m = query.shape, key.shape, value.shape, mask.shape
    heads = k[:-2] if groups == 1 else (*k[:-3], k[-3] * groups)
    lead = [max(pair) for pair in zip_longest(reversed(q[:-2]), reversed(heads), fillvalue=1)]
    scores = (*reversed(lead), q[-2], k[-2])
    # PyTorch's kernel for the CPU takes both masks where it can be used; all its other ways refuse that.
    kernel = len(q) == len(k) == len(v) == 4 and q[0] == k[0] == v[0] and q[:2] == heads and not mask.requires_grad
    if kernel and len(m) < 2:
        raise IndexError(f"{_NAME}: expected attn_mask to have at least 2 dimensions, got {m}")
    if is_causal and not (kernel and q[-1] == v[-1] and len(m) in (2, 4)):
        raise RuntimeError(
            f"{_NAME}: attn_mask should not be set when is_causal=True; put the causal mask into attn_mask instead"
        )
    if len(m) > len(scores) or any(a not in (1, b) for a, b in zip(reversed(m), reversed(scores), strict=False)):
        raise RuntimeError(f"{_NAME}: expected attn_mask that broadcasts to the scores' shape {scores}, got {m}")


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    """Whether two shapes can be broadcast."""
    return all(x == y or 1 in (x, y) for x, y in zip(reversed(a), reversed(b), strict=False))
