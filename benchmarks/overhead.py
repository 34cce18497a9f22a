"""What one call costs: an operator, a layer."""

from __future__ import annotations

from collections.abc import Iterator

import mlx.core as mx
import mlx.nn as mnn

import lucid
from benchmarks.timing import interleaved, least
from lucid import _tape, nn


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Lines of the table: what, lucid, MLX, difference or ratio."""
    x, y = lucid.ones(4, 4), lucid.ones(4, 4)
    a, b = _tape.array(x), _tape.array(y)
    weight = lucid.ones(4, 4, requires_grad=True)
    for name, mine, raw in (
        ("x + y", lambda: x + y, lambda: mx.add(a, b)),
        ("x * 2.0", lambda: x * 2.0, lambda: mx.multiply(a, 2.0)),
        ("x + w, recorded", lambda: x + weight, lambda: mx.add(a, b)),
        ("x.exp()", lambda: x.exp(), lambda: mx.exp(a)),
        ("x.sum()", lambda: x.sum(), lambda: mx.sum(a)),
        ("x[0]", lambda: x[0], lambda: a[0]),
        ("x.reshape(16)", lambda: x.reshape(16), lambda: mx.reshape(a, (16,))),
    ):
        mine_s, raw_s = least(mine, raw, calls=5_000, rounds=25)
        yield name, f"{mine_s * 1e6:.2f} us", f"{raw_s * 1e6:.2f} us", f"+{(mine_s - raw_s) * 1e6:.2f} us"

    layer, raw_layer = nn.Linear(16, 16), mnn.Linear(16, 16)
    batch = lucid.ones(4, 16)
    raw_batch = _tape.array(batch)
    for name, frozen in (("nn.Linear call, recorded", False), ("nn.Linear call, frozen", True)):
        layer.requires_grad_(not frozen)
        mine_s, raw_s, ratio = interleaved(lambda: layer(batch), lambda: raw_layer(raw_batch), calls=10_000, rounds=7)
        yield name, f"{mine_s * 1e6:.2f} us", f"{raw_s * 1e6:.2f} us", f"{ratio:.2f}x"
