"""A look at everything that a pickle made: what its tensors are called, and whether anybody can work with it."""

from __future__ import annotations

import argparse
import types
from collections.abc import Iterator
from typing import Any

from lucid import storage as storages
from lucid._tensor import Tensor
from lucid.serialization._header import CheckpointError
from lucid.serialization._torch._allowed import Known
from lucid.serialization._torch._blanks import StorageType
from lucid.serialization._torch._kinds import Kind

_DEPTH = 100  # what is nested much deeper, Python cannot even print
_FREE = 10_000_000  # objects that may be seen where parts occur several times
_WITH_ATTRIBUTES = (dict, argparse.Namespace, types.SimpleNamespace, Tensor)
_CONTAINERS = (list, tuple, set, frozenset, *_WITH_ATTRIBUTES)


class Found:
    """The tensors and storages of an object, each with its name, in the order in which they occur."""

    def __init__(self) -> None:
        self.tensors: dict[int, str] = {}
        self.storages: dict[int, str] = {}


class _Open:
    """A container that is being looked at."""

    __slots__ = ("children", "name", "size", "value")

    def __init__(self, value: Any, name: str) -> None:
        self.value, self.name = value, name
        self.children = _children(value)
        self.size = 1  # of the tree that it is the root of, in which what occurs twice counts twice


def look(top: Any) -> Found:
    """The names of the tensors in `top`.

    Raises CheckpointError for what contains itself, is nested very deep, or becomes huge where it is written out: such
    objects would keep whoever prints or copies them busy forever. And for what is no value: a name that was not used.
    """
    found, sizes, inside = Found(), dict[int, int](), set[int]()
    open_: list[_Open] = []

    def enter(value: Any, name: str) -> int:
        """The size of `value` if it is known, else 0: it has to be looked at."""
        if isinstance(value, storages._Flat):
            found.storages.setdefault(id(value), name or "storage")
        elif isinstance(value, (Known, StorageType, Kind)):
            raise CheckpointError(_no_value(value, name))
        if not isinstance(value, _CONTAINERS):
            return 1
        if id(value) in sizes:
            return sizes[id(value)]
        if id(value) in inside:
            raise CheckpointError(f"its {name or 'content'} contains itself")
        if len(open_) >= _DEPTH:
            raise CheckpointError(f"what it contains is nested more than {_DEPTH} deep")
        if isinstance(value, Tensor):
            found.tensors.setdefault(id(value), name or "tensor")
        inside.add(id(value))
        open_.append(_Open(value, name))
        return 0

    enter(top, "")
    while open_:
        at = open_[-1]
        for key, child in at.children:
            size = enter(child, f"{at.name}.{key}" if at.name else key)
            if not size:
                break
            at.size += size
        else:
            open_.pop()
            inside.discard(id(at.value))
            sizes[id(at.value)] = at.size
            if open_:
                open_[-1].size += at.size
            if at.size > _FREE + 10 * len(sizes):
                raise CheckpointError(
                    f"its {at.name or 'content'} repeats its parts so often that it would be {at.size} objects, which "
                    "nobody could print or copy"
                )
    return found


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, child in value.items():
            if not isinstance(key, (str, int)):
                yield "a key", key
            yield str(key) if isinstance(key, (str, int)) else type(key).__name__, child
    elif isinstance(value, (list, tuple, set, frozenset)):
        for k, child in enumerate(value):
            yield str(k), child
    if isinstance(value, _WITH_ATTRIBUTES):
        yield from getattr(value, "__dict__", {}).items()


def _no_value(value: Any, name: str) -> str:
    where = f" at {name}" if name else ""
    if isinstance(value, Kind):
        return f"it contains the dtype torch.{value.name}{where}, which MLX does not have"
    what = value.name if isinstance(value, Known) else "a class of storages"
    return f"it contains {what} itself{where}, and not an object made by it; leave this part out of the checkpoint"
