"""From the start of Python to its end, with one import between."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.processes import wall
from benchmarks.pytorch import installed
from benchmarks.race import MLX, Bound, Line, Race, Row, Worker


def lines(worker: Worker | None) -> Iterator[Line]:
    rows = [Row("import (MLX: mlx.core and numpy)", "import", "import", "import", (Bound(MLX, 1.3),))]
    mine, theirs = {"import": wall("import lucid")}, {"import": wall("import mlx.core, numpy")}
    torch = {"import": wall("import torch", plain=True)} if installed() else {}
    yield from Race(rows, mine, theirs, torch, calls=2, rounds=5).run(worker)
