"""A training step of a GPT: 4 layers, 128 wide, context 64, batch 16, AdamW."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import mlx.nn as mnn
import mlx.optimizers as moptim

from benchmarks import training
from benchmarks.race import Line, Worker
from benchmarks.timing import Clock

VOCABULARY, CONTEXT, WIDTH, LAYERS, HEADS, BATCH = 64, 64, 128, 4, 4, 16


def through(model: Any, ids: Any, cache: Any, arange: Any) -> Any:
    """The scores of the next token. A `cache`, a list that is empty at first, keeps each layer's keys and values."""
    start = cache[0][0].shape[2] if cache else 0
    x = model.token(ids) + model.position(arange(start, start + ids.shape[1]))
    kept = []
    for k, block in enumerate(model.blocks):
        x, pair = block(x, cache[k] if cache else None)
        kept.append(pair)
    if cache is not None:
        cache[:] = kept
    return model.head(model.ln(x))


def gpt(library: Any, context: int = CONTEXT) -> Any:
    """The model in PyTorch's words."""
    nn, attention = library.nn, library.nn.functional.scaled_dot_product_attention

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
            self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

        def forward(self, x: Any, past: Any = None) -> Any:
            batch, length, width = x.shape
            q, k, v = self.qkv(self.ln_1(x)).split(width, dim=2)
            q, k, v = (t.view(batch, length, HEADS, width // HEADS).transpose(1, 2) for t in (q, k, v))
            if past is not None:
                k, v = library.cat([past[0], k], dim=2), library.cat([past[1], v], dim=2)
            attended = attention(q, k, v, is_causal=past is None)
            x = x + self.proj(attended.transpose(1, 2).reshape(batch, length, width))
            return x + self.mlp(self.ln_2(x)), (k, v)

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.position = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(context, WIDTH)
            self.blocks = nn.ModuleList([Block() for _ in range(LAYERS)])
            self.ln, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY, bias=False)

        def forward(self, ids: Any, cache: Any = None) -> Any:
            return through(self, ids, cache, library.arange)

    return GPT()


class RawBlock(mnn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = mnn.LayerNorm(WIDTH), mnn.LayerNorm(WIDTH)
        self.qkv, self.proj = mnn.Linear(WIDTH, 3 * WIDTH), mnn.Linear(WIDTH, WIDTH)
        self.up, self.down = mnn.Linear(WIDTH, 4 * WIDTH), mnn.Linear(4 * WIDTH, WIDTH)

    def __call__(self, x: mx.array, past: Any = None) -> Any:
        batch, length, width = x.shape
        parts = mx.split(self.qkv(self.ln_1(x)), 3, axis=-1)
        q, k, v = (p.reshape(batch, length, HEADS, -1).transpose(0, 2, 1, 3) for p in parts)
        if past is not None:
            k, v = mx.concatenate([past[0], k], axis=2), mx.concatenate([past[1], v], axis=2)
        mask = "causal" if past is None else None
        out = mx.fast.scaled_dot_product_attention(q, k, v, scale=1 / math.sqrt(WIDTH // HEADS), mask=mask)
        x = x + self.proj(out.transpose(0, 2, 1, 3).reshape(batch, length, width))
        return x + self.down(mnn.gelu(self.up(self.ln_2(x)))), (k, v)


class RawGPT(mnn.Module):
    def __init__(self, context: int = CONTEXT) -> None:
        super().__init__()
        self.token, self.position = mnn.Embedding(VOCABULARY, WIDTH), mnn.Embedding(context, WIDTH)
        self.blocks = [RawBlock() for _ in range(LAYERS)]
        self.ln, self.head = mnn.LayerNorm(WIDTH), mnn.Linear(WIDTH, VOCABULARY, bias=False)

    def __call__(self, ids: mx.array, cache: Any = None) -> mx.array:
        return through(self, ids, cache, mx.arange)


def case(library: Any) -> training.Case:
    model, F = gpt(library), library.nn.functional
    optimizer = library.optim.AdamW(model.parameters(), lr=training.RATE, weight_decay=0.01)
    x, y = library.randint(0, VOCABULARY, (BATCH, CONTEXT)), library.randint(0, VOCABULARY, (BATCH * CONTEXT,))
    return training.Case(model, optimizer, lambda x, y: F.cross_entropy(model(x).flatten(0, 1), y), (x, y))


def raw_case() -> training.Case:
    model = RawGPT()
    x, y = (mx.random.randint(0, VOCABULARY, (BATCH, CONTEXT)) for _ in range(2))
    return training.Case(
        model, moptim.AdamW(training.RATE, weight_decay=0.01, bias_correction=True),
        lambda x, y: mnn.losses.cross_entropy(model(x), y, reduction="mean"), (x, y),
    )  # fmt: skip


def words(library: Any) -> dict[str, Clock]:
    return training.words(library, case)


def lines(worker: Worker | None) -> Iterator[Line]:
    import lucid

    yield from training.race("GPT", words(lucid), training.raw(raw_case)).run(worker)
