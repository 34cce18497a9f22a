"""What one call of each of 40 common operations costs above MLX's: those that PyTorch code uses most."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx

import lucid
import lucid.nn.functional as F
from benchmarks.timing import least
from lucid import _tape

Pair = tuple[str, Callable[[], Any], Callable[[], Any]]


def pairs() -> list[Pair]:
    """What the operation is called, lucid's call, MLX's call."""
    x, y = lucid.ones(4, 4), lucid.full((4, 4), 2.0)
    n, k = lucid.tensor([7, 8, 9]), lucid.tensor([2, 3, 4])
    mask, other = x > 0.5, x > 2.5
    a, b, i, j, m, o = [_tape.array(t) for t in (x, y, n, k, mask, other)]
    mx.eval(a, b, i, j, m, o)
    return [
        ("x + y", lambda: x + y, lambda: mx.add(a, b)),
        ("x - y", lambda: x - y, lambda: mx.subtract(a, b)),
        ("x * 2.0", lambda: x * 2.0, lambda: mx.multiply(a, 2.0)),
        ("x / y", lambda: x / y, lambda: mx.divide(a, b)),
        ("x @ y", lambda: x @ y, lambda: mx.matmul(a, b)),
        ("-x", lambda: -x, lambda: mx.negative(a)),
        ("x ** 2", lambda: x**2, lambda: mx.square(a)),
        ("x[0]", lambda: x[0], lambda: a[0]),
        ("x == y", lambda: x == y, lambda: mx.equal(a, b)),
        ("x != y", lambda: x != y, lambda: mx.not_equal(a, b)),
        ("x < 0", lambda: x < 0, lambda: mx.less(a, 0)),
        ("x <= y", lambda: x <= y, lambda: mx.less_equal(a, b)),
        ("x > y", lambda: x > y, lambda: mx.greater(a, b)),
        ("x >= 0.5", lambda: x >= 0.5, lambda: mx.greater_equal(a, 0.5)),
        ("1 - x", lambda: 1 - x, lambda: mx.subtract(1, a)),
        ("1 / x", lambda: 1 / x, lambda: mx.divide(1, a)),
        ("mask & other", lambda: mask & other, lambda: mx.bitwise_and(m, o)),
        ("mask | other", lambda: mask | other, lambda: mx.bitwise_or(m, o)),
        ("~mask", lambda: ~mask, lambda: mx.bitwise_invert(m)),
        ("n // k, integers", lambda: n // k, lambda: mx.floor_divide(i, j)),
        ("cat([x, y])", lambda: lucid.cat([x, y]), lambda: mx.concatenate([a, b])),
        ("x.view(2, 8)", lambda: x.view(2, 8), lambda: mx.reshape(a, (2, 8))),
        ("zeros(4, 4)", lambda: lucid.zeros(4, 4), lambda: mx.zeros((4, 4))),
        ("arange(4)", lambda: lucid.arange(4), lambda: mx.arange(4)),
        ("x.unsqueeze(0)", lambda: x.unsqueeze(0), lambda: mx.expand_dims(a, 0)),
        ("x.softmax(-1)", lambda: x.softmax(-1), lambda: mx.softmax(a, -1)),
        ("n.float()", lambda: n.float(), lambda: i.astype(mx.float32)),
        ("x.exp()", lambda: x.exp(), lambda: mx.exp(a)),
        ("stack([x, y])", lambda: lucid.stack([x, y]), lambda: mx.stack([a, b])),
        ("x.clamp(0, 1)", lambda: x.clamp(0, 1), lambda: mx.clip(a, 0, 1)),
        ("x.mean(-1)", lambda: x.mean(-1), lambda: mx.mean(a, -1)),
        ("x.permute(1, 0)", lambda: x.permute(1, 0), lambda: mx.transpose(a, (1, 0))),
        ("x.chunk(2)", lambda: x.chunk(2), lambda: mx.split(a, 2)),
        ("x.cos()", lambda: x.cos(), lambda: mx.cos(a)),
        ("x.sigmoid()", lambda: x.sigmoid(), lambda: mx.sigmoid(a)),
        ("x.log()", lambda: x.log(), lambda: mx.log(a)),
        ("x.sum()", lambda: x.sum(), lambda: mx.sum(a)),
        ("x.masked_fill(mask, 0.0)", lambda: x.masked_fill(mask, 0.0), lambda: mx.where(m, 0.0, a)),
        ("relu(x)", lambda: F.relu(x), lambda: mx.maximum(a, 0)),
        ("where(mask, x, y)", lambda: lucid.where(mask, x, y), lambda: mx.where(m, a, b)),
    ]


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Lines of the table: what, lucid, MLX, difference; and the median of the differences."""
    differences = []
    for name, mine, raw in pairs():
        mine_s, raw_s = least(mine, raw, calls=2_000, rounds=25)
        differences.append(mine_s - raw_s)
        yield name, f"{mine_s * 1e6:.2f} us", f"{raw_s * 1e6:.2f} us", f"+{(mine_s - raw_s) * 1e6:.2f} us"
    yield f"median of {len(differences)}", "", "", f"+{statistics.median(differences) * 1e6:.2f} us"
