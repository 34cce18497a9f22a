"""A training step of an LSTM: 2 layers, 128 wide, 64 steps, batch 32; the same network in lucid and in mlx.nn."""

from __future__ import annotations

from collections.abc import Iterator

import mlx.core as mx
import mlx.nn as mnn

import lucid
from benchmarks.timing import interleaved

BATCH, STEPS, WIDTH, LAYERS = 32, 64, 128, 2


class RawLSTM(mnn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = [mnn.LSTM(WIDTH, WIDTH) for _ in range(LAYERS)]

    def __call__(self, x: mx.array) -> mx.array:
        for layer in self.layers:
            x, _ = layer(x)
        return x


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Lines of the table: what, lucid, MLX, ratio."""
    x = mx.random.normal((BATCH, STEPS, WIDTH))
    raw = RawLSTM()
    mx.eval(x, raw.parameters())
    loss_and_grad = mnn.value_and_grad(raw, lambda x: raw(x).square().mean())

    def raw_step() -> None:
        mx.eval(loss_and_grad(x))

    model = lucid.nn.LSTM(WIDTH, WIDTH, LAYERS, batch_first=True)
    lx = lucid.tensor(x)

    def step(look: bool = False) -> None:
        model.zero_grad()
        loss = model(lx)[0].square().mean()
        if look:
            loss.item()
        loss.backward()
        mx.eval([loss._data, *[p.grad._data for p in model.parameters() if p.grad is not None]])

    for name, look in (
        ("LSTM step, nothing evaluated before backward", False),
        ("LSTM step, loss printed before backward", True),
    ):
        mine_s, raw_s, ratio = interleaved(lambda look=look: step(look), raw_step, calls=3, rounds=11)  # type: ignore[misc]
        yield name, f"{mine_s * 1e3:.1f} ms", f"{raw_s * 1e3:.1f} ms", f"{ratio:.2f}x"
