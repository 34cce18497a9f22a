"""Timing several things in turns, so that all meet the same machine."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

Run = Callable[[], Any]
Clock = Callable[[int], float]  # the seconds that one call took, over so many calls

LONGEST, FEWEST = 20.0, 5


def clock(run: Run) -> Clock:
    """Times `run`."""

    def seconds(calls: int) -> float:
        start = time.perf_counter()
        for _ in range(calls):
            run()
        return (time.perf_counter() - start) / calls

    return seconds


def clock_after(prepare: Run, run: Callable[[Any], Any]) -> Clock:
    """Times `run(prepared)`, without the `prepare()` that comes before each."""

    def seconds(calls: int) -> float:
        total = 0.0
        for _ in range(calls):
            prepared = prepare()
            start = time.perf_counter()
            run(prepared)
            total += time.perf_counter() - start
        return total / calls

    return seconds


def in_turns(clocks: list[Clock], *, calls: int, rounds: int, pause: float = 0.0) -> list[list[float]]:
    """What each clock showed, round by round.

    Each round has an order of its own: who comes after another finds its caches and buffers, warm or cold. `pause`
    before each turn lets the threads of the one before go to sleep: BLAS and OpenMP keep theirs spinning for some
    milliseconds, which would slow down who comes next. After `LONGEST` seconds no new round begins, unless there are
    fewer than `FEWEST`.
    """
    start = time.perf_counter()
    chance = random.Random(0)
    shown: list[list[float]] = [[] for _ in clocks]
    turns = list(range(len(clocks)))
    for k in range(rounds):
        if k >= FEWEST and time.perf_counter() - start > LONGEST:
            break
        chance.shuffle(turns)
        for turn in turns:
            time.sleep(pause)
            shown[turn].append(clocks[turn](calls))
    return shown
