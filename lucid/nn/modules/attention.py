"""Attention with several heads."""

from __future__ import annotations

import math
from typing import Any

from lucid import creation, dtypes
from lucid._grad_mode import mode
from lucid._tensor import Tensor
from lucid.nn import init
from lucid.nn.functional.multi_head_attention import attend
from lucid.nn.modules.linear import NonDynamicallyQuantizableLinear
from lucid.nn.modules.module import Module
from lucid.nn.parameter import Parameter

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attends with several heads to different parts of the input at once (Vaswani et al. 2017).

    Args:
        embed_dim: E, size of the query's and the output's last dimension.
        num_heads: how many heads; `embed_dim` has to be a multiple.
        dropout: the probability to drop an attention weight in training.
        bias: whether the projections add biases.
        add_bias_kv: learn one more key and its value.
        add_zero_attn: add a key and a value of zeros.
        kdim: size of the keys' last dimension; `embed_dim` if None.
        vdim: size of the values' last dimension; `embed_dim` if None.
        batch_first: inputs and output are (batch, length, E) instead of (length, batch, E).
        device: where the parameters live.
        dtype: of the parameters.

    Raises ValueError for sizes that are not positive, AssertionError if `num_heads` does not divide `embed_dim`.
    """

    __constants__ = ["batch_first"]  # noqa: RUF012 - PyTorch's, for its readers
    in_proj_weight: Tensor | None
    in_proj_bias: Tensor | None
    q_proj_weight: Tensor | None
    k_proj_weight: Tensor | None
    v_proj_weight: Tensor | None
    bias_k: Tensor | None
    bias_v: Tensor | None
    out_proj: NonDynamicallyQuantizableLinear

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads, self.dropout, self.batch_first = num_heads, dropout, batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def parameter(*size: int) -> Parameter:
            return Parameter(creation.zeros(*size, device=device, dtype=dtype))

        if self._qkv_same_embed_dim:
            self.in_proj_weight = parameter(3 * embed_dim, embed_dim)
            for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
                self.register_parameter(name, None)
        else:
            self.q_proj_weight = parameter(embed_dim, embed_dim)
            self.k_proj_weight = parameter(embed_dim, self.kdim)
            self.v_proj_weight = parameter(embed_dim, self.vdim)
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", parameter(3 * embed_dim) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        if add_bias_kv:
            self.bias_k, self.bias_v = parameter(1, 1, embed_dim), parameter(1, 1, embed_dim)
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            assert self.out_proj.bias is not None
            init.constant_(self.out_proj.bias, 0.0)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

    def __setstate__(self, state: dict[str, Any]) -> None:
        state.setdefault("_qkv_same_embed_dim", True)  # pickled by an early PyTorch
        super().__setstate__(state)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend.

        Args:
            query: shape (L, N, E), (N, L, E) with `batch_first`, or (L, E) without a batch.
            key: shape (S, N, kdim), likewise.
            value: shape (S, N, vdim), likewise.
            key_padding_mask: shape (N, S): True for keys to leave out; or numbers to add to the scores.
            need_weights: return the attention weights too; False is faster.
            attn_mask: shape (L, S) or (N * num_heads, L, S): True where attention is not allowed; or numbers to add
                to the scores.
            average_attn_weights: return the weights' mean over the heads.
            is_causal: a hint that `attn_mask`, which has to be given, is the causal mask.

        Returns the output, of the query's shape, and the weights, (N, L, S) or (N, num_heads, L, S), or None.
        """
        masks = [t for t in (attn_mask, key_padding_mask) if t is not None]
        if masks and self._is_inference(query, key, value) and all(t.dtype == dtypes.bool for t in masks):
            # What PyTorch does here is another kernel: it gives NaN where nothing may be attended to, and the mask
            # counts, not the hint.
            check_padding(key_padding_mask, query)
            hint = is_causal and attn_mask is None
            options = (key_padding_mask, need_weights, attn_mask, average_attn_weights, hint)
            return self._attend(query, key, value, *options, math.nan)
        return self._attend(
            query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
        )

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None,
        need_weights: bool,
        attn_mask: Tensor | None,
        average_attn_weights: bool,
        is_causal: bool,
        unattended: float = 0.0,
    ) -> tuple[Tensor, Tensor | None]:
        """`forward`; without `need_weights`, the heads give `unattended` where nothing may be attended to."""
        return attend(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self._in_weights(),
            self.in_proj_bias,
            self.out_proj.weight,
            self.out_proj.bias,
            bias_k=self.bias_k,
            bias_v=self.bias_v,
            add_zero_attn=self.add_zero_attn,
            dropout_p=self.dropout if self.training else 0.0,
            key_padding_mask=key_padding_mask,
            attn_mask=attn_mask,
            need_weights=need_weights,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
            batch_first=self.batch_first,
            unattended=unattended,
        )

    def _in_weights(self) -> Any:
        if self._qkv_same_embed_dim:
            return self.in_proj_weight
        return self.q_proj_weight, self.k_proj_weight, self.v_proj_weight

    def merge_masks(
        self, attn_mask: Tensor | None, key_padding_mask: Tensor | None, query: Tensor
    ) -> tuple[Tensor | None, int | None]:
        """Both masks in one, and what that is.

        Args:
            attn_mask: numbers to add to the scores, shape (L, L) or (N * num_heads, L, L).
            key_padding_mask: numbers to add to the scores, shape (N, L).
            query: shape (N, L, E).

        Returns None and None without masks, `key_padding_mask` and 1 where it is the only one, else the sum of both,
        shape (N, num_heads, L, L), and 2.
        """
        if attn_mask is None:
            return key_padding_mask, None if key_padding_mask is None else 1
        batch, length, _ = query.shape
        if attn_mask.ndim == 3:
            merged = attn_mask.view(batch, -1, length, length)
        else:
            merged = attn_mask.view(1, 1, length, length).expand(batch, self.num_heads, -1, -1)
        if key_padding_mask is not None:
            merged = merged + key_padding_mask.view(batch, 1, 1, length).expand(-1, self.num_heads, -1, -1)
        return merged, 2

    def _is_inference(self, query: Tensor, key: Tensor, value: Tensor) -> bool:
        """Whether PyTorch takes its kernels for inference: they treat masks that leave nothing in their own way."""
        if self.training or not self.batch_first or not self._qkv_same_embed_dim or self.num_heads % 2:
            return False
        if not query is key is value or query.ndim != 3 or self.in_proj_bias is None or self.in_proj_weight is None:
            return False
        if self.bias_k is not None or self.bias_v is not None or self.add_zero_attn:
            return False
        same = query.dtype == self.in_proj_weight.dtype == self.in_proj_bias.dtype
        return same and not is_recorded(self, query)


def is_recorded(module: Module, input: Tensor) -> bool:
    """Whether a gradient may be asked for of `input` or of a parameter."""
    return mode.grad and (input.requires_grad or any(p.requires_grad for p in module.parameters()))


def check_padding(mask: Tensor | None, query: Tensor) -> None:
    """Raise RuntimeError unless `mask` is None or fits `query`, which has its batch first."""
    if mask is not None and tuple(mask.shape) != query._data.shape[:2]:
        raise RuntimeError(f"Expected key_padding_mask of shape {query._data.shape[:2]}, got {mask.shape}")
