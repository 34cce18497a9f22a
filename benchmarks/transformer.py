"""A Transformer's encoder layer: 128 wide, 4 heads, 512 between, batch 16, length 64; in lucid and in raw MLX."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
import mlx.nn as mnn

import lucid
from benchmarks.timing import interleaved, least

BATCH, LENGTH, WIDTH, HEADS, BETWEEN = 16, 64, 128, 4, 512
SCALE = 1 / math.sqrt(WIDTH // HEADS)

Attention = Callable[[mx.array, mx.array, mx.array], mx.array]
Weights = dict[str, mx.array]


def fused_attention(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
    return mx.fast.scaled_dot_product_attention(q, k, v, scale=SCALE)


def plain_attention(q: mx.array, k: mx.array, v: mx.array) -> mx.array:
    return mx.softmax((q * SCALE) @ k.swapaxes(-1, -2), axis=-1) @ v


def raw_layer(w: Weights, x: mx.array, attention: Attention, activation: Any, norm_first: bool) -> mx.array:
    """The layer as it is written for MLX: one product for query, key and value, and MLX's fused norm."""

    def linear(name: str, x: mx.array) -> mx.array:
        return mx.addmm(w[name + "bias"], x, w[name + "weight"].T)

    def norm(name: str, x: mx.array) -> mx.array:
        return mx.fast.layer_norm(x, w[name + "weight"], w[name + "bias"], 1e-5)

    def attend(x: mx.array) -> mx.array:
        parts = mx.split(linear("self_attn.in_proj_", x), 3, axis=-1)
        q, k, v = (p.reshape(BATCH, LENGTH, HEADS, -1).transpose(0, 2, 1, 3) for p in parts)
        mixed = attention(q, k, v).transpose(0, 2, 1, 3).reshape(BATCH, LENGTH, WIDTH)
        return linear("self_attn.out_proj.", mixed)

    def feed_forward(x: mx.array) -> mx.array:
        return linear("linear2.", activation(linear("linear1.", x)))

    if norm_first:
        x = x + attend(norm("norm1.", x))
        return x + feed_forward(norm("norm2.", x))
    x = norm("norm1.", x + attend(x))
    return norm("norm2.", x + feed_forward(x))


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Lines of the table: what, lucid, MLX in the faster of its two ways to attend, ratio."""
    x = mx.random.normal((BATCH, LENGTH, WIDTH))
    mx.eval(x)
    lx = lucid.tensor(x)
    for norm_first, activation in itertools.product((False, True), ("relu", "gelu")):
        model = lucid.nn.TransformerEncoderLayer(
            WIDTH, HEADS, BETWEEN, dropout=0.0, activation=activation, batch_first=True, norm_first=norm_first
        )
        weights = {name: p._data for name, p in model.named_parameters()}
        name = f"{activation}{', norm first' if norm_first else ''}"
        yield f"encoder layer step, {name}", *_step(model, lx, weights, x, norm_first, getattr(mnn, activation))
        yield f"encoder layer inference, {name}", *_call(model, lx, weights, x, norm_first, getattr(mnn, activation))


def _compared(mine: Callable[[], Any], raws: list[Callable[[], Any]]) -> tuple[str, str, str]:
    first, second = least(*raws, calls=2, rounds=9)
    mine_s, raw_s, ratio = interleaved(mine, raws[second < first], calls=2, rounds=31)
    return f"{mine_s * 1e3:.1f} ms", f"{raw_s * 1e3:.1f} ms", f"{ratio:.2f}x"


def _step(
    model: Any, lx: Any, weights: Weights, x: mx.array, norm_first: bool, activation: Any
) -> tuple[str, str, str]:
    """Forward, loss, backward; nothing is evaluated before the gradients are."""

    def step() -> None:
        model.zero_grad()
        loss = model(lx).square().mean()
        loss.backward()
        mx.eval([loss._data, *[p.grad._data for p in model.parameters()]])

    def raw_step(attention: Attention) -> Callable[[], None]:
        loss_and_grad = mx.value_and_grad(
            lambda w, x: raw_layer(w, x, attention, activation, norm_first).square().mean()
        )
        return lambda: mx.eval(loss_and_grad(weights, x))

    model.train()
    return _compared(step, [raw_step(fused_attention), raw_step(plain_attention)])


def _call(
    model: Any, lx: Any, weights: Weights, x: mx.array, norm_first: bool, activation: Any
) -> tuple[str, str, str]:
    def call() -> None:
        with lucid.no_grad():
            mx.eval(model(lx)._data)

    def raw_call(attention: Attention) -> Callable[[], None]:
        return lambda: mx.eval(raw_layer(weights, x, attention, activation, norm_first))

    model.eval()
    return _compared(call, [raw_call(fused_attention), raw_call(plain_attention)])
