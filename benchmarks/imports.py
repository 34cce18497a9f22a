"""From the start of Python to its end, with one import between, of bytecode that is there already."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

from benchmarks.processes import wall
from benchmarks.pytorch import installed
from benchmarks.race import MLX, Bound, Line, Race, Row, Worker


def lines(worker: Worker | None) -> Iterator[Line]:
    rows = [Row("import (MLX: mlx.core and numpy)", "import", "import", "import", (Bound(MLX, 1.3),))]
    with tempfile.TemporaryDirectory() as bytecode:
        mine = {"import": wall("import lucid", bytecode=bytecode)}
        theirs = {"import": wall("import mlx.core, numpy", bytecode=bytecode)}
        torch = {"import": wall("import torch", plain=True, bytecode=bytecode)} if installed() else {}
        yield from Race(rows, mine, theirs, torch, calls=2, rounds=8).run(worker)
