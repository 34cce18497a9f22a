"""Nested tuples, lists and dicts, as PyTorch's pytrees take them apart.

A tuple, list, dict, OrderedDict, defaultdict, deque or namedtuple is a node; everything else, None included, is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

_DICTS = (dict, OrderedDict, defaultdict)


class Tree:
    """The structure of a nested value without its leaves.

    Attributes:
        kind: the class of the container; None for a leaf.
        about: what the container has beside its parts: the keys of a dict, say.
        parts: the structures of the parts.
        leaves: how many there are.
    """

    __slots__ = ("about", "kind", "leaves", "parts")

    def __init__(self, kind: Any, about: Any, parts: Sequence[Tree]) -> None:
        self.kind, self.about, self.parts = kind, about, tuple(parts)
        self.leaves: int = 1 if kind is None else sum(part.leaves for part in parts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tree) or self.kind is not other.kind:
            return False
        return self._order(other) is not None

    def _order(self, other: Tree) -> list[Tree] | None:
        """The parts of `other`, which is equal, in the order of the own ones: dicts are equal in any order."""
        if len(self.parts) != len(other.parts):
            return None
        parts = list(other.parts)
        if self.kind in _DICTS:
            found = dict(zip(other.about[0], parts, strict=True))
            if set(found) != set(self.about[0]):
                return None
            parts = [found[key] for key in self.about[0]]
        elif self.about != other.about:
            return None
        return parts if all(a == b for a, b in zip(self.parts, parts, strict=True)) else None

    __hash__ = None  # type: ignore[assignment]

    def build(self, leaves: Iterable[Any]) -> Any:
        """The value of this structure with the given leaves."""
        return self._build(iter(leaves))

    def _build(self, leaves: Iterator[Any]) -> Any:
        if self.kind is None:
            return next(leaves)
        values = [part._build(leaves) for part in self.parts]
        if self.kind in _DICTS:
            pairs = zip(self.about[0], values, strict=True)
            return defaultdict(self.about[1], pairs) if self.kind is defaultdict else self.kind(pairs)
        if self.kind is deque:
            return deque(values, self.about)
        return self.kind(*values) if hasattr(self.kind, "_fields") else self.kind(values)

    def __repr__(self) -> str:
        if self.kind is None:
            return "*"
        if self.kind in _DICTS:
            pairs = ", ".join(f"{key!r}: {part!r}" for key, part in zip(self.about[0], self.parts, strict=True))
            return f"{{{pairs}}}"
        inner = ", ".join(map(repr, self.parts))
        if self.kind is list:
            return f"[{inner}]"
        return f"({inner})" if self.kind is tuple else f"{self.kind.__name__}({inner})"


LEAF = Tree(None, None, ())


def _open(value: Any) -> tuple[Any, Any, list[Any]] | None:
    """The kind of a container, what it has beside its parts, and the parts; None for a leaf."""
    kind = type(value)
    if kind is tuple or kind is list or (isinstance(value, tuple) and hasattr(kind, "_fields")):
        return kind, None, list(value)
    if kind in _DICTS:
        return kind, (list(value), getattr(value, "default_factory", None)), list(value.values())
    return (kind, value.maxlen, list(value)) if kind is deque else None


def flatten(value: Any) -> tuple[list[Any], Tree]:
    """The leaves of `value`, and its structure."""
    leaves: list[Any] = []
    return leaves, _flatten(value, leaves)


def _flatten(value: Any, leaves: list[Any]) -> Tree:
    opened = _open(value)
    if opened is None:
        leaves.append(value)
        return LEAF
    kind, about, parts = opened
    return Tree(kind, about, [_flatten(part, leaves) for part in parts])


def spread(prefix: Any, tree: Tree) -> list[Any] | None:
    """A value for each leaf of `tree` from `prefix`, whose leaves stand for all that is below; None if it differs."""
    opened = _open(prefix)
    if opened is None:
        return [prefix] * tree.leaves
    kind, about, parts = opened
    if kind is not tree.kind or len(parts) != len(tree.parts):
        return None
    if kind in _DICTS:
        values = dict(zip(about[0], parts, strict=True))
        if set(values) != set(tree.about[0]):
            return None
        parts = [values[key] for key in tree.about[0]]
    found: list[Any] = []
    for part, below in zip(parts, tree.parts, strict=True):
        values_below = spread(part, below)
        if values_below is None:
            return None
        found += values_below
    return found


def mapped(fn: Callable[[Any], Any], value: Any) -> Any:
    """`value` with `fn` of each leaf."""
    leaves, tree = flatten(value)
    return tree.build([fn(leaf) for leaf in leaves])
