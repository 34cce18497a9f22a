"""What one call of each of the operations that PyTorch code uses most costs above MLX's, and a call of a layer.

The calls only: MLX's arrays are lazy, PyTorch has computed its 4x4 when the call returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import fmean
from typing import Any

import mlx.core as mx
import mlx.nn as mnn

from benchmarks.race import MLX, TORCH, Bound, Line, Race, Row, Worker
from benchmarks.timing import Clock, clock
from benchmarks.training import settler

BOUNDS = {"x + y": (Bound(MLX, plus=0.9e-6), Bound(TORCH))}
LAYER, FROZEN, EVALUATED = "nn.Linear call", "nn.Linear call, frozen", "x + y, evaluated"


def calls(library: Any) -> dict[str, Callable[[], Any]]:
    """In PyTorch's words."""
    F = library.nn.functional
    x, y, w = library.ones(4, 4), library.full((4, 4), 2.0), library.ones(4, 4, requires_grad=True)
    n, k = library.tensor([7, 8, 9]), library.tensor([2, 3, 4])
    mask, other = x > 0.5, x > 2.5
    settler(library)(mask, other)
    return {
        "x + y": lambda: x + y,
        "x + w, recorded": lambda: x + w,
        "x - y": lambda: x - y,
        "x * 2.0": lambda: x * 2.0,
        "x / y": lambda: x / y,
        "x @ y": lambda: x @ y,
        "-x": lambda: -x,
        "x ** 2": lambda: x**2,
        "x[0]": lambda: x[0],
        "x == y": lambda: x == y,
        "x != y": lambda: x != y,
        "x < 0": lambda: x < 0,
        "x <= y": lambda: x <= y,
        "x > y": lambda: x > y,
        "x >= 0.5": lambda: x >= 0.5,
        "1 - x": lambda: 1 - x,
        "1 / x": lambda: 1 / x,
        "mask & other": lambda: mask & other,
        "mask | other": lambda: mask | other,
        "~mask": lambda: ~mask,
        "n // k, integers": lambda: n // k,
        "cat([x, y])": lambda: library.cat([x, y]),
        "x.view(2, 8)": lambda: x.view(2, 8),
        "zeros(4, 4)": lambda: library.zeros(4, 4),
        "arange(4)": lambda: library.arange(4),
        "x.unsqueeze(0)": lambda: x.unsqueeze(0),
        "x.softmax(-1)": lambda: x.softmax(-1),
        "n.float()": lambda: n.float(),
        "x.exp()": lambda: x.exp(),
        "stack([x, y])": lambda: library.stack([x, y]),
        "x.clamp(0, 1)": lambda: x.clamp(0, 1),
        "x.mean(-1)": lambda: x.mean(-1),
        "x.permute(1, 0)": lambda: x.permute(1, 0),
        "x.chunk(2)": lambda: x.chunk(2),
        "x.cos()": lambda: x.cos(),
        "x.sigmoid()": lambda: x.sigmoid(),
        "x.log()": lambda: x.log(),
        "x.sum()": lambda: x.sum(),
        "x.masked_fill(mask, 0.0)": lambda: x.masked_fill(mask, 0.0),
        "relu(x)": lambda: F.relu(x),
        "where(mask, x, y)": lambda: library.where(mask, x, y),
    }


def raw_calls() -> dict[str, Callable[[], Any]]:
    """The same for MLX, with integers of PyTorch's width."""
    a, b = mx.ones((4, 4)), mx.full((4, 4), 2.0)
    i, j = mx.array([7, 8, 9], mx.int64), mx.array([2, 3, 4], mx.int64)
    m, o = a > 0.5, a > 2.5
    mx.eval(a, b, i, j, m, o)
    return {
        "x + y": lambda: mx.add(a, b),
        "x + w, recorded": lambda: mx.add(a, b),
        "x - y": lambda: mx.subtract(a, b),
        "x * 2.0": lambda: mx.multiply(a, 2.0),
        "x / y": lambda: mx.divide(a, b),
        "x @ y": lambda: mx.matmul(a, b),
        "-x": lambda: mx.negative(a),
        "x ** 2": lambda: mx.square(a),
        "x[0]": lambda: a[0],
        "x == y": lambda: mx.equal(a, b),
        "x != y": lambda: mx.not_equal(a, b),
        "x < 0": lambda: mx.less(a, 0),
        "x <= y": lambda: mx.less_equal(a, b),
        "x > y": lambda: mx.greater(a, b),
        "x >= 0.5": lambda: mx.greater_equal(a, 0.5),
        "1 - x": lambda: mx.subtract(1, a),
        "1 / x": lambda: mx.divide(1, a),
        "mask & other": lambda: mx.bitwise_and(m, o),
        "mask | other": lambda: mx.bitwise_or(m, o),
        "~mask": lambda: mx.bitwise_invert(m),
        "n // k, integers": lambda: mx.floor_divide(i, j),
        "cat([x, y])": lambda: mx.concatenate([a, b]),
        "x.view(2, 8)": lambda: mx.reshape(a, (2, 8)),
        "zeros(4, 4)": lambda: mx.zeros((4, 4)),
        "arange(4)": lambda: mx.arange(4),
        "x.unsqueeze(0)": lambda: mx.expand_dims(a, 0),
        "x.softmax(-1)": lambda: mx.softmax(a, -1),
        "n.float()": lambda: i.astype(mx.float32),
        "x.exp()": lambda: mx.exp(a),
        "stack([x, y])": lambda: mx.stack([a, b]),
        "x.clamp(0, 1)": lambda: mx.clip(a, 0, 1),
        "x.mean(-1)": lambda: mx.mean(a, -1),
        "x.permute(1, 0)": lambda: mx.transpose(a, (1, 0)),
        "x.chunk(2)": lambda: mx.split(a, 2),
        "x.cos()": lambda: mx.cos(a),
        "x.sigmoid()": lambda: mx.sigmoid(a),
        "x.log()": lambda: mx.log(a),
        "x.sum()": lambda: mx.sum(a),
        "x.masked_fill(mask, 0.0)": lambda: mx.where(m, 0.0, a),
        "relu(x)": lambda: mx.maximum(a, 0),
        "where(mask, x, y)": lambda: mx.where(m, a, b),
    }


def words(library: Any) -> dict[str, Clock]:
    x, y, settle = library.ones(4, 4), library.full((4, 4), 2.0), settler(library)
    batch, layer, frozen = library.ones(4, 16), library.nn.Linear(16, 16), library.nn.Linear(16, 16)
    frozen.requires_grad_(False)
    found = {name: clock(call) for name, call in calls(library).items()}
    return {
        **found,
        LAYER: clock(lambda: layer(batch)),
        FROZEN: clock(lambda: frozen(batch)),
        EVALUATED: clock(lambda: settle(x + y)),
    }


def raw() -> dict[str, Clock]:
    a, b = mx.ones((4, 4)), mx.full((4, 4), 2.0)
    layer, batch = mnn.Linear(16, 16), mx.ones((4, 16))
    mx.eval(a, b, layer.parameters(), batch)
    found = {name: clock(call) for name, call in raw_calls().items()}
    return {**found, LAYER: clock(lambda: layer(batch)), EVALUATED: clock(lambda: mx.eval(mx.add(a, b)))}


def lines(worker: Worker | None) -> Iterator[Line]:
    import lucid

    mine, theirs = words(lucid), raw()
    found = []
    for name in calls(lucid):
        rows = [Row(name, name, name, name, BOUNDS.get(name, ()))]
        race = Race(rows, mine, theirs, unit="us", calls=1_000, rounds=25, difference=True)
        found += race.run(worker)
        yield found[-1]
    means = {
        side: [fmean(turn) for turn in zip(*[f.sides[side] for f in found], strict=True)] for side in found[0].sides
    }
    yield Line(f"mean of these {len(found)}", "us", means, difference=True)
    rows = [Row(EVALUATED, EVALUATED, EVALUATED, EVALUATED)]
    yield from Race(rows, mine, theirs, unit="us", calls=300, rounds=25, difference=True).run(worker)
    rows = [Row(LAYER, LAYER, LAYER, LAYER, (Bound(TORCH),)), Row(FROZEN, FROZEN, LAYER, FROZEN, (Bound(TORCH),))]
    yield from Race(rows, mine, theirs, unit="us", calls=1_000, rounds=25, difference=True).run(worker)
