"""Containers, and numpy arrays, as JSON."""

from __future__ import annotations

import base64
import collections
import json
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
import numpy as np

from lucid.serialization import _leaves
from lucid.serialization._header import CheckpointError
from lucid.serialization._refusals import shown

_KINDS: dict[type, str] = {
    dict: "dict",
    OrderedDict: "OrderedDict",
    defaultdict: "defaultdict",
    Counter: "Counter",
    list: "list",
    tuple: "tuple",
    set: "set",
    frozenset: "frozenset",
    deque: "deque",
    slice: "slice",
    bytearray: "bytearray",
}
_DICTS = ("dict", "OrderedDict", "defaultdict", "Counter")
_NAMES = frozenset(_KINDS.values()) | {"namedtuple"}
FIXED = ("tuple", "frozenset", "slice", "namedtuple")  # all parts have to be there before they are
_FACTORIES: dict[str, Any] = {
    f.__name__: f for f in (bool, bytes, complex, dict, float, frozenset, int, list, set, str, tuple)
}
_FACTORIES |= {f.__name__: f for f in (Counter, OrderedDict, deque)}
_MOST_COLLISIONS = 64  # keys of one hash


def kind_of(value: Any) -> str | None:
    """The name of the kind of a container; None for anything else."""
    found = _KINDS.get(type(value))
    if found is None and isinstance(value, tuple) and hasattr(value, "_fields") and hasattr(value, "_make"):
        return "namedtuple"
    return found


def is_kind(name: str) -> bool:
    """True if there are containers of that kind."""
    return name in _NAMES


def several(value: Any) -> dict[int, int | None]:
    """The ids of the containers in `value` that occur more than once, with None for the numbers they will get."""
    seen: set[int] = set()
    found: dict[int, int | None] = {}
    waiting = [value]
    while waiting:
        value = waiting.pop()
        kind = kind_of(value)
        if kind is None or (not value and kind in ("tuple", "frozenset")) or kind == "slice":
            continue
        if id(value) in seen:
            found[id(value)] = None
            continue
        seen.add(id(value))
        waiting += _parts(kind, value)
    return found


def _parts(kind: str, value: Any) -> Iterator[Any]:
    """What is in a container and may be shared: keys may not."""
    if kind in _DICTS:
        yield from value.values()
        yield getattr(value, "_metadata", None)
    elif kind not in ("set", "frozenset", "bytearray"):
        yield from value


Encode = Callable[[Any, Any, bool], Any]  # of a value: where it is, whether it is a key


def encode(kind: str, value: Any, encode: Encode, path: tuple[Any, ...]) -> Any:
    """A container as JSON; `encode` does so for its parts."""
    if kind in _DICTS:
        return _dict(kind, value, encode, path)
    if kind == "bytearray":
        return {kind: base64.b64encode(value).decode()}
    if kind == "slice":
        return {kind: [encode(v, name, False) for name, v in _bounds(value)]}
    if kind in ("set", "frozenset"):
        return {kind: sorted((encode(v, "an element", True) for v in value), key=json.dumps)}
    items = [encode(v, k, False) for k, v in enumerate(value)]
    if kind == "list":
        return items
    if kind == "namedtuple":
        return {kind: [type(value).__name__, list(value._fields), items]}
    return {kind: [value.maxlen, items]} if kind == "deque" else {kind: items}


def _bounds(value: slice) -> list[tuple[str, Any]]:
    return [("start", value.start), ("stop", value.stop), ("step", value.step)]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float))


def _dict(kind: str, value: Any, encode: Encode, path: tuple[Any, ...]) -> Any:
    if kind == "Counter" and not all(map(_is_number, value.values())):
        raise TypeError(f"save: the Counter at {shown(path)} counts with what are no numbers; store dict(...) of it")
    tree: dict[str, Any] = {kind: [[encode(k, "a key", True), encode(v, k, False)] for k, v in value.items()]}
    if kind == "defaultdict":
        factory = value.default_factory
        if factory is not None and _FACTORIES.get(getattr(factory, "__name__", "")) is not factory:
            raise TypeError(
                f"save: cannot store the factory of the defaultdict at {shown(path)}; store dict(...) of it"
            )
        tree["factory"] = None if factory is None else factory.__name__
    if hasattr(value, "_metadata"):
        tree["_metadata"] = encode(value._metadata, "_metadata", False)
    return tree


Decode = Callable[..., Any]  # of a tree: whether it is a key
Keep = Callable[[Any], Any]  # is told of a container before it is filled


def decode(kind: str, tree: Any, parts: Any, decode: Decode, keep: Keep, classes: dict[Any, Any]) -> Any:
    """The container that `tree` says, `{kind: parts}`; `decode` makes its parts."""
    if kind in _DICTS:
        return _filled_dict(kind, tree, parts, decode, keep)
    if kind == "list":
        found = keep([])
        found.extend(decode(v) for v in parts)
        return found
    if kind == "deque":
        found = keep(deque(maxlen=parts[0]))
        found.extend(decode(v) for v in parts[1])
        return found
    if kind in ("set", "frozenset"):
        elements = [decode(v, True) for v in parts]
        _check_hashes(elements)
        return keep(set(elements) if kind == "set" else frozenset(elements))
    if kind == "bytearray":
        return keep(bytearray(base64.b64decode(parts, validate=True)))
    if kind == "namedtuple":
        return keep(_class(parts[0], parts[1], classes)._make([decode(v) for v in parts[2]]))
    items = tuple([decode(v) for v in parts])
    return keep(items if kind == "tuple" else slice(*items))


def _filled_dict(kind: str, tree: Any, parts: Any, decode: Decode, keep: Keep) -> Any:
    if kind == "defaultdict":
        name = tree["factory"]
        found: Any = keep(defaultdict(None if name is None else _FACTORIES[name]))
    else:
        found = keep({"dict": dict, "OrderedDict": OrderedDict, "Counter": Counter}[kind]())
    keys = [decode(k, True) for k, _ in parts]
    _check_hashes(keys)
    for key, (_, value) in zip(keys, parts, strict=True):
        found[key] = decode(value)
    if kind == "Counter" and not all(map(_is_number, found.values())):
        raise CheckpointError("its structure is broken: a Counter of what are no numbers, which could not be printed")
    if "_metadata" in tree:
        found._metadata = decode(tree["_metadata"])
    return found


def _check_hashes(keys: list[Any]) -> None:
    """Raise CheckpointError if keys were chosen to have one hash: a container of them takes forever."""
    numbers = [key for key in keys if not isinstance(key, (str, bytes))]  # whose hashes anybody can tell
    if len(numbers) > _MOST_COLLISIONS:
        count = max(Counter(map(hash, numbers)).values())
        if count > _MOST_COLLISIONS:
            raise CheckpointError(f"its structure is broken: {count} keys of a container have the same hash")


def _class(name: str, fields: list[str], classes: dict[Any, Any]) -> Any:
    """The class of namedtuples of that name with these fields, one for all of them. No class of a user is imported."""
    if not isinstance(name, str) or not all(isinstance(field, str) for field in fields):
        raise CheckpointError("its structure is broken: a namedtuple without names")
    which = name, tuple(fields)
    if which not in classes:
        classes[which] = collections.namedtuple(name, fields, rename=True)
    return classes[which]


# ---- numpy arrays ----------------------------------------------------------------------------------------------------


def about(array: np.ndarray[Any, Any]) -> dict[str, Any]:
    """What the file has to say of a numpy array beside its elements."""
    found: dict[str, Any] = {"dtype": _leaves.encode_dtype(array.dtype)}
    if array.flags.f_contiguous and not array.flags.c_contiguous:
        found["order"] = "F"
    return found


def array(stored: mx.array, about: dict[str, Any]) -> np.ndarray[Any, Any]:
    """The numpy array that was stored as `stored`."""
    dtype = _leaves.decode_dtype(about["dtype"])
    values = np.array(stored)
    if as_bytes(dtype):
        shape = values.shape[:-1]
        found: np.ndarray[Any, Any] = (
            np.zeros(shape, dtype) if not dtype.itemsize or 0 in shape else values.view(dtype).reshape(shape)
        )
        _leaves.check_texts(found)
    else:
        if values.dtype != dtype.newbyteorder("="):
            raise CheckpointError(f"its structure is broken: {values.dtype} elements for a numpy array of {dtype}")
        found = values.astype(dtype, copy=False)
    return np.asfortranarray(found) if about.get("order") == "F" else found


def as_bytes(dtype: np.dtype[Any]) -> bool:
    """True for elements that are stored as bytes, since safetensors has no such dtype."""
    return dtype.newbyteorder("=") not in _NATIVE


_NATIVE = [np.dtype(name) for name in ("?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8", "c8")]
