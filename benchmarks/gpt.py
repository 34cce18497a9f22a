"""A training step of a GPT: 4 layers, 128 wide, context 64, batch 16, AdamW; the same model in lucid and in mlx.nn."""

from __future__ import annotations

import math
from collections.abc import Iterator

import mlx.core as mx
import mlx.nn as mnn
import mlx.optimizers as moptim

import lucid
import lucid.nn.functional as F
from benchmarks.timing import interleaved
from examples.tiny_gpt import GPT

VOCABULARY, CONTEXT, WIDTH, LAYERS, HEADS, BATCH = 64, 64, 128, 4, 4, 16


class RawBlock(mnn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = mnn.LayerNorm(WIDTH), mnn.LayerNorm(WIDTH)
        self.qkv, self.proj = mnn.Linear(WIDTH, 3 * WIDTH), mnn.Linear(WIDTH, WIDTH)
        self.up, self.down = mnn.Linear(WIDTH, 4 * WIDTH), mnn.Linear(4 * WIDTH, WIDTH)

    def __call__(self, x: mx.array) -> mx.array:
        parts = mx.split(self.qkv(self.ln_1(x)), 3, axis=-1)
        q, k, v = (p.reshape(BATCH, CONTEXT, HEADS, -1).transpose(0, 2, 1, 3) for p in parts)
        out = mx.fast.scaled_dot_product_attention(q, k, v, scale=1 / math.sqrt(WIDTH // HEADS), mask="causal")
        x = x + self.proj(out.transpose(0, 2, 1, 3).reshape(BATCH, CONTEXT, WIDTH))
        return x + self.down(mnn.gelu(self.up(self.ln_2(x))))


class RawGPT(mnn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token, self.position = mnn.Embedding(VOCABULARY, WIDTH), mnn.Embedding(CONTEXT, WIDTH)
        self.blocks = [RawBlock() for _ in range(LAYERS)]
        self.ln, self.head = mnn.LayerNorm(WIDTH), mnn.Linear(WIDTH, VOCABULARY, bias=False)

    def __call__(self, ids: mx.array) -> mx.array:
        x = self.token(ids) + self.position(mx.arange(CONTEXT))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln(x))


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Lines of the table: what, lucid, MLX, ratio."""
    ids = mx.random.randint(0, VOCABULARY, (BATCH, CONTEXT + 1))
    mx.eval(ids)
    x, y = ids[:, :-1], ids[:, 1:]
    raw = RawGPT()
    raw_optimizer = moptim.AdamW(learning_rate=1e-3, weight_decay=0.01)
    loss_and_grad = mnn.value_and_grad(raw, lambda x, y: mnn.losses.cross_entropy(raw(x), y, reduction="mean"))

    def raw_step() -> None:
        loss, grads = loss_and_grad(x, y)
        raw_optimizer.update(raw, grads)
        mx.eval(loss, raw.parameters(), raw_optimizer.state)

    model = GPT(VOCABULARY, CONTEXT, WIDTH, LAYERS, HEADS)
    optimizer = lucid.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    lx, ly = lucid.tensor(x, dtype=lucid.int64), lucid.tensor(y, dtype=lucid.int64).flatten()

    def step(look: bool = False) -> None:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(lx).flatten(0, 1), ly)
        if look:
            loss.item()
        loss.backward()
        optimizer.step()
        loss.item()

    for name, look in (
        ("GPT step, nothing evaluated before backward", False),
        ("GPT step, loss printed before backward", True),
    ):
        mine_s, raw_s, ratio = interleaved(lambda look=look: step(look), raw_step, calls=3, rounds=11)  # type: ignore[misc]
        yield name, f"{mine_s * 1e3:.1f} ms", f"{raw_s * 1e3:.1f} ms", f"{ratio:.2f}x"
