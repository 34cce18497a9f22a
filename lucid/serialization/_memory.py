"""Which tensors share memory: each piece of memory is written once, and shared again when it is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lucid import _tape, _views
from lucid._layout import Layout
from lucid._tensor import Tensor
from lucid.ops.pieces import as_strided
from lucid.ops.queries import root
from lucid.ops.shape import CONJUGATE

_LOOKED_AT = 1 << 26  # elements of memory that are marked one by one to see whether views overlap


class Place(NamedTuple):
    """Where the elements of a tensor are: in the tensor number `of`, all of them unless `view` says which."""

    of: int
    view: Layout | None = None


def places(tensors: Sequence[Tensor]) -> tuple[list[Place], list[Tensor]]:
    """A place for each tensor, and further tensors that are numbered after them.

    A tensor that is written itself is its own place. The further ones are pieces of memory that several views look at
    and none of `tensors` covers.
    """
    found = [Place(k) for k in range(len(tensors))]
    more: list[Tensor] = []
    groups: dict[int, list[tuple[int, Layout]]] = {}
    for k, t in enumerate(tensors):
        if _tape.array(t).size and _in_one_memory(t):
            groups.setdefault(id(root(t)), []).append((k, _views.layout(t)))
    for group in groups.values():
        for cluster in _clusters(group) if len(group) > 1 else ():
            _settle(cluster, tensors, found, more)
    return found, more


def _in_one_memory(t: Tensor) -> bool:
    """True if the layout of `t` says where in the memory of its root it lies, and what lies there are its values."""
    at = t
    while at._extra is not None and at._extra.base is not None:
        extra = at._extra
        if extra.move.trace is None or extra.move is CONJUGATE or extra.parent._data.dtype != at._data.dtype:
            return False
        at = extra.parent
    return True


def _reach(at: Layout) -> int:
    return at.offset + sum((n - 1) * s for n, s in zip(at.shape, at.strides, strict=True)) + 1


def _clusters(group: list[tuple[int, Layout]]) -> list[list[tuple[int, Layout]]]:
    """Parts of the group whose stretches of memory do not meet."""
    clusters: list[list[tuple[int, Layout]]] = []
    end = 0
    for k, at in sorted(group, key=lambda item: (item[1].offset, item[0])):
        if not clusters or at.offset >= end:
            clusters.append([])
        clusters[-1].append((k, at))
        end = max(end, _reach(at))
    return clusters


def _settle(
    cluster: list[tuple[int, Layout]], tensors: Sequence[Tensor], found: list[Place], more: list[Tensor]
) -> None:
    first: dict[Layout, int] = {}  # what looks at the same elements in the same way is one
    for k, at in sorted(cluster):
        found[k] = Place(first.setdefault(at, k))
    if len(first) == 1:
        return
    start, end = min(at.offset for at in first), max(map(_reach, first))
    whole = [k for at, k in first.items() if at.contiguous and (at.offset, _reach(at)) == (start, end)]
    if whole:
        holder = whole[0]
    elif _disjoint(first, start, end):
        return
    else:
        holder = len(tensors) + len(more)
        more.append(as_strided(tensors[cluster[0][0]].detach(), (end - start,), (1,), start))
    for k, at in cluster:
        if first[at] != holder:
            found[k] = Place(holder, at._replace(offset=at.offset - start))


def _disjoint(layouts: dict[Layout, int], start: int, end: int) -> bool:
    if end - start > _LOOKED_AT:
        return False
    marks = np.zeros(end - start, bool)
    for at in layouts:
        view = np.lib.stride_tricks.as_strided(marks[at.offset - start :], at.shape, at.strides)
        if view.any():
            return False
        view[...] = True
    return True
