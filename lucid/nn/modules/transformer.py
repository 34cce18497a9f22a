"""The Transformer of Vaswani et al. 2017: stacks of layers that encode and decode, and both together."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import mlx.core as mx

from lucid import creation, ops
from lucid._tape import apply
from lucid._tensor import Tensor
from lucid.nn import functional as F
from lucid.nn.functional._attention_masks import _canonical_mask, _none_or_dtype
from lucid.nn.init import xavier_uniform_
from lucid.nn.modules._transformer_layers import (
    Activation,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
    _get_activation_fn,  # noqa: F401 - PyTorch's private name, which code written for it imports from here
)
from lucid.nn.modules.attention import check_padding, is_recorded
from lucid.nn.modules.container import ModuleList
from lucid.nn.modules.module import Module
from lucid.nn.modules.normalization import LayerNorm

__all__ = [
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]


def _generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
    """Minus infinity above the diagonal, 0 elsewhere: position i attends to positions 0 to i. Shape (sz, sz)."""
    return ops.triu(creation.full((sz, sz), float("-inf"), device=device, dtype=dtype), 1)


def _get_seq_len(src: Tensor, batch_first: bool) -> int:
    """The length of `src`, with a batch or without."""
    size: int = src.shape[1 if batch_first and src.ndim != 2 else 0]
    return size


def _get_clones(module: Module, N: int) -> ModuleList:
    """`N` copies of `module`."""
    return ModuleList([copy.deepcopy(module) for _ in range(N)])


def _detect_is_causal_mask(mask: Tensor | None, is_causal: bool | None = None, size: int | None = None) -> bool:
    """Whether `mask` is the causal mask of `size` positions: `is_causal`; if that is None, its values are compared."""
    if is_causal is not None or mask is None:
        return is_causal is True
    causal = _generate_square_subsequent_mask(mask.shape[-2] if size is None else size, mask.device, mask.dtype)
    return mask.shape == causal.shape and bool((mask == causal).all())


class TransformerEncoder(Module):
    """A stack of encoder layers.

    Args:
        encoder_layer: a `TransformerEncoderLayer`, or a module that is called alike; it is copied.
        num_layers: how many copies.
        norm: a module for the output of the last.
        enable_nested_tensor: let padded positions come out as 0 before `norm`, as they do in PyTorch, if: the layers
            are in evaluation mode and nothing asks for gradients; only `src_key_padding_mask` is given, and leaves out
            positions at the ends; the layers have `batch_first`, an even number of heads, biases, "relu" or "gelu",
            and the norms after the sums. Warns if the layers rule it out. The masked attention is the same: MLX has
            no tensors of uneven rows.
        mask_check: whether to look if the padding is at the ends; if not, only the number of positions counts.

    >>> from lucid import nn, ones
    >>> layer = nn.TransformerEncoderLayer(d_model=8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> nn.TransformerEncoder(layer, num_layers=2)(ones(4, 10, 8)).shape
    lucid.Size([4, 10, 8])
    """

    __constants__ = ["norm"]  # noqa: RUF012 - PyTorch's, for its readers

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers = _get_clones(encoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm
        self.enable_nested_tensor = self.use_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check
        reason = _why_not_nested(encoder_layer)
        if enable_nested_tensor and reason:
            warnings.warn(
                f"enable_nested_tensor is True, but self.use_nested_tensor is False because {reason}", stacklevel=2
            )
            self.use_nested_tensor = False

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Encode.

        Args:
            src: shape (S, N, E), (N, S, E) with `batch_first`, or (S, E) without a batch.
            mask: shape (S, S) or (N * nhead, S, S): True where attention is not allowed; or numbers to add to the
                scores.
            src_key_padding_mask: shape (N, S): True for positions to leave out; or numbers to add to the scores.
            is_causal: a hint that `mask`, which has to be given, is the causal mask. None says nothing: the values of
                a mask are not looked at, as that would evaluate them.

        Returns the shape of `src`.
        """
        padding = _canonical_mask(src_key_padding_mask, "src_key_padding_mask", _none_or_dtype(mask), "mask", src.dtype)
        mask = _canonical_mask(mask, "mask", None, "", src.dtype, check_other=False)
        ends = None
        if padding is not None and self._may_be_nested(src):
            check_padding(padding, src)
            if mask is None and not is_recorded(self.layers[0], src):
                ends, padding = _ends(padding, getattr(self, "mask_check", True))
        output = src
        for layer in self.layers:
            output = layer(output, src_mask=mask, is_causal=is_causal is True, src_key_padding_mask=padding)
        if ends is not None:
            output = output.masked_fill(ends.unsqueeze(-1), 0.0)
        return output if self.norm is None else self.norm(output)

    def _may_be_nested(self, src: Tensor) -> bool:
        """Whether PyTorch would look if it can compute with tensors of uneven rows."""
        return getattr(self, "use_nested_tensor", False) and not self.layers[0].training and src.ndim == 3


def _why_not_nested(layer: Any) -> str:
    """What about `layer` keeps PyTorch from using tensors of uneven rows; empty if nothing does."""
    name = "encoder_layer"
    if not isinstance(layer, TransformerEncoderLayer):
        return f"{name} was not TransformerEncoderLayer"
    attn = layer.self_attn
    for holds, reason in (
        (layer.norm_first, "norm_first was True"),
        (not attn.batch_first, "self_attn.batch_first was not True(use batch_first for better inference performance)"),
        (not attn._qkv_same_embed_dim, "self_attn._qkv_same_embed_dim was not True"),
        (attn.in_proj_bias is None, "self_attn was passed bias=False"),
        (not layer.activation_relu_or_gelu, "activation_relu_or_gelu was not True"),
        (layer.norm1.eps != layer.norm2.eps, f"norm1.eps was not equal to {name}.norm2.eps"),
        (attn.num_heads % 2 == 1, "self_attn.num_heads is odd"),
    ):
        if holds:
            return f"{name}.{reason}"
    return ""


def _ends(padding: Tensor, check: bool) -> tuple[Tensor, Tensor]:
    """Which positions are padding at the ends, none if some is elsewhere; and the mask to use.

    Without `check`, as many positions of each row as are padding, and these the last ones.
    """

    def ends(m: mx.array) -> mx.array:
        out = m == -mx.inf
        last = mx.arange(m.shape[1]) >= mx.sum(~out, axis=1, keepdims=True)
        return out & mx.all(out == last) if check else last

    found: Tensor = apply(ends, padding.detach())
    return found, padding if check else creation.zeros_like(padding).masked_fill(found, float("-inf"))


class TransformerDecoder(Module):
    """A stack of decoder layers.

    Args:
        decoder_layer: a `TransformerDecoderLayer`, or a module that is called alike; it is copied.
        num_layers: how many copies.
        norm: a module for the output of the last.

    >>> from lucid import nn, ones
    >>> layer = nn.TransformerDecoderLayer(d_model=8, nhead=2, dim_feedforward=16, batch_first=True)
    >>> nn.TransformerDecoder(layer, num_layers=2)(ones(4, 5, 8), ones(4, 10, 8)).shape
    lucid.Size([4, 5, 8])
    """

    __constants__ = ["norm"]  # noqa: RUF012

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers = _get_clones(decoder_layer, num_layers)
        self.num_layers, self.norm = num_layers, norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Decode: see `TransformerDecoderLayer.forward`. A hint of None says nothing."""
        output = tgt
        for layer in self.layers:
            output = layer(
                output,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=tgt_is_causal is True,
                memory_is_causal=memory_is_causal,
            )
        return output if self.norm is None else self.norm(output)


class Transformer(Module):
    """An encoder and a decoder.

    Args:
        d_model: E, size of the last dimension of both inputs.
        nhead: how many heads; `d_model` has to be a multiple.
        num_encoder_layers: how many layers encode.
        num_decoder_layers: how many layers decode.
        dim_feedforward: size between the two linear maps of a layer.
        dropout: the probability to drop an element, in training.
        activation: "relu", "gelu" or any function of a tensor, between the two linear maps.
        custom_encoder: a module instead of the encoder.
        custom_decoder: a module instead of the decoder.
        layer_norm_eps: `eps` of the norms.
        batch_first: inputs and output are (batch, length, E) instead of (length, batch, E).
        norm_first: normalise what goes into attention and network, instead of the sums.
        bias: whether linear maps and norms have biases.
        device: where the parameters live.
        dtype: of the parameters.

    >>> from lucid import nn, ones
    >>> model = nn.Transformer(8, 2, 1, 1, 16, batch_first=True)
    >>> model(ones(4, 10, 8), ones(4, 5, 8)).shape
    lucid.Size([4, 5, 8])
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Activation = F.relu,
        custom_encoder: Any | None = None,
        custom_decoder: Any | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        layer = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first)
        place: dict[str, Any] = {"bias": bias, "device": device, "dtype": dtype}
        if custom_encoder is None:
            norm = LayerNorm(d_model, layer_norm_eps, **place)
            custom_encoder = TransformerEncoder(TransformerEncoderLayer(*layer, **place), num_encoder_layers, norm)
        self.encoder = custom_encoder
        if custom_decoder is None:
            norm = LayerNorm(d_model, layer_norm_eps, **place)
            custom_decoder = TransformerDecoder(TransformerDecoderLayer(*layer, **place), num_decoder_layers, norm)
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Encode `src`, and decode `tgt` with it: see `forward` of `TransformerEncoder` and `TransformerDecoderLayer`.

        Raises RuntimeError for other features than `d_model`, or batches of two sizes.
        """
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise RuntimeError(
                f"the batch number of src and tgt must be equal, got {src.shape[batch]} and {tgt.shape[batch]}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError(
                f"the feature number of src and tgt must be equal to d_model, which is {self.d_model}, got "
                f"{src.shape[-1]} and {tgt.shape[-1]}"
            )
        memory = self.encoder(src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal)
        output: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return output

    @staticmethod
    def generate_square_subsequent_mask(sz: int, device: Any = None, dtype: Any = None) -> Tensor:
        """The causal mask of `sz` positions: minus infinity above the diagonal, 0 elsewhere.

        >>> from lucid import nn
        >>> nn.Transformer.generate_square_subsequent_mask(2)
        tensor([[0., -inf],
                [0., 0.]])
        """
        return _generate_square_subsequent_mask(sz, device, dtype)

    def _reset_parameters(self) -> None:
        for p in self.parameters():
            if p.ndim > 1:
                xavier_uniform_(p)
