"""A training step of an LSTM: 2 layers, 128 wide, 64 steps, batch 32, SGD."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import mlx.nn as mnn
import mlx.optimizers as moptim

from benchmarks import training
from benchmarks.race import Line, Worker
from benchmarks.timing import Clock

BATCH, STEPS, WIDTH, LAYERS = 32, 64, 128, 2


class RawLSTM(mnn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = [mnn.LSTM(WIDTH, WIDTH) for _ in range(LAYERS)]

    def __call__(self, x: mx.array) -> mx.array:
        for layer in self.layers:
            x, _ = layer(x)
        return x


def case(library: Any) -> training.Case:
    model = library.nn.LSTM(WIDTH, WIDTH, LAYERS, batch_first=True)
    optimizer = library.optim.SGD(model.parameters(), lr=training.RATE)
    x = library.randn(BATCH, STEPS, WIDTH)
    return training.Case(model, optimizer, lambda x: model(x)[0].square().mean(), (x,))


def raw_case() -> training.Case:
    model = RawLSTM()
    x = mx.random.normal((BATCH, STEPS, WIDTH))
    return training.Case(model, moptim.SGD(training.RATE), lambda x: model(x).square().mean(), (x,))


def words(library: Any) -> dict[str, Clock]:
    return training.words(library, case)


def lines(worker: Worker | None) -> Iterator[Line]:
    import lucid

    yield from training.race("LSTM", words(lucid), training.raw(raw_case), eager=1.10).run(worker)
