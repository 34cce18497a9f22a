"""Which arrays have values that can be looked at for free: those made from data, and those that were evaluated.

MLX reads and writes out of bounds when an index is wrong (0.32.4). Where an index's values are known they are checked;
where they are not, looking would force an evaluation, and the index is clamped inside the graph instead.
"""

from __future__ import annotations

import weakref
from typing import Any

import mlx.core as mx
import numpy as np

from lucid._tape import TensorCore
from lucid.dtypes import INEXACT


class _Entry(weakref.ref[mx.array]):
    """A reference to a known array, gone when the array is, with the range of its values once they were seen."""

    __slots__ = ("key", "range")

    key: int
    range: tuple[int, int] | None


_known: dict[int, _Entry] = {}


def _forget(entry: Any) -> None:
    found: Any = _known.get(entry.key)
    if found is entry:  # the id may belong to another array by now
        del _known[entry.key]


def know(a: mx.array) -> mx.array:
    """Note that the values of `a` are there, if it could be an index; `a` itself is returned."""
    if a.dtype not in INEXACT:
        entry = _Entry(a, _forget)
        entry.key, entry.range = id(a), None
        _known[id(a)] = entry
    return a


def _entry(a: mx.array) -> _Entry | None:
    entry = _known.get(id(a))
    return entry if entry is not None and entry() is a else None


def is_known(t: Any) -> bool:
    """True if the values of `t`, a tensor, are there without computing anything that costs."""
    if _entry(t._data) is not None:
        return True
    base = t._extra.base if t._extra is not None else None
    return base is not None and _entry(base._data) is not None


def values(t: Any) -> np.ndarray[Any, Any] | None:
    """The values of `t`, an integer or bool tensor, if they are known, else None; those of anything else."""
    if not isinstance(t, TensorCore):
        return np.asarray(t)
    if t._extra is not None:
        t._extra.refresh(t)
    return np.array(t._data, copy=False) if is_known(t) else None


def within(t: Any, low: int, high: int) -> bool:
    """True if the values of the integer tensor `t` are known, were seen before, and lie in [low, high)."""
    entry = _entry(t._data)
    return entry is not None and entry.range is not None and low <= entry.range[0] and entry.range[1] < high


def saw(t: Any, least: int, largest: int) -> None:
    """Note the range of the values of `t`."""
    entry = _entry(t._data)
    if entry is not None:
        entry.range = least, largest
