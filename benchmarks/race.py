"""A race: lucid, raw MLX and PyTorch do the same in turns. It gives lines of the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.pytorch import Worker
from benchmarks.timing import Clock, in_turns

LUCID, MLX, TORCH = "lucid", "MLX", "PyTorch"
THREAD_PAUSE = 0.03  # of OpenBLAS and OpenMP, see `in_turns`


class Bound(NamedTuple):
    """What lucid may cost: `times` as much as `side`, or with `plus` so many seconds more."""

    side: str
    times: float = 1.0
    plus: float | None = None


class Row(NamedTuple):
    """What is compared, under which name each side has it, and what lucid may cost."""

    what: str
    lucid: str
    mlx: str | None = None
    torch: str | None = None
    bounds: tuple[Bound, ...] = ()


class Line(NamedTuple):
    """A line of the table: what each side needed, round by round, in seconds or in what `unit` says."""

    what: str
    unit: str  # "us", "ms", "s", "MB", or "x" for multiples
    sides: dict[str, list[float]]
    bounds: tuple[Bound, ...] = ()
    difference: bool = False  # to MLX, rather than the ratio


class Race(NamedTuple):
    rows: list[Row]
    lucid: dict[str, Clock]
    mlx: dict[str, Clock]
    torch: dict[str, Clock] | None = None  # None: what the worker has
    unit: str = "ms"
    calls: int = 3
    rounds: int = 15
    pause: float = 0.0
    warm: bool = True  # two turns that do not count come first
    difference: bool = False

    def run(self, worker: Worker | None) -> Iterator[Line]:
        """All rows, from the same turns."""
        torch = self.torch
        if torch is None:
            torch = {} if worker is None else {r.torch: worker.clock(r.torch) for r in self.rows if r.torch}
        places: dict[tuple[str, str], int] = {}
        clocks: list[Clock] = []
        for row in self.rows:
            for side, name, known in (
                (LUCID, row.lucid, self.lucid), (MLX, row.mlx, self.mlx), (TORCH, row.torch, torch),
            ):  # fmt: skip
                if name is not None and (side, name) not in places and (side != TORCH or name in torch):
                    places[side, name] = len(clocks)
                    clocks.append(known[name])
        if self.warm:
            in_turns(clocks, calls=max(1, self.calls // 10), rounds=2)
        shown = in_turns(clocks, calls=self.calls, rounds=self.rounds, pause=self.pause)
        for row in self.rows:
            names = {LUCID: row.lucid, MLX: row.mlx, TORCH: row.torch}
            sides = {side: shown[places[side, name]] for side, name in names.items() if (side, name) in places}
            yield Line(row.what, self.unit, sides, row.bounds, self.difference)
