"""The table: medians, ratios with their quartiles, and bounds kept or missed."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from benchmarks.race import LUCID, MLX, TORCH, Bound, Line

HEADER = ("", LUCID, MLX, TORCH, "lucid / MLX", "lucid / PyTorch", "bound", "")
SCALES = {"us": (1e6, 2), "ms": (1e3, 1), "s": (1, 2), "MB": (1, 1), "x": (1, 2)}


def cells(line: Line) -> tuple[str, ...]:
    """The line as words, one for each column."""
    values = (_value(line, line.sides.get(side)) for side in (LUCID, MLX, TORCH))
    bounds = ", ".join(_bound(b, line) for b in line.bounds)
    return (line.what, *values, _compared(line, MLX), _compared(line, TORCH), bounds, "MISSED" if missed(line) else "")


def missed(line: Line) -> bool:
    """True if lucid costs more than it may; a side that did not run binds nobody."""
    return any(b.side in line.sides and _middle(line, b.side, b.plus is not None) > _limit(b) for b in line.bounds)


def printed(row: tuple[str, ...]) -> str:
    """One line of text."""
    widths = (54, 11, 11, 11, 26, 24, 30, 6)
    return "".join(
        f"{c:<{w}}" if k in (0, 6, 7) else f"{c:>{w}}  "[: w + 2]
        for k, (c, w) in enumerate(zip(row, widths, strict=True))
    ).rstrip()


def markdown(rows: Iterable[tuple[str, ...]]) -> str:
    """The table for a document."""
    lines = [f"| {' | '.join(HEADER)} |", "| --- |" + " ---: |" * 5 + " --- | --- |"]
    lines += [f"| {' | '.join(f'**{c}**' if c == 'MISSED' else c for c in row)} |" for row in rows]
    return "\n".join(lines)


def _limit(bound: Bound) -> float:
    return bound.times if bound.plus is None else bound.plus


def _each(line: Line, side: str, difference: bool) -> list[float]:
    pairs = zip(line.sides[LUCID], line.sides[side], strict=True)
    return [a - b if difference else a / b for a, b in pairs]


def _middle(line: Line, side: str, difference: bool) -> float:
    return statistics.median(_each(line, side, difference))


def _value(line: Line, samples: list[float] | None) -> str:
    if samples is None:
        return "-"
    scale, digits = SCALES[line.unit]
    return f"{statistics.median(samples) * scale:.{digits}f} {line.unit}"


def _compared(line: Line, side: str) -> str:
    """The median over the rounds, and the quartiles."""
    if side not in line.sides:
        return "-"
    difference = line.difference and side == MLX
    each = _each(line, side, difference)
    scale, digits = SCALES[line.unit] if difference else (1, 2)
    sign, unit = ("+", f" {line.unit}") if difference else ("", "x")
    low, middle, high = statistics.quantiles(each, n=4, method="inclusive") if len(each) > 1 else each * 3
    text = f"{middle * scale:{sign}.{digits}f}{unit}"
    return f"{text} ({low * scale:.{digits}f} to {high * scale:.{digits}f})" if len(each) > 1 else text


def _bound(bound: Bound, line: Line) -> str:
    if bound.plus is None:
        return f"at most {bound.times:.2f}x {bound.side}".replace("1.00x ", "")
    scale, _ = SCALES[line.unit]
    return f"at most {bound.side} + {bound.plus * scale:.1f} {line.unit}"
