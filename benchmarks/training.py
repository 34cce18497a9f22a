"""Training steps of one model: lucid and PyTorch by the same code, and `mlx.nn` with `mlx.optimizers`.

Every step trains on the same batch, at a rate so small that the loss stays where it is: a model that learns its batch
by heart reaches denormal numbers within some ten steps, which are many times as slow in every library. MLX's Adam is
told to correct its bias, which it leaves out by default: PyTorch's always does.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import mlx.core as mx
import mlx.nn as mnn

from benchmarks.race import MLX, THREAD_PAUSE, Bound, Race, Row
from benchmarks.timing import Clock, clock

RATE = 1e-6


class Case(NamedTuple):
    """`loss(*batch)` calls the model."""

    model: Any
    optimizer: Any
    loss: Callable[..., Any]
    batch: tuple[Any, ...]


def settler(library: Any) -> Callable[..., Any]:
    """What computes tensors now; PyTorch has done it already."""
    if library.__name__ == "torch":
        return lambda *tensors: None
    from lucid import _tape

    return _tape.evaluate


def words(library: Any, make: Callable[[Any], Case]) -> dict[str, Clock]:
    """Steps in PyTorch's words, each of a model of its own; a compiled one in lucid only."""

    def step_of(look: bool = False, compiled: bool = False) -> Clock:
        model, optimizer, loss_of, batch = make(library)

        def step(*batch: Any) -> Any:
            optimizer.zero_grad()
            loss = loss_of(*batch)
            if look:
                loss.item()
            loss.backward()
            optimizer.step()
            return loss

        if compiled:
            step = library.compile(step, fullgraph=True)
        settle, kept = settler(library), [*model.parameters(), *model.buffers()]

        def whole() -> None:
            settle(step(*batch), *kept)

        return clock(whole)

    found = {"eager": step_of(), "looked": step_of(look=True)}
    return found if library.__name__ == "torch" else {**found, "compiled": step_of(compiled=True)}


def raw(make: Callable[[], Case]) -> dict[str, Clock]:
    """The steps as they are written for MLX; the compiled one with its state listed."""

    def eager(model: Any, optimizer: Any, loss: Any, batch: Any) -> Clock:
        loss_and_grad = mnn.value_and_grad(model, loss)

        def step() -> None:
            value, grads = loss_and_grad(*batch)
            optimizer.update(model, grads)
            mx.eval(value, model.parameters(), optimizer.state)

        return clock(step)

    def compiled(model: Any, optimizer: Any, loss: Any, batch: Any) -> Clock:
        optimizer.init(model.trainable_parameters())
        state = [model.state, optimizer.state]
        loss_and_grad = mnn.value_and_grad(model, loss)

        @partial(mx.compile, inputs=state, outputs=state)
        def step(*batch: mx.array) -> mx.array:
            value, grads = loss_and_grad(*batch)
            optimizer.update(model, grads)
            return value

        return clock(lambda: mx.eval(step(*batch), state))

    return {"eager": eager(*make()), "compiled": compiled(*make())}


def race(name: str, lucid: dict[str, Clock], mlx: dict[str, Clock], eager: float = 1.05, rounds: int = 15) -> Race:
    """The three rows of a model; `eager` bounds the first. Short steps need more `rounds`."""
    rows = [
        Row(f"{name} step", "eager", "eager", "eager", (Bound(MLX, eager),)),
        Row(f"{name} step, loss printed before backward", "looked", "eager", "looked", (Bound(MLX, 1.2),)),
        Row(f"{name} step, compiled", "compiled", "compiled", None, (Bound(MLX, 1.03),)),
    ]
    return Race(rows, lucid, mlx, rounds=rounds, pause=THREAD_PAUSE)
