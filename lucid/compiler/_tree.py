"""Nested arguments and results: their tensors in a row, and what is left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lucid._tape import TensorCore

PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Slot(int):
    """Stands for the tensor of this number."""


def flatten(value: Any, tensors: list[Any], held: list[Any]) -> tuple[Any, Any]:
    """What `value` is apart from its tensors: once for comparing, hashable, and once for `unflatten`.

    Tensors go to `tensors`, each once. Objects that are compared by identity go to `held`, so that they stay.
    """
    if isinstance(value, TensorCore):
        k = next((k for k, t in enumerate(tensors) if t is value), len(tensors))
        if k == len(tensors):
            tensors.append(value)
        return k, Slot(k)
    kind = type(value)
    if isinstance(value, dict):
        pairs = [(k, flatten(v, tensors, held)) for k, v in value.items()]
        keys = [flatten(k, tensors, held)[0] for k in value]
        made = {k: part for k, (_, part) in pairs}
        return (kind, *zip(keys, [key for _, (key, _) in pairs], strict=True)), made if kind is dict else (kind, made)
    if isinstance(value, (list, tuple)):
        parts = [flatten(v, tensors, held) for v in value]
        return (kind, *[key for key, _ in parts]), (kind, [part for _, part in parts])
    if isinstance(value, PLAIN):
        return (kind, repr(value)) if kind is float or kind is complex else (kind, value), _Constant(value)
    held.append(value)
    attributes = getattr(value, "__dict__", {})
    plain = [(name, type(v), v) for name, v in attributes.items() if isinstance(v, PLAIN)]
    return (kind, id(value), *plain), _Constant(value)


class _Constant:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def unflatten(tree: Any, tensor: Callable[[int], Any]) -> Any:
    """The value that `flatten` took apart, with `tensor(k)` for tensor k."""
    if isinstance(tree, Slot):
        return tensor(tree)
    if isinstance(tree, _Constant):
        return tree.value
    if isinstance(tree, dict):
        return {k: unflatten(v, tensor) for k, v in tree.items()}
    kind, parts = tree
    if isinstance(parts, dict):
        made = kind.__new__(kind)
        made.update({k: unflatten(v, tensor) for k, v in parts.items()})
        return made
    values = [unflatten(v, tensor) for v in parts]
    return kind(*values) if hasattr(kind, "_fields") else kind(values)
