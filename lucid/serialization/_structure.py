"""Nested objects as a tree of JSON in which tensors are named: no pickle, so nothing is run when a file is loaded.

JSON's own values stand for themselves. Anything else is an object with one of the keys of `_READ`, such as
`{"dict": [[key, value], ...]}` or `{"tensor": name, "id": 3}`. Two tensors with the same name share their values; with
the same id they are the same tensor.
"""

from __future__ import annotations

import base64
import json
import math
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from lucid import dtypes
from lucid._size import Size
from lucid.device import device
from lucid.nn.parameter import Parameter
from lucid.serialization._header import METADATA, CheckpointError
from lucid.tensor import Tensor

_VERSION = 1


def owner(t: Tensor) -> Tensor:
    """The tensor whose whole memory `t` is: itself, or what it was detached from."""
    while t._extra is not None and t._extra.parent is not None and t._extra.fn is None:
        t = t._extra.parent
    return t


class Encoder:
    """Turns an object into a tree, and collects its tensors under names."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self._names: dict[int, str] = {}  # by the id of the owner
        self._ids: dict[int, int] = {}
        self._open: list[int] = []  # ids of the containers that are being encoded
        self._kept: list[Tensor] = []  # so that ids stay unique

    def text(self, value: Any) -> str:
        """The tree of `value` as JSON. Raises TypeError or ValueError for what cannot be stored."""
        return json.dumps(
            {"version": _VERSION, "tree": self._encode(value, ())}, separators=(",", ":"), ensure_ascii=False
        )

    def _encode(self, value: Any, path: tuple[Any, ...]) -> Any:
        if isinstance(value, Tensor):
            return self._tensor(value, path)
        if isinstance(value, np.generic):
            value = value.item()
        kind = type(value)
        if value is None or kind in (bool, int, str):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if kind in _WRITE:
            name, parts = _WRITE[kind]
            return {name: parts(value)}
        if kind not in (list, tuple, set, frozenset, dict, OrderedDict, Counter):
            raise TypeError(f"save: cannot store an object of type {kind.__name__} at {_shown(path)}; {_advice(value)}")
        if id(value) in self._open:
            raise ValueError(f"save: the {kind.__name__} at {_shown(path)} contains itself")
        self._open.append(id(value))
        try:
            return self._container(value, kind, path)
        finally:
            self._open.pop()

    def _container(self, value: Any, kind: type, path: tuple[Any, ...]) -> Any:
        if not isinstance(value, dict):
            items = [self._encode(v, (*path, i)) for i, v in enumerate(value)]
            return items if kind is list else {kind.__name__: items}
        pairs = [[self._encode(k, (*path, "a key")), self._encode(v, (*path, k))] for k, v in value.items()]
        tree: dict[str, Any] = {kind.__name__: pairs}
        if hasattr(value, "_metadata"):
            tree["_metadata"] = self._encode(value._metadata, (*path, "_metadata"))
        return tree

    def _tensor(self, t: Tensor, path: tuple[Any, ...]) -> dict[str, Any]:
        source = owner(t)
        if id(source) not in self._names:
            wanted = ".".join(str(key) for key in path) or "tensor"
            name, again = wanted, 1
            while name in self.tensors or name == METADATA:
                again += 1
                name = f"{wanted}#{again}"
            self._names[id(source)] = name
            self.tensors[name] = t
        self._kept += [t, source]
        node: dict[str, Any] = {"tensor": self._names[id(source)], "id": self._ids.setdefault(id(t), len(self._ids))}
        if isinstance(t, Parameter):
            node["parameter"] = True
        if t.requires_grad:
            node["requires_grad"] = True
        return node


def _shown(path: tuple[Any, ...]) -> str:
    return "the top" if not path else "".join(f"[{key!r}]" for key in path)


def _advice(value: Any) -> str:
    if hasattr(value, "state_dict"):
        return "save its state_dict()"
    if isinstance(value, np.ndarray):
        return "store lucid.tensor(array)"
    return "store tensors, numbers, strings, lists, tuples, sets and dicts of them"


class Decoder:
    """Turns a tree back into the object.

    Args:
        tensors: a fresh tensor for each name.
    """

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self._tensors = tensors
        self._used: set[str] = set()
        self._made: dict[int, Tensor] = {}

    def value(self, text: str) -> Any:
        """The object. Raises CheckpointError for a tree that is broken or of a later version."""
        try:
            found = json.loads(text)
            if found["version"] > _VERSION:
                raise CheckpointError(f"its structure is of version {found['version']}, which needs a newer lucid")
            return self._decode(found["tree"])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
            raise CheckpointError(f"its structure is broken: {error!r}") from None

    def _decode(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self._decode(v) for v in tree]
        if not isinstance(tree, dict):
            return tree
        if "tensor" in tree:
            return self._tensor(tree)
        kind = next(iter(tree))
        if kind in _READ:
            return _READ[kind](tree[kind])
        if kind in ("tuple", "set", "frozenset"):
            items = {"tuple": tuple, "set": set, "frozenset": frozenset}[kind]
            return items([self._decode(v) for v in tree[kind]])
        container = {"dict": dict, "OrderedDict": OrderedDict, "Counter": Counter}[kind]()
        for key, value in tree[kind]:
            container[self._decode(key)] = self._decode(value)
        if "_metadata" in tree:
            container._metadata = self._decode(tree["_metadata"])
        return container

    def _tensor(self, node: dict[str, Any]) -> Tensor:
        number, name = node["id"], node["tensor"]
        if number not in self._made:
            t = self._tensors[name]
            if node.get("parameter"):
                t = Parameter(t, False)
            elif name in self._used:
                t = t.detach()
            self._used.add(name)
            self._made[number] = t.requires_grad_() if node.get("requires_grad") else t
        return self._made[number]


_WRITE: dict[type, tuple[str, Callable[[Any], Any]]] = {
    complex: ("complex", lambda v: [str(v.real), str(v.imag)]),
    bytes: ("bytes", lambda v: base64.b64encode(v).decode()),
    Size: ("Size", list),
    dtypes.dtype: ("dtype", lambda v: v.name),
    device: ("device", str),
}
_READ: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "complex": lambda v: complex(float(v[0]), float(v[1])),
    "bytes": lambda v: base64.b64decode(v, validate=True),
    "Size": Size,
    "dtype": dtypes.as_dtype,
    "device": device,
}
