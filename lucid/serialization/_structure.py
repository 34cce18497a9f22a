"""Nested objects as a tree of JSON in which tensors are numbered: no pickle, so nothing is run when a file is loaded.

JSON's own values stand for themselves. Anything else is an object with one of the keys of `_READ`, such as
`{"dict": [[key, value], ...]}` or `{"tensor": 3}`. Beside the tree is a list of the tensors: what each one is called in
the file, what is special about it, and the number of another one if it shares the memory of that.
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
from lucid.nn.parameter import Buffer, Parameter
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
        self._found: dict[int, Tensor] = {}  # by their ids, in the order of their numbers
        self._numbers: dict[int, int] = {}
        self._open: list[int] = []  # ids of the containers that are being encoded

    def text(self, value: Any) -> str:
        """The tree of `value` as JSON. Raises TypeError or ValueError for what cannot be stored."""
        found = {"version": _VERSION, "tree": self._encode(value, ()), "tensors": self._listed()}
        return json.dumps(found, separators=(",", ":"), ensure_ascii=False)

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

    def _tensor(self, t: Tensor, path: tuple[Any, ...]) -> dict[str, int]:
        source = owner(t)
        if id(source) not in self._names:
            wanted = ".".join(str(key) for key in path) or "tensor"
            name, again = wanted, 1
            while name in self.tensors or name == METADATA:
                again += 1
                name = f"{wanted}#{again}"
            self._names[id(source)] = name
            self.tensors[name] = t
        if id(t) not in self._numbers:
            self._numbers[id(t)] = len(self._found)
            self._found[id(t)] = t
        return {"tensor": self._numbers[id(t)]}

    def _listed(self) -> list[dict[str, Any]]:
        listed = []
        for t in self._found.values():
            source = owner(t)
            name = self._names[id(source)]
            first = source if id(source) in self._found else self.tensors[name]
            about: dict[str, Any] = {"name": name} if first is t else {"name": name, "of": self._numbers[id(first)]}
            if isinstance(t, Parameter):
                about["parameter"] = True
            if isinstance(t, Buffer):
                about["buffer"] = t.persistent
            if t.requires_grad:
                about["requires_grad"] = True
            listed.append(about)
        return listed


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
        self._listed: list[dict[str, Any]] = []
        self._made: dict[int, Tensor] = {}

    def value(self, text: str) -> Any:
        """The object. Raises CheckpointError for a tree that is broken or of a later version."""
        try:
            found = json.loads(text)
            if found["version"] > _VERSION:
                raise CheckpointError(f"its structure is of version {found['version']}, which needs a newer lucid")
            self._listed = found["tensors"]
            return self._decode(found["tree"])
        except CheckpointError:
            raise
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, StopIteration) as error:
            raise CheckpointError(f"its structure is broken: {error!r}") from None

    def _decode(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self._decode(v) for v in tree]
        if not isinstance(tree, dict):
            return tree
        kind = next(iter(tree))
        if kind == "tensor":
            return self._tensor(tree[kind])
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

    def _tensor(self, number: int) -> Tensor:
        if number not in self._made:
            about = self._listed[number]
            t = self._tensors[about["name"]] if "of" not in about else self._tensor(about["of"]).detach()
            if about.get("parameter"):
                t = Parameter(t, False)
            elif "buffer" in about:
                t = Buffer(t, persistent=about["buffer"])
            self._made[number] = t.requires_grad_() if about.get("requires_grad") else t
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
