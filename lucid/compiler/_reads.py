"""What a function reads around itself: names, and attributes of what it finds there, told from its bytecode."""

from __future__ import annotations

import contextlib
import dis
import enum
import functools
import inspect
import operator
import sysconfig
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from lucid import dtypes
from lucid._device import device
from lucid._tape import TensorCore
from lucid.compiler._tree import PLAIN
from lucid.nn.modules.module import Module
from lucid.optim import Optimizer

Found = tuple[str, Any, Callable[[], Any]]  # a name, the value that it has, and how to get that again

VALUES = (*PLAIN, enum.Enum, dtypes.dtype, device, range, np.generic, np.dtype)  # what is compared by its value
MOST, DEEPEST = 64, 3  # items of a list or dict, and levels of them, that are looked at: more are data, not settings
GLOBAL, CLOSED_OVER, LOCAL = "global", "closed over", "local"
_KINDS = {"GLOBAL": GLOBAL, "NAME": GLOBAL, "DEREF": CLOSED_OVER, "CLASSDEREF": CLOSED_OVER}
_ALONE = (types.ModuleType, type, TensorCore, Optimizer)  # into these nobody looks
_LIBRARIES = ("<frozen ", sysconfig.get_path("stdlib"), str(Path(__file__).parents[1]))
_INSTALLED = frozenset(("site-packages", "dist-packages"))
_IN_BETWEEN = ("CACHE", "EXTENDED_ARG", "NOP", "PRECALL", "PUSH_NULL", "RESUME")


class Reads:
    """What `fn` finds around itself and in its arguments, and what the functions find that it calls.

    Functions and methods of libraries are not followed.

    Args:
        fn: the function.
        args: what it is called with: attributes of objects among these are read too.
        kwargs: likewise.
        closed: dicts, lists and sets, by their ids, into which nobody looks: the function itself writes there.

    Attributes:
        found: names and attributes, with the values that they have now.
        places: the dicts, lists and sets among these; items of the first two are in `found` too.
    """

    def __init__(
        self,
        fn: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] = MappingProxyType({}),
        closed: Collection[int] = (),
    ) -> None:
        self.found: list[Found] = []
        self.places: list[Any] = []
        self._names: list[str] = []  # of the places
        self._closed, self._seen = closed, set[Any]()
        self._follow(fn, args, kwargs, first=True)
        self._items = [list(contents(place)) for place in self.places]

    def changed(self) -> list[tuple[str, Any]]:
        """The dicts and lists, with their names, whose contents were others when this was made."""
        return [
            (name, place)
            for name, place, items in zip(self._names, self.places, self._items, strict=True)
            if len(place) != len(items) or not all(map(operator.is_, contents(place), items))
        ]

    def _follow(
        self, fn: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] = MappingProxyType({}), first: bool = False
    ) -> None:
        if isinstance(fn, functools.partial):
            self._follow(fn.func, (*fn.args, *args), {**fn.keywords, **kwargs}, first)
        elif isinstance(fn, types.MethodType):
            self._follow(fn.__func__, (fn.__self__, *args), kwargs, first)
        elif isinstance(fn, types.FunctionType) and not self._knows(fn, args[0] if args else None):
            code = fn.__code__
            if first or not is_library(code.co_filename):
                self._read(fn, dict(zip(code.co_varnames[: code.co_argcount], args)) | dict(kwargs))  # noqa: B905

    def _read(self, fn: types.FunctionType, bound: dict[str, Any]) -> None:
        cells = dict(zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True))
        scope = fn.__globals__
        for kind, root, *names in paths(fn.__code__):
            value: Any
            if kind != GLOBAL and root in bound:
                self._look(root, bound[root], names)
            elif kind == CLOSED_OVER and root in cells:
                with contextlib.suppress(ValueError):  # not bound yet
                    value = cells[root].cell_contents
                    self._add(cells[root], root, value, functools.partial(getattr, cells[root], "cell_contents"))
                    self._look(root, value, names)
                    self._follow(value)
            elif kind == GLOBAL and root in scope:
                value = scope[root]
                self._add(scope, root, value, functools.partial(scope.get, root))
                self._look(root, value, names)
                self._follow(value)

    def _look(self, shown: str, value: Any, names: Iterable[str]) -> None:
        """Follow attributes."""
        for name in names:
            if isinstance(value, _ALONE):
                return
            own = getattr(value, "__dict__", {})
            kinds = (own, value._parameters, value._buffers, value._modules) if isinstance(value, Module) else (own,)
            place: Any = next((part for part in kinds if name in part), None)
            of_class = inspect.getattr_static(type(value), name, None)
            shown = f"{shown}.{name}"
            if place is not None:
                again = functools.partial(place.get, name)
            elif of_class is not None and isinstance(of_class, (*VALUES, types.MemberDescriptorType)):
                place, again = value, functools.partial(getattr, value, name, None)
            else:
                self._follow(of_class.fget if isinstance(of_class, property) else of_class, (value,))
                return
            value = again()
            self._add(place, shown, value, again)

    def _add(self, place: Any, shown: str, value: Any, again: Callable[[], Any], depth: int = 0) -> None:
        if self._knows(place, shown):
            return
        if isinstance(value, np.ndarray) and value.size <= MOST**2:
            again = value.tobytes  # a new object each time: such a call is never seen quickly to be the same
            value = again()
        self.found.append((shown, value, again))
        if not isinstance(value, (dict, list, tuple, set)) or id(value) in self._closed:
            return
        if isinstance(value, set):
            self.places.append(value)
            self._names.append(shown)
        elif len(value) <= MOST and depth < DEEPEST and len(self.found) < MOST**2:
            self.places.append(value)
            self._names.append(shown)
            items: Any = value.items() if isinstance(value, dict) else enumerate(value)
            for k, (key, item) in enumerate(list(items)):
                here = f"{shown}[{key!r}]" if isinstance(key, PLAIN) else f"{shown}[key {k}]"
                self._add(value, here, item, functools.partial(operator.getitem, value, key), depth + 1)

    def _knows(self, place: Any, part: Any) -> bool:
        """Whether this was asked before."""
        key = id(place), part if isinstance(part, str) else id(part)
        known = key in self._seen
        self._seen.add(key)
        return known


@functools.lru_cache(1024)
def is_library(file: str) -> bool:
    """Whether code of this file is nobody's who compiles something: Python's own, lucid's, or installed."""
    return file.startswith(_LIBRARIES) or not _INSTALLED.isdisjoint(Path(file).parts)


def now(again: Callable[[], Any]) -> Any:
    """What is found there now; None where nothing is any more."""
    try:
        return again()
    except (ValueError, LookupError):  # a closure's variable that was deleted; an item
        return None


def contents(place: Any) -> Iterable[Any]:
    """The values in a dict, list, tuple or set."""
    return place.values() if isinstance(place, dict) else place


def attributes(value: Any) -> list[Found]:
    """The attributes that an object has of its own."""
    own = getattr(value, "__dict__", {})
    return [(name, v, functools.partial(getattr, value, name, None)) for name, v in own.items()]


@functools.lru_cache(1024)
def paths(code: types.CodeType) -> tuple[tuple[str, ...], ...]:
    """What `code` and the functions defined in it look up: where, the name, and the attributes that are taken of it."""
    return tuple(dict.fromkeys(_paths(code)))


def _paths(code: types.CodeType) -> Iterator[tuple[str, ...]]:
    path: tuple[str, ...] = ()
    for step in dis.get_instructions(code):
        kind = _KINDS.get(step.opname.split("_")[1]) if step.opname.startswith("LOAD_") else None
        if "LOAD_FAST" in step.opname:  # several at once too, in newer Pythons: the last is on top
            kind = LOCAL
        if path and step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path = (*path, step.argval)
        elif step.opname not in _IN_BETWEEN:
            if path:
                yield path
            path = () if kind is None else (kind, step.argval if isinstance(step.argval, str) else step.argval[-1])
    if path:
        yield path
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _paths(part)
