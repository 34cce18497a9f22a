"""Backward through a chain of ten operations and a sum: the graph alone on 4x4, and evaluated on 256x256."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mlx.core as mx

from benchmarks.race import THREAD_PAUSE, TORCH, Bound, Line, Race, Row, Worker
from benchmarks.timing import Clock, clock, clock_after
from benchmarks.training import settler

SMALL, LARGE = (4, 4), (256, 256)


def chain(x: Any) -> Any:
    z = x
    for _ in range(5):
        z = z * 1.5 + x
    return z.sum()


def words(library: Any) -> dict[str, Clock]:
    small, large = library.ones(SMALL, requires_grad=True), library.ones(LARGE, requires_grad=True)
    settle = settler(library)

    def backward(loss: Any) -> None:
        small.grad = None
        loss.backward()

    def seen() -> Any:
        loss = chain(large)
        loss.item()
        return loss

    def backward_evaluated(loss: Any) -> None:
        large.grad = None
        loss.backward()
        settle(large.grad)

    def both_evaluated() -> None:
        loss = chain(large)
        backward_evaluated(loss)
        loss.item()

    return {
        "both": clock(lambda: backward(chain(small))),
        "backward": clock_after(lambda: chain(small), backward),
        "both, evaluated": clock(both_evaluated),
        "backward, evaluated": clock_after(seen, backward_evaluated),
    }


def raw() -> dict[str, Clock]:
    small, large = mx.ones(SMALL), mx.ones(LARGE)
    mx.eval(small, large)
    loss_and_grad = mx.value_and_grad(chain)
    return {
        "both": clock(lambda: loss_and_grad(small)),
        "both, evaluated": clock(lambda: mx.eval(loss_and_grad(large))),
    }


def lines(worker: Worker | None) -> Iterator[Line]:
    import lucid

    mine, theirs = words(lucid), raw()
    faster = (Bound(TORCH),)
    rows = [
        Row("10-op chain 4x4, forward and backward, graph only", "both", "both", "both"),
        # MLX has no backward without a forward.
        Row("10-op chain 4x4, backward alone, graph only", "backward", None, "backward", faster),
    ]
    yield from Race(rows, mine, theirs, unit="us", calls=200, rounds=60).run(worker)
    rows = [
        Row("10-op chain 256x256, forward and backward, evaluated", *["both, evaluated"] * 3),
        Row("10-op chain 256x256, backward alone, evaluated", "backward, evaluated", None, "backward, evaluated"),
    ]
    yield from Race(rows, mine, theirs, unit="us", calls=10, rounds=25, pause=THREAD_PAUSE).run(worker)
