"""Timing two things in turn, so that both meet the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

Run = Callable[[], Any]


def call_seconds(run: Run, calls: int) -> float:
    """Seconds for one of `calls` calls of `run`."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def interleaved(first: Run, second: Run, *, calls: int, rounds: int) -> tuple[float, float, float]:
    """Median seconds a call of each, and the median of their ratios round by round."""
    for run in (first, second):
        call_seconds(run, max(1, calls // 10))
    pairs = []
    for k in range(rounds):
        if k % 2:  # who goes first alternates
            b, a = call_seconds(second, calls), call_seconds(first, calls)
        else:
            a, b = call_seconds(first, calls), call_seconds(second, calls)
        pairs.append((a, b))
    return (
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )


def least(first: Run, second: Run, *, calls: int, rounds: int) -> tuple[float, float]:
    """The least seconds a call of each, in turns: for calls so short that another process can only lengthen them."""
    for run in (first, second):
        call_seconds(run, max(1, calls // 10))
    pairs = [(call_seconds(first, calls), call_seconds(second, calls)) for _ in range(rounds)]
    return min(a for a, _ in pairs), min(b for _, b in pairs)
