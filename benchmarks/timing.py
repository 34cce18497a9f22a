"""Timing several things in turns, so that all meet the same machine."""

from __future__ import annotations

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

    Who goes first changes from round to round. `pause` before each turn lets the threads of the one before go to sleep:
    BLAS and OpenMP keep theirs spinning for some milliseconds, which would slow down who comes next. After `LONGEST`
    seconds no new round begins, unless there are fewer than `FEWEST`.
    """
    start = time.perf_counter()
    shown: list[list[float]] = [[] for _ in clocks]
    for k in range(rounds):
        if k >= FEWEST and time.perf_counter() - start > LONGEST:
            break
        for place in range(len(clocks)):
            turn = (k + place) % len(clocks)
            time.sleep(pause)
            shown[turn].append(clocks[turn](calls))
    return shown
