"""The peak memory of a compiled GPT step, by MLX's own count, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.processes import told
from benchmarks.race import MLX, Bound, Line, Race, Row, Worker

_STEPS = """
import gc
import mlx.core as mx
from benchmarks import gpt, training
{imports}
step = {steps}["compiled"]
step(3)
gc.collect()  # the models of the other steps
mx.reset_peak_memory()
step(5)
print(mx.get_peak_memory() / 2**20)
"""
MINE = _STEPS.format(imports="import lucid", steps="training.words(lucid, gpt.case)")
RAW = _STEPS.format(imports="", steps="training.raw(gpt.raw_case)")


def lines(worker: Worker | None) -> Iterator[Line]:
    rows = [Row("GPT step, compiled: peak memory", "peak", "peak", None, (Bound(MLX, 1.05),))]
    yield from Race(rows, {"peak": told(MINE)}, {"peak": told(RAW)}, {}, "MB", 1, 3, warm=False).run(worker)
