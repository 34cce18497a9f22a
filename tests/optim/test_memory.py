"""A loop that never looks at a value must not pile up its graph."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np
import pytest

import lucid
import lucid.nn
import lucid.optim
from lucid import _tape


def nodes() -> int:
    gc.collect()
    return sum(issubclass(type(o), _tape.Node) for o in gc.get_objects())


def grown(step: Callable[[], Any], first: int = 50, last: int = 500) -> tuple[float, int, int]:
    """By which factor active memory grows between two steps, and the recorded nodes that are alive at both."""
    seen = {}
    gc.collect()
    for i in range(1, last + 1):
        step()
        if i in (first, last):
            mx.synchronize()
            seen[i] = mx.get_active_memory(), nodes()
    return seen[last][0] / seen[first][0], seen[first][1], seen[last][1]


def batch(rng: Any, rows: int) -> Any:
    """Data from outside, whose memory is held as long as a graph refers to it."""
    return lucid.tensor(rng.standard_normal((rows, 64)).astype(np.float32))


MAKE: dict[str, Callable[[list[Any]], Any]] = {
    "SGD": lambda params: lucid.optim.SGD(params, lr=0.01, momentum=0.9),
    "fused": lambda params: lucid.optim.AdamW(params, lr=0.001, fused=True),
    "AdamW, rate as tensor": lambda params: lucid.optim.AdamW(params, lr=lucid.tensor(0.001)),
}


@pytest.mark.parametrize("kind", MAKE)
def test_500_steps_take_the_memory_of_50(kind: str) -> None:
    rng, wide = np.random.default_rng(0), 64
    params = [lucid.nn.Parameter(batch(rng, wide) / 8) for _ in range(2)]
    optimizer = MAKE[kind](params)
    scheduler = lucid.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
    mean, count, total = lucid.zeros(wide), lucid.zeros(()), lucid.zeros(())
    losses: list[Any] = []

    def step() -> None:
        x = batch(rng, 32)
        for p in params:
            x = (x @ p).tanh()
            with lucid.no_grad():
                mean.mul_(0.9).add_(x.mean(0), alpha=0.1)
                count.add_(1)
        loss = (x * x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        total.add_(loss.detach())
        losses[:] = [*losses[-10:], loss.detach()]

    factor, before, after = grown(step)
    assert factor < 1.1
    assert after <= before
    assert count.item() == 1000
    assert total.item() > losses[-1].item() > 0


def test_a_users_own_optimizer_does_not_either() -> None:
    class Plain(lucid.optim.Optimizer):
        def __init__(self, params: Any) -> None:
            super().__init__(params, {"lr": 0.01})

        def step(self, closure: Any = None) -> None:
            with lucid.no_grad():
                for group in self.param_groups:
                    for p in group["params"]:
                        average = self.state[p].setdefault("average", lucid.zeros_like(p))
                        average.mul_(0.9).add_(p.grad)
                        p.add_(average, alpha=-group["lr"])

    rng = np.random.default_rng(0)
    p = lucid.nn.Parameter(batch(rng, 64) / 8)
    optimizer = Plain([p])

    def step() -> None:
        loss = ((batch(rng, 32) @ p) * 2).tanh().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    factor, before, after = grown(step, last=300)
    assert factor < 1.1
    assert after <= before
