"""The projections of attention, under PyTorch's private names: code that was written after its layers calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lucid.nn.functional.linear import linear

if TYPE_CHECKING:
    from lucid._tensor import Tensor


def _in_projection_packed(
    q: Tensor, k: Tensor, v: Tensor, w: Tensor, b: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """The linear maps of `q`, `k` and `v`, shape (*, E), by the thirds of `w`, shape (3 * E, E), and of `b`."""
    if q is k and k is v:
        first, second, third = linear(q, w, b).chunk(3, dim=-1)
        return first, second, third
    biases = (None, None, None) if b is None else b.chunk(3)
    first, second, third = (linear(t, part, bias) for t, part, bias in zip((q, k, v), w.chunk(3), biases, strict=True))
    return first, second, third


def _in_projection(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    w_q: Tensor,
    w_k: Tensor,
    w_v: Tensor,
    b_q: Tensor | None = None,
    b_k: Tensor | None = None,
    b_v: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The linear maps of `q`, `k` and `v`, each into the size of `q`. Raises AssertionError for other shapes."""
    size = q.shape[-1]
    rows = (("q", q, w_q, b_q), ("k", k, w_k, b_k), ("v", v, w_v, b_v))
    for name, t, w, b in rows:
        if tuple(w.shape) != (size, t.shape[-1]):
            raise AssertionError(f"expecting {name} weights shape of {(size, t.shape[-1])}, but got {w.shape}")
        if b is not None and tuple(b.shape) != (size,):
            raise AssertionError(f"expecting {name} bias shape of {(size,)}, but got {b.shape}")
    first, second, third = (linear(t, w, b) for _, t, w, b in rows)
    return first, second, third
