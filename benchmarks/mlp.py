"""A training step of an MLP: 256-512-512-10, batch 64, Adam."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mlx.core as mx
import mlx.nn as mnn
import mlx.optimizers as moptim

from benchmarks import training
from benchmarks.race import Line, Worker
from benchmarks.timing import Clock

BATCH, WIDTH, HIDDEN, CLASSES = 64, 256, 512, 10


def case(library: Any) -> training.Case:
    nn = library.nn
    model = nn.Sequential(
        nn.Linear(WIDTH, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES)
    )
    optimizer = library.optim.Adam(model.parameters(), lr=training.RATE)
    x, y = library.randn(BATCH, WIDTH), library.randint(0, CLASSES, (BATCH,))
    return training.Case(model, optimizer, lambda x, y: nn.functional.cross_entropy(model(x), y), (x, y))


def raw_case() -> training.Case:
    model = mnn.Sequential(
        mnn.Linear(WIDTH, HIDDEN), mnn.ReLU(), mnn.Linear(HIDDEN, HIDDEN), mnn.ReLU(), mnn.Linear(HIDDEN, CLASSES)
    )
    x, y = mx.random.normal((BATCH, WIDTH)), mx.random.randint(0, CLASSES, (BATCH,))
    return training.Case(
        model, moptim.Adam(training.RATE, bias_correction=True),
        lambda x, y: mnn.losses.cross_entropy(model(x), y, reduction="mean"), (x, y),
    )  # fmt: skip


def words(library: Any) -> dict[str, Clock]:
    return training.words(library, case)


def lines(worker: Worker | None) -> Iterator[Line]:
    import lucid

    yield from training.race("MLP", words(lucid), training.raw(raw_case), rounds=60).run(worker)
