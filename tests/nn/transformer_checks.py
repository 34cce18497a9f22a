"""What the tests of the Transformer family share: inputs, masks, and the same model in lucid and in PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch

from lucid import nn
from tests.nn.layer_checks import share

E, HEADS, BETWEEN, S, T, N = 4, 2, 6, 5, 3, 2
LAYERS = ("TransformerEncoderLayer", "TransformerDecoderLayer")
MADE = {"dim_feedforward": BETWEEN, "dropout": 0.0}


def x(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 1) -> torch.Tensor:
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)), dtype=torch.float64)
    return values.to(dtype).requires_grad_()


def mask(kind: str | None, *shape: int, seed: int = 0) -> torch.Tensor | None:
    """A mask of a kind: bool; minus infinity and 0; or any numbers."""
    if kind is None:
        return None
    generator = torch.Generator().manual_seed(seed + sum(shape))
    out = torch.rand(shape, generator=generator) < 0.4
    if kind == "bool":
        return out
    return torch.where(out, -torch.inf, 0.0) if kind == "-inf" else torch.randn(shape, generator=generator)


def ends(*lengths: int, size: int = S) -> torch.Tensor:
    """The padding mask of sequences with these lengths."""
    return torch.arange(size) >= torch.tensor(lengths)[:, None]


def causal(size: int) -> torch.Tensor:
    return torch.nn.Transformer.generate_square_subsequent_mask(size)


def pair(make: Callable[[Any], Any]) -> tuple[Any, Any]:
    """`make(nn)` of lucid and of PyTorch, with the same parameters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a layer rules out nested tensors
        mine, theirs = make(nn), make(torch.nn)
    share(mine, theirs)
    return mine, theirs


def encoder(of: Any, layers: int = 2, norm: bool = True, options: dict[str, Any] | None = None, **kwargs: Any) -> Any:
    layer = of.TransformerEncoderLayer(E, HEADS, **{**MADE, "batch_first": True, **kwargs})
    return of.TransformerEncoder(layer, layers, of.LayerNorm(E) if norm else None, **(options or {}))


def shaped(batch_first: bool, batch: tuple[int, ...], length: int, **kwargs: Any) -> torch.Tensor:
    return x(*((*batch, length) if batch_first else (length, *batch)), E, **kwargs)


def inputs_of(name: str, batch_first: bool, batch: tuple[int, ...] = (N,), **kwargs: Any) -> list[torch.Tensor]:
    source = shaped(batch_first, batch, S, **kwargs)
    return [source] if "Encoder" in name else [shaped(batch_first, batch, T, seed=7, **kwargs), source]
