"""Nested objects as a tree of JSON in which tensors are numbered: no pickle, so nothing is run when a file is loaded.

JSON's own values stand for themselves. Anything else is an object with one of the keys of `_leaves` or `_containers`,
such as `{"dict": [[key, value], ...]}`, or with `{"tensor": 3}`, the number of a tensor. A container that occurs again
is `{"shared": 2, "value": tree}` the first time, and then `{"ref": 2}`. Beside the tree is a list of the tensors: what
each one is called in the file, what is special about it, and of which other one it is a view.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np

from lucid._tensor import Tensor
from lucid.dtypes import as_dtype
from lucid.nn.parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter, is_lazy
from lucid.ops.pieces import as_strided
from lucid.ops.queries import root
from lucid.serialization import _containers, _leaves, _memory
from lucid.serialization._header import METADATA, CheckpointError
from lucid.serialization._refusals import advice, shown

_VERSION = 1
_REPEATED = 10_000_000  # values that a structure may come to where shared parts are counted each time

Stored = Tensor | np.ndarray[Any, Any]


class Encoder:
    """Turns an object into a tree, and collects its tensors and numpy arrays under names."""

    def __init__(self) -> None:
        self.tensors: dict[str, Stored] = {}
        self._found: list[Tensor | np.ndarray[Any, Any]] = []  # by their numbers
        self._wanted: list[str] = []  # their names, as they are found
        self._numbers: dict[int, int] = {}  # of those, by their ids
        self._attributes: dict[int, Any] = {}
        self._several: dict[int, int | None] = {}  # containers that occur more than once: their numbers
        self._open: list[int] = []  # ids of the containers that are being encoded

    def text(self, value: Any) -> str:
        """The tree of `value` as JSON. Raises TypeError or ValueError for what cannot be stored."""
        try:
            self._several = _containers.several(value)
            tree = self._encode(value, ())
            text = _json({"version": _VERSION, "tree": tree, "tensors": self._listed()})
        except RecursionError:
            raise ValueError("save: the object is nested too deeply") from None
        return text

    def _encode(self, value: Any, path: tuple[Any, ...], key: bool = False) -> Any:
        """The tree of `value`; of a `key`, or an element of a set, there are no shared parts."""
        if isinstance(value, Tensor):
            return self._tensor(value, path)
        tree = _leaves.encode(value)
        if tree is not _leaves.NOT_A_LEAF:
            return tree
        if type(value) in (np.ndarray, np.memmap) and not value.dtype.hasobject:
            return {"tensor": self._number(value, path)}
        kind = _containers.kind_of(value)
        if kind is None:
            raise TypeError(
                f"save: cannot store an object of type {type(value).__name__} at {shown(path)}; {advice(value)}"
            )
        number = self._several.get(id(value), -1)
        if number == -1 or key:
            return self._container(kind, value, path, key)
        if number is not None:
            if id(value) in self._open and kind in _containers.FIXED:
                raise ValueError(f"save: the {kind} at {shown(path)} contains itself")
            return {"ref": number}
        number = self._several[id(value)] = sum(n is not None for n in self._several.values())
        return {"shared": number, "value": self._container(kind, value, path, key)}

    def _container(self, kind: str, value: Any, path: tuple[Any, ...], key: bool) -> Any:
        self._open.append(id(value))
        try:
            return _containers.encode(kind, value, lambda v, at, k: self._encode(v, (*path, at), key or k), path)
        finally:
            self._open.pop()

    def _tensor(self, t: Tensor, path: tuple[Any, ...]) -> Any:
        if type(t) in (UninitializedParameter, UninitializedBuffer):
            persistent = [t.persistent] if isinstance(t, Buffer) else []
            return {"lazy": [type(t).__name__, t.dtype.name, t.requires_grad, *persistent]}
        if type(t) not in (Tensor, Parameter, Buffer) or is_lazy(t):
            raise TypeError(f"save: cannot store a {type(t).__name__} at {shown(path)}; store its detach(), a Tensor")
        again = id(t) in self._numbers
        number = self._number(t, path)
        attributes = {name: v for name, v in vars(t).items() if name != "persistent"}
        if attributes and not again:
            self._attributes[number] = self._encode(attributes, (*path, "an attribute"))
        return {"tensor": number}

    def _number(self, value: Stored, path: tuple[Any, ...]) -> int:
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._found)
            self._found.append(value)
            self._wanted.append(".".join(str(key) for key in path) or "tensor")
        return self._numbers[id(value)]

    def _listed(self) -> list[dict[str, Any]]:
        numbers = [k for k, v in enumerate(self._found) if isinstance(v, Tensor)]
        places, more = _memory.places([self._found[k] for k in numbers])  # type: ignore[misc]
        place_of = dict(zip(numbers, places, strict=True))
        numbers += range(len(self._found), len(self._found) + len(more))
        listed = []
        for k, value in enumerate(self._found):
            if not isinstance(value, Tensor):
                listed.append({"name": self._name(k, value), "numpy": _containers.about(value)})
                continue
            place = place_of[k]
            about: dict[str, Any] = {}
            if numbers[place.of] == k:
                about["name"] = self._name(k, value)
            else:
                about["of"] = numbers[place.of]
            if place.view is not None:
                about["view"] = list(place.view)
            if isinstance(value, Parameter):
                about["parameter"] = True
            if isinstance(value, Buffer):
                about["buffer"] = value.persistent
            if value.requires_grad:
                about["requires_grad"] = True
            if k in self._attributes:
                about["attributes"] = self._attributes[k]
            listed.append(about)
        for k, memory in enumerate(more, len(self._found)):
            first = next(n for n, place in place_of.items() if numbers[place.of] == k)
            self._wanted.append(f"{self._wanted[first]}.memory")
            listed.append({"name": self._name(k, memory)})
        return listed

    def _name(self, number: int, value: Stored) -> str:
        """The name in the file of what is stored under it."""
        wanted = self._wanted[number].encode(errors="replace").decode()  # the format wants valid Unicode
        name, again = wanted, 1
        while name in self.tensors or name == METADATA:
            again += 1
            name = f"{wanted}#{again}"
        self.tensors[name] = value
        return name


def _json(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a character, as names of files may have
        return json.dumps(value, separators=(",", ":"))
    return text


class Decoder:
    """Turns a tree back into the object.

    Args:
        arrays: by their names in the file.
        place: makes a tensor of an array and its name.
    """

    def __init__(self, arrays: dict[str, mx.array], place: Callable[[mx.array, str], Tensor]) -> None:
        self._arrays, self._place = arrays, place
        self._listed: list[dict[str, Any]] = []
        self._made: dict[int, Any] = {}
        self._shared: dict[int, Any] = {}
        self._classes: dict[Any, Any] = {}  # of namedtuples
        self._made_of = self._written_out = 0  # how many values there are; and if shared parts are counted each time
        self._sizes: dict[int, int] = {}  # of shared parts, written out

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
        except (ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError) as error:
            raise CheckpointError(f"its structure is broken: {error!r}") from None
        except (RuntimeError, StopIteration, SyntaxError, TypeError, ValueError) as error:
            raise CheckpointError(f"its structure is broken: {error!r}") from None

    def _decode(self, tree: Any, key: bool = False, shared: int | None = None) -> Any:
        """The value of `tree`. Parts of a key are never shared: hashing them could take forever."""
        self._made_of += 1
        self._written_out += 1
        if not isinstance(tree, (list, dict)):
            return tree
        kind: str = "list"
        parts: Any = tree
        if isinstance(tree, dict):
            kind, parts = next(iter(tree.items()))
        if kind == "tensor":
            return self._tensor(parts)
        if kind == "lazy":
            return _lazy(*parts)
        if kind in ("shared", "ref"):
            if key:
                raise CheckpointError("its structure is broken: a key has shared parts")
            return self._part_of(tree, kind, parts)
        if not _containers.is_kind(kind):
            return _leaves.decode(kind, parts)

        def part(inner: Any, k: bool = False) -> Any:
            return self._decode(inner, key or k)

        def keep(empty: Any) -> Any:
            if shared is not None:
                self._shared[shared] = empty  # it may contain itself
            return empty

        return _containers.decode(kind, tree, parts, part, keep, self._classes)

    def _part_of(self, tree: Any, kind: str, number: int) -> Any:
        if kind == "shared":
            before = self._written_out
            self._shared[number] = found = self._decode(tree["value"], shared=number)
            self._sizes[number] = self._written_out - before
            return found
        self._written_out += self._sizes.get(number, 1)
        if self._written_out > _REPEATED + 100 * self._made_of:
            raise CheckpointError(
                "its structure repeats parts so often that nobody could print or copy it: it is made to fill the memory"
            )
        return self._shared[number]

    def _tensor(self, number: int) -> Any:
        if number in self._made:
            return self._made[number]
        about = self._listed[number]
        if "numpy" in about:
            found = _containers.array(self._arrays[about["name"]], about["numpy"])
            self._made[number] = found
            return found
        t = self._of(about) if "of" in about else self._place(self._arrays[about["name"]], about["name"])
        if about.get("parameter"):
            t = _as(Parameter, t, "of" in about)
        elif "buffer" in about:
            t = _as(Buffer, t, "of" in about)
            t.persistent = bool(about["buffer"])
        self._made[number] = t.requires_grad_() if about.get("requires_grad") else t
        for name, value in self._decode(about.get("attributes", {"dict": []})).items():
            if hasattr(type(t), name):
                raise CheckpointError(f"its structure is broken: tensors have an attribute {name!r} of their own")
            vars(t)[str(name)] = value
        return self._made[number]

    def _of(self, about: dict[str, Any]) -> Tensor:
        holder = self._tensor(about["of"])
        if "view" not in about:
            found: Tensor = holder.detach()
            return found
        if root(holder) is not holder:  # somebody's `map_location` made it a part of something else
            holder = self._made[about["of"]] = holder.clone()
        return as_strided(holder.detach(), *about["view"])


def _as(cls: type[Any], t: Tensor, in_place: bool) -> Any:
    """`t` as a tensor of a subclass, over the same memory if it is a view of something."""
    if not in_place:
        return cls(t, False) if cls is Parameter else cls(t)
    t.__class__ = cls
    return t


def _lazy(kind: str, dtype: str, requires_grad: bool, persistent: bool = True) -> Any:
    to = as_dtype(dtype)
    if kind == "UninitializedParameter":
        return UninitializedParameter(bool(requires_grad), dtype=to)
    if kind == "UninitializedBuffer":
        return UninitializedBuffer(bool(requires_grad), dtype=to, persistent=bool(persistent))
    raise CheckpointError(f"its structure is broken: there is no {kind}")
