"""A Transformer's encoder layer: 128 wide, 4 heads, 512 between, batch 16, length 64; forward, backward, evaluated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
import mlx.nn as mnn

from benchmarks.race import MLX, THREAD_PAUSE, Bound, Line, Race, Row, Worker
from benchmarks.timing import Clock, clock, in_turns
from benchmarks.training import settler

BATCH, LENGTH, WIDTH, HEADS, BETWEEN = 16, 64, 128, 4, 512
SCALE = 1 / math.sqrt(WIDTH // HEADS)
KINDS = [
    (f"{activation}{', norm first' if norm_first else ''}", activation, norm_first)
    for norm_first, activation in itertools.product((False, True), ("relu", "gelu"))
]

Attention = Callable[[mx.array, mx.array, mx.array], mx.array]
Weights = dict[str, mx.array]


def words(library: Any) -> dict[str, Clock]:
    """A step and an inference of each kind."""
    x = library.randn(BATCH, LENGTH, WIDTH)
    found: dict[str, Clock] = {}
    for name, activation, norm_first in KINDS:
        model = library.nn.TransformerEncoderLayer(
            WIDTH, HEADS, BETWEEN, dropout=0.0, activation=activation, batch_first=True, norm_first=norm_first
        )
        found |= {f"step, {name}": _step(library, model, x), f"inference, {name}": _inference(library, model, x)}
    return found


def _step(library: Any, model: Any, x: Any) -> Clock:
    parameters, settle = list(model.parameters()), settler(library)

    def step() -> None:
        model.train()
        model.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        settle(loss, *[p.grad for p in parameters])

    return clock(step)


def _inference(library: Any, model: Any, x: Any) -> Clock:
    settle = settler(library)

    @library.no_grad()
    def infer() -> None:
        model.eval()
        settle(model(x))

    return clock(infer)


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


def raw(weights: Weights) -> dict[str, Clock]:
    """Of the two ways to attend, the faster."""
    x = mx.random.normal((BATCH, LENGTH, WIDTH))
    mx.eval(x, weights)

    def step(attention: Attention, activation: Any, norm_first: bool) -> Clock:
        loss_and_grad = mx.value_and_grad(
            lambda w, x: raw_layer(w, x, attention, activation, norm_first).square().mean()
        )
        return clock(lambda: mx.eval(loss_and_grad(weights, x)))

    def inference(attention: Attention, activation: Any, norm_first: bool) -> Clock:
        return clock(lambda: mx.eval(raw_layer(weights, x, attention, activation, norm_first)))

    return {
        f"{what}, {name}": _faster([make(a, getattr(mnn, activation), norm_first) for a in ATTENTIONS])
        for name, activation, norm_first in KINDS
        for what, make in (("step", step), ("inference", inference))
    }


ATTENTIONS = (fused_attention, plain_attention)


def _faster(clocks: list[Clock]) -> Clock:
    shown = in_turns(clocks, calls=2, rounds=9)
    return min(zip(shown, clocks, strict=True), key=lambda pair: min(pair[0]))[1]


def lines(worker: Worker | None) -> Iterator[Line]:
    import lucid

    model = lucid.nn.TransformerEncoderLayer(WIDTH, HEADS, BETWEEN)
    theirs, mine = raw({name: p._data for name, p in model.named_parameters()}), words(lucid)
    for name in mine:
        rows = [Row(f"encoder layer {name}", name, name, name, (Bound(MLX, 1.05),))]
        yield from Race(rows, mine, theirs, pause=THREAD_PAUSE, rounds=21).run(worker)
