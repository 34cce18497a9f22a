"""Compiled training steps: `lucid.compile`, which is told nothing, beside `mx.compile` with its state listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import mlx.core as mx
import mlx.nn as mnn
import mlx.optimizers as moptim

import lucid
import lucid.nn.functional as F
from benchmarks import gpt, resnet
from benchmarks.timing import interleaved
from examples.tiny_gpt import GPT
from lucid import nn

Case = tuple[Callable[[], Any], Callable[[], Any]]


def raw_step(model: Any, optimizer: Any, loss: Callable[..., mx.array], *batch: mx.array) -> Callable[[], Any]:
    """A compiled step of a model of `mlx.nn`."""
    optimizer.init(model.trainable_parameters())
    state = [model.state, optimizer.state]
    loss_and_grad = mnn.value_and_grad(model, loss)

    @partial(mx.compile, inputs=state, outputs=state)
    def step(*batch: mx.array) -> mx.array:
        value, grads = loss_and_grad(*batch)
        optimizer.update(model, grads)
        return value

    def run() -> None:
        mx.eval(step(*batch), state)

    return run


def my_step(model: nn.Module, optimizer: Any, loss: Callable[..., Any], *batch: Any) -> Callable[[], Any]:
    """A compiled step of a model of lucid."""

    @lucid.compile(fullgraph=True)
    def step(*batch: Any) -> Any:
        optimizer.zero_grad()
        value = loss(*batch)
        value.backward()
        optimizer.step()
        return value

    return lambda: step(*batch).item()


def mlp() -> Case:
    x, y = mx.random.normal((64, 256)), mx.random.randint(0, 10, (64,))
    raw = mnn.Sequential(mnn.Linear(256, 512), mnn.ReLU(), mnn.Linear(512, 512), mnn.ReLU(), mnn.Linear(512, 10))
    model = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    lx, ly = lucid.tensor(x), lucid.tensor(y).long()
    return (
        my_step(
            model, lucid.optim.Adam(model.parameters(), lr=1e-3), lambda x, y: F.cross_entropy(model(x), y), lx, ly
        ),
        raw_step(raw, moptim.Adam(1e-3), lambda x, y: mnn.losses.cross_entropy(raw(x), y, reduction="mean"), x, y),
    )


def gpt_() -> Case:
    ids = mx.random.randint(0, gpt.VOCABULARY, (gpt.BATCH, gpt.CONTEXT + 1))
    x, y = mx.contiguous(ids[:, :-1]), mx.contiguous(ids[:, 1:])
    raw, model = gpt.RawGPT(), GPT(gpt.VOCABULARY, gpt.CONTEXT, gpt.WIDTH, gpt.LAYERS, gpt.HEADS)
    lx, ly = lucid.tensor(x).long(), lucid.tensor(y).long().flatten()
    return (
        my_step(
            model, lucid.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01),
            lambda x, y: F.cross_entropy(model(x).flatten(0, 1), y), lx, ly,
        ),
        raw_step(
            raw, moptim.AdamW(1e-3, weight_decay=0.01),
            lambda x, y: mnn.losses.cross_entropy(raw(x), y, reduction="mean"), x, y,
        ),
    )  # fmt: skip


def resnet_() -> Case:
    x, y = mx.random.normal((resnet.BATCH, resnet.SIZE, resnet.SIZE, 3)), mx.random.randint(0, 10, (resnet.BATCH,))
    raw, model = resnet.RawResNet(), resnet.ResNet()
    lx, ly = lucid.tensor(x).permute(0, 3, 1, 2).contiguous(), lucid.tensor(y).long()
    return (
        my_step(
            model, lucid.optim.SGD(model.parameters(), lr=0.01, momentum=0.9),
            lambda x, y: F.cross_entropy(model(x), y), lx, ly,
        ),
        raw_step(
            raw, moptim.SGD(0.01, momentum=0.9),
            lambda x, y: mnn.losses.cross_entropy(raw(x), y, reduction="mean"), x, y,
        ),
    )  # fmt: skip


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Lines of the table: what, lucid, MLX, ratio."""
    for name, make in (("MLP", mlp), ("GPT", gpt_), ("ResNet-18", resnet_)):
        mine, raw = make()
        for _ in range(3):
            mine()
            raw()
        mine_s, raw_s, ratio = interleaved(mine, raw, calls=3, rounds=11)
        yield f"{name} step, compiled", f"{mine_s * 1e3:.1f} ms", f"{raw_s * 1e3:.1f} ms", f"{ratio:.2f}x"
