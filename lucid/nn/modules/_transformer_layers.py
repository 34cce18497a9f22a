"""One layer of a Transformer's encoder or decoder: attention and a feed-forward network, with norms and residuals."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional._attention_masks import _canonical_mask, _none_or_dtype
from lucid.nn.modules.activation import GELU, ReLU
from lucid.nn.modules.attention import MultiheadAttention, check_padding, is_recorded
from lucid.nn.modules.dropout import Dropout
from lucid.nn.modules.linear import Linear
from lucid.nn.modules.module import Module
from lucid.nn.modules.normalization import LayerNorm

__all__ = ["TransformerDecoderLayer", "TransformerEncoderLayer"]

Activation = Callable[[Tensor], Tensor]


def _get_activation_fn(activation: str) -> Activation:
    """The function of that name, "relu" or "gelu". Raises RuntimeError for any other."""
    if activation == "relu":
        return F.relu
    if activation == "gelu":
        return F.gelu
    raise RuntimeError(f"activation should be relu/gelu, not {activation}")


class _TransformerLayer(Module):
    """What layers that encode and layers that decode have in common."""

    __constants__ = ["norm_first"]  # noqa: RUF012 - PyTorch's, for its readers
    self_attn: MultiheadAttention
    linear1: Linear
    linear2: Linear
    norm1: LayerNorm
    norm2: LayerNorm

    def _make(
        self,
        attentions: Sequence[str],
        sizes: tuple[int, int, int],
        dropout: float,
        layer_norm_eps: float,
        batch_first: bool,
        norm_first: bool,
        **place: Any,
    ) -> None:
        """Make the children: attentions of these names, the two linear maps, a norm and a dropout for each of them."""
        d_model, nhead, dim_feedforward = sizes
        for name in attentions:
            setattr(self, name, MultiheadAttention(d_model, nhead, dropout, batch_first=batch_first, **place))
        self.linear1 = Linear(d_model, dim_feedforward, **place)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, **place)
        self.norm_first = norm_first
        numbers = range(1, len(attentions) + 2)
        for k in numbers:
            setattr(self, f"norm{k}", LayerNorm(d_model, layer_norm_eps, **place))
        for k in numbers:
            setattr(self, f"dropout{k}", Dropout(dropout))

    def _sa_block(
        self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        return _attended(self.self_attn, self.dropout1, x, x, attn_mask, key_padding_mask, is_causal)


def _attended(
    attention: Module,
    dropout: Module,
    x: Tensor,
    memory: Tensor,
    attn_mask: Tensor | None,
    key_padding_mask: Tensor | None,
    is_causal: bool,
) -> Tensor:
    """What `attention` makes of `x` and `memory`, after `dropout`."""
    x = attention(
        x,
        memory,
        memory,
        attn_mask=attn_mask,
        key_padding_mask=key_padding_mask,
        is_causal=is_causal,
        need_weights=False,
    )[0]
    return dropout(x)  # type: ignore[no-any-return]


class TransformerEncoderLayer(_TransformerLayer):
    """Self-attention, then a feed-forward network of two linear maps; each is added to its input.

    Args:
        d_model: E, size of the input's last dimension.
        nhead: how many heads; `d_model` has to be a multiple.
        dim_feedforward: size between the two linear maps.
        dropout: the probability to drop an element, in training.
        activation: "relu", "gelu" or any function of a tensor, between the two linear maps.
        layer_norm_eps: `eps` of the norms.
        batch_first: input and output are (batch, length, E) instead of (length, batch, E).
        norm_first: normalise what goes into attention and network, instead of the sums.
        bias: whether linear maps and norms have biases.
        device: where the parameters live.
        dtype: of the parameters.

    >>> from lucid import nn, ones
    >>> nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16, batch_first=True)(ones(4, 10, 8)).shape
    lucid.Size([4, 10, 8])
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        place = {"bias": bias, "device": device, "dtype": dtype}
        sizes = d_model, nhead, dim_feedforward
        self._make(("self_attn",), sizes, dropout, layer_norm_eps, batch_first, norm_first, **place)
        if isinstance(activation, str):
            activation = _get_activation_fn(activation)
        # A number that code written for PyTorch reads.
        if activation is F.relu or isinstance(activation, ReLU):
            self.activation_relu_or_gelu = 1
        else:
            self.activation_relu_or_gelu = 2 if activation is F.gelu or isinstance(activation, GELU) else 0
        self.activation = activation

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if not hasattr(self, "activation"):  # pickled by an early PyTorch
            self.activation = F.relu

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Encode.

        Args:
            src: shape (S, N, E), (N, S, E) with `batch_first`, or (S, E) without a batch.
            src_mask: shape (S, S) or (N * nhead, S, S): True where attention is not allowed; or numbers to add to the
                scores.
            src_key_padding_mask: shape (N, S): True for positions to leave out; or numbers to add to the scores.
            is_causal: a hint that `src_mask`, which has to be given, is the causal mask.

        Returns the shape of `src`.
        """
        mask, padding, attend = src_mask, src_key_padding_mask, self._sa_block
        if mask is not None or padding is not None:
            kind = _none_or_dtype(mask)
            padding = _canonical_mask(padding, "src_key_padding_mask", kind, "src_mask", src.dtype)
            mask = _canonical_mask(mask, "src_mask", None, "", src.dtype, check_other=False)
            if self._is_inference(src):
                check_padding(padding, src)
                attend = self._inference_block
        x = src
        if self.norm_first:
            x = x + attend(self.norm1(x), mask, padding, is_causal=is_causal)
            return x + self._ff_block(self.norm2(x))
        x = self.norm1(x + attend(x, mask, padding, is_causal=is_causal))
        result: Tensor = self.norm2(x + self._ff_block(x))
        return result

    def _inference_block(
        self, x: Tensor, attn_mask: Tensor | None, key_padding_mask: Tensor | None, is_causal: bool = False
    ) -> Tensor:
        """`_sa_block` as PyTorch's kernel for inference has it.

        A position that may attend to nothing becomes NaN, and the mask counts, not the hint. (Finite numbers in a mask
        are added; PyTorch 2.13 takes each of them for True there.)
        """
        hint = is_causal and attn_mask is None
        return self.self_attn._attend(x, x, x, key_padding_mask, False, attn_mask, True, hint, math.nan)[0]

    def _ff_block(self, x: Tensor) -> Tensor:
        x = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return self.dropout2(x)  # type: ignore[no-any-return]

    def _is_inference(self, src: Tensor) -> bool:
        """Whether PyTorch takes its kernel for inference."""
        attn = self.self_attn
        if self.training or src.ndim != 3 or not self.activation_relu_or_gelu or self.norm1.eps != self.norm2.eps:
            return False
        if type(attn).forward is not MultiheadAttention.forward or not attn.batch_first or attn.num_heads % 2:
            return False
        if type(self)._sa_block is not TransformerEncoderLayer._sa_block:
            return False
        if attn.in_proj_bias is None or not attn._qkv_same_embed_dim:
            return False
        return not any(m._forward_hooks or m._forward_pre_hooks for m in self.modules()) and not is_recorded(self, src)


class TransformerDecoderLayer(_TransformerLayer):
    """Self-attention, attention to what an encoder made, then a feed-forward network; each is added to its input.

    Takes the arguments of `TransformerEncoderLayer`.

    >>> from lucid import nn, ones
    >>> layer = nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> layer(ones(4, 5, 8), ones(4, 10, 8)).shape
    lucid.Size([4, 5, 8])
    """

    multihead_attn: MultiheadAttention
    norm3: LayerNorm

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        place = {"bias": bias, "device": device, "dtype": dtype}
        sizes = d_model, nhead, dim_feedforward
        names = "self_attn", "multihead_attn"
        self._make(names, sizes, dropout, layer_norm_eps, batch_first, norm_first, **place)
        self.activation = _get_activation_fn(activation) if isinstance(activation, str) else activation

    def __setstate__(self, state: dict[str, Any]) -> None:
        if "activation" not in state:  # pickled by an early PyTorch
            state["activation"] = F.relu
        super().__setstate__(state)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Decode.

        Args:
            tgt: shape (T, N, E), (N, T, E) with `batch_first`, or (T, E) without a batch.
            memory: what the encoder made, shape (S, N, E), likewise.
            tgt_mask: shape (T, T) or (N * nhead, T, T): True where `tgt` must not attend to itself; or numbers to add
                to the scores.
            memory_mask: shape (T, S) or (N * nhead, T, S), the same for `memory`.
            tgt_key_padding_mask: shape (N, T): True for positions to leave out; or numbers to add to the scores.
            memory_key_padding_mask: shape (N, S), the same for `memory`.
            tgt_is_causal: a hint that `tgt_mask`, which has to be given, is the causal mask.
            memory_is_causal: the same for `memory_mask`.

        Returns the shape of `tgt`.
        """
        mine = tgt_mask, tgt_key_padding_mask, tgt_is_causal
        theirs = memory_mask, memory_key_padding_mask, memory_is_causal
        x = tgt
        if self.norm_first:
            x = x + self._sa_block(self.norm1(x), *mine)
            x = x + self._mha_block(self.norm2(x), memory, *theirs)
            return x + self._ff_block(self.norm3(x))
        x = self.norm1(x + self._sa_block(x, *mine))
        x = self.norm2(x + self._mha_block(x, memory, *theirs))
        result: Tensor = self.norm3(x + self._ff_block(x))
        return result

    def _mha_block(
        self,
        x: Tensor,
        mem: Tensor,
        attn_mask: Tensor | None,
        key_padding_mask: Tensor | None,
        is_causal: bool = False,
    ) -> Tensor:
        return _attended(self.multihead_attn, self.dropout2, x, mem, attn_mask, key_padding_mask, is_causal)

    def _ff_block(self, x: Tensor) -> Tensor:
        x = self.linear2(self.dropout(self.activation(self.linear1(x))))
        return self.dropout3(x)  # type: ignore[no-any-return]
