"""What a function reads around itself: names, and attributes of what it finds there, told from its bytecode."""

from __future__ import annotations

import contextlib
import enum
import functools
import inspect
import operator
import sys
import sysconfig
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from lucid import dtypes
from lucid._device import device
from lucid._tape import TensorCore
from lucid.autograd import Function
from lucid.compiler._bytecode import CLOSED_OVER, GLOBAL, STORED, paths
from lucid.compiler._tree import PLAIN
from lucid.nn.modules._global_hooks import EVERYWHERE
from lucid.nn.modules.module import Module
from lucid.optim import Optimizer

Found = tuple[str, Any, Callable[[], Any]]  # a name, the value that it has, and how to get that again

VALUES = (*PLAIN, enum.Enum, dtypes.dtype, device, range, type, np.generic, np.dtype)  # what is compared by its value
MOST, DEEPEST = 64, 3  # items of a list or dict, and levels of them, that are looked at: more are data, not settings
_ELSEWHERE = frozenset(  # special methods that a traced call hardly comes to
    f"__{name}__" for name in "new del repr str eq hash setattr delattr getstate setstate reduce reduce_ex".split()
)
_LIBRARIES = ("<frozen ", sysconfig.get_path("stdlib"), str(Path(__file__).parents[1]))
_INSTALLED = frozenset(("site-packages", "dist-packages"))
_NOTHING = object()


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
        self._bound: dict[
            tuple[int, str], tuple[Any, Any, Any]
        ] = {}  # what `fn` binds: its value, how to get it, to bind it
        self._functions: list[tuple[types.FunctionType, dict[str, Any]]] = []  # still to be read, with arguments
        self._objects: list[tuple[str, Any]] = []  # that no name leads to: items of lists and dicts
        self._attributes: dict[tuple[str, ...], None] = {}  # that are taken of what no name leads to
        self._follow(fn, args, kwargs, first=True)
        self._read_all()
        self._items = [list(contents(place)) for place in self.places]

    @classmethod
    def of_modules(cls, modules: Iterable[Module]) -> Reads:
        """What is found by modules that are called: by `forward`, unless it is lucid's, by functions, and by hooks."""
        reads = cls(None)
        for m in modules:
            if not type(m).__module__.startswith("lucid."):
                reads._follow(type(m).forward, (m,), first=True)
            for value in vars(m).values():
                for one in value.values() if isinstance(value, dict) else (value,):
                    if isinstance(one, types.FunctionType | types.MethodType | functools.partial):
                        reads._follow(one)
        for hooks in EVERYWHERE:
            for hook in hooks.values():
                reads._follow(hook)
        reads._read_all()
        return reads

    def changed(self) -> list[tuple[str, Any]]:
        """The dicts and lists, with their names, whose contents were others when this was made."""
        return [
            (name, place)
            for name, place, items in zip(self._names, self.places, self._items, strict=True)
            if len(place) != len(items) or not all(map(operator.is_, contents(place), items))
        ]

    def effects(self) -> tuple[list[tuple[Callable[[Any], None], Any]], list[tuple[Any, Callable[[], Any]]]]:
        """What the call did to the names and attributes that the function may bind, where they have plain values.

        First those that it bound: what binds them, and their values. Then those that are as they were, whether bound to
        the same or not at all: their values, and the getters. Only while these stay do later calls leave them so.
        """
        changed, kept = [], []
        for before, again, bind in self._bound.values():
            value = now(again, _NOTHING)
            if value is before:
                kept.append((value, again))
            elif all(isinstance(v, VALUES) for v in _several(value)):
                changed.append((bind, value))
        return changed, [one for one in kept if one[0] is _NOTHING or isinstance(one[0], VALUES)]

    def _follow(
        self, fn: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] = MappingProxyType({}), first: bool = False
    ) -> None:
        if isinstance(fn, functools.partial):
            self._follow(fn.func, (*fn.args, *args), {**fn.keywords, **kwargs}, first)
        elif isinstance(fn, types.MethodType):
            self._follow(fn.__func__, (fn.__self__, *args), kwargs, first)
        elif isinstance(fn, staticmethod):
            self._follow(fn.__func__)
        elif isinstance(fn, classmethod):
            self._follow(fn.__func__, [a if isinstance(a, type) else type(a) for a in args[:1]])
        elif isinstance(fn, types.FunctionType) and not self._knows(fn, args[0] if args else None):
            code = fn.__code__
            if first or not is_library(code.co_filename):
                self._functions.append((fn, dict(zip(code.co_varnames[: code.co_argcount], args)) | dict(kwargs)))  # noqa: B905

    def _read_all(self) -> None:
        objects = attributes = 0  # of which all pairs were looked at
        while self._functions or (objects, attributes) != (len(self._objects), len(self._attributes)):
            while self._functions:
                self._read(*self._functions.pop())
            before, (objects, attributes) = (objects, attributes), (len(self._objects), len(self._attributes))
            for i, (shown, value) in enumerate(self._objects[:objects]):
                kind = value if isinstance(value, type) else type(value)
                for j, names in enumerate(list(self._attributes)[:attributes]):
                    new = i >= before[0] or j >= before[1]
                    if new and (names[0] in getattr(value, "__dict__", ()) or hasattr(kind, names[0])):
                        self._look(shown, value, names, sure=False)

    def _read(self, fn: types.FunctionType, bound: dict[str, Any]) -> None:
        code = fn.__code__
        cells = dict(zip(code.co_freevars, fn.__closure__ or (), strict=True))
        scope = fn.__globals__
        if fn.__defaults__:
            bound = dict(zip(code.co_varnames[: code.co_argcount][-len(fn.__defaults__) :], fn.__defaults__)) | bound  # noqa: B905
        bound = (fn.__kwdefaults__ or {}) | bound
        for kind, root, *names in paths(code):
            value: Any
            if kind == STORED:
                self._note(scope, bound, cells, *names)
            elif kind != GLOBAL and root in bound:
                self._look(root, bound[root], names)
            elif kind == CLOSED_OVER and root in cells:
                with contextlib.suppress(ValueError):  # not bound yet
                    value = cells[root].cell_contents
                    self._add(cells[root], root, value, functools.partial(getattr, cells[root], "cell_contents"))
                    self._look(root, value, names)
            elif kind == GLOBAL and root in scope:
                value = scope[root]
                self._add(scope, root, value, functools.partial(scope.get, root))
                self._look(root, value, names)
            elif names:
                self._attributes[tuple(names)] = None

    def _note(
        self, scope: dict[str, Any], bound: dict[str, Any], cells: dict[str, Any], kind: str, root: str, *names: str
    ) -> None:
        """Remember a name or an attribute that the function binds."""
        place: Any = scope if kind == GLOBAL else bound
        if kind == CLOSED_OVER:
            if root not in cells:  # a function inside binds it: it is this one's own
                return
            cell = cells[root]
            again = functools.partial(getattr, cell, "cell_contents", None)
            if not names:
                self._binds((id(cell), ""), again, functools.partial(setattr, cell, "cell_contents"))
                return
            place = {root: now(again)}
        for name in names:
            value = place.get(root)
            place, root = {} if isinstance(value, TensorCore) else getattr(value, "__dict__", {}), name
        if isinstance(place, dict):
            again = functools.partial(place.get, root, _NOTHING)
            self._binds((id(place), root), again, functools.partial(operator.setitem, place, root))

    def _binds(self, place: tuple[int, str], again: Callable[[], Any], bind: Callable[[Any], None]) -> None:
        if place not in self._bound:
            self._bound[place] = now(again, _NOTHING), again, bind

    def _look(self, shown: str, value: Any, names: Iterable[str], sure: bool = True) -> None:
        """Follow attributes. Without `sure`, `value` may be another object than the one that is meant."""
        for name in names:
            if _is_alone(value):
                return
            own = getattr(value, "__dict__", {})
            kinds = (own, value._parameters, value._buffers, value._modules) if isinstance(value, Module) else (own,)
            place: Any = next((part for part in kinds if name in part), None)
            of_class = inspect.getattr_static(type(value), name, _NOTHING)
            shown = f"{shown}.{name}"
            if place is not None:
                again = functools.partial(place.get, name)
            elif isinstance(of_class, (*VALUES, types.MemberDescriptorType)):
                place, again = value, functools.partial(getattr, value, name, None)
            elif of_class is _NOTHING and (isinstance(value, type) or (sure and _is_dynamic(value))):
                place, again = value, functools.partial(_attribute, value, name)
            else:
                self._follow(of_class.fget if isinstance(of_class, property) else of_class, (value,))
                return
            holder, value = value, again()
            if isinstance(value, (staticmethod, classmethod)):
                self._follow(value, (holder,))
                return
            self._add(place, shown, value, again)

    def _add(self, place: Any, shown: str, value: Any, again: Callable[[], Any], depth: int = 0) -> None:
        if self._knows(place, shown):
            return
        if isinstance(value, np.ndarray) and value.size <= MOST**2:
            again = value.tobytes  # a new object each time: such a call is never seen quickly to be the same
            value = again()
        self.found.append((shown, value, again))
        if self._meet(shown, value, depth > 0):
            self.found.append((f"{shown}.__class__", type(value), functools.partial(_class_of, again)))
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

    def _meet(self, shown: str, value: Any, is_item: bool) -> bool:
        """Follow a function, and what Python calls of an object without a name. Whether `value` is such an object."""
        if isinstance(value, (*PLAIN, dict, list, tuple, set, bytes)) or _is_alone(value):
            return False
        self._follow(value)
        if isinstance(value, types.FunctionType) or self._knows(value, "met"):
            return False
        if is_item or isinstance(value, type):
            self._objects.append((shown, value))
        if isinstance(value, type):
            own = vars(value).values() if issubclass(value, Function) else _special(value)  # type: ignore[arg-type]
            for method in () if issubclass(value, Module) else own:
                self._follow(method)
            return False
        for method in () if isinstance(value, Module) else _special(type(value)):  # type: ignore[arg-type]
            if method.__name__ != "__init__":
                self._follow(method, (value,))
        return not isinstance(value, (Module, *VALUES))

    def _knows(self, place: Any, part: Any) -> bool:
        """Whether this was asked before."""
        key = id(place), part if isinstance(part, str) else id(part)
        known = key in self._seen
        self._seen.add(key)
        return known


def _is_alone(value: Any) -> bool:
    """Whether nobody looks into `value`."""
    if isinstance(value, (type, types.ModuleType)):
        module = value if isinstance(value, types.ModuleType) else sys.modules.get(value.__module__)
        file = getattr(module, "__file__", None)
        return (
            module is None
            or (file is None and module.__name__ != "__main__")
            or (file is not None and is_library(file))
        )
    return isinstance(value, (TensorCore, Optimizer))


def _is_dynamic(value: Any) -> bool:
    return hasattr(type(value), "__getattr__") and not isinstance(value, Module)


def _attribute(value: Any, name: str) -> Any:
    """An attribute that only Python's own ways find: an inherited one, or one that `__getattr__` makes up.

    None where getting it raises, whatever that is: the function itself may catch it.
    """
    try:
        return getattr(value, name)
    except Exception:
        return None


@functools.lru_cache(1024)
def _special(kind: Any) -> tuple[Any, ...]:
    """The special methods that a class of the user's defines."""
    found = {
        n: f for base in reversed(kind.__mro__) for n, f in vars(base).items() if n[:2] == "__" and n not in _ELSEWHERE
    }
    return tuple([f for f in found.values() if isinstance(f, types.FunctionType)])


@functools.lru_cache(1024)
def is_library(file: str) -> bool:
    """Whether code of this file is nobody's who compiles something: Python's own, lucid's, or installed."""
    return file.startswith(_LIBRARIES) or not _INSTALLED.isdisjoint(Path(file).parts)


def now(again: Callable[[], Any], otherwise: Any = None) -> Any:
    """What is found there now; `otherwise` where nothing is any more."""
    try:
        return again()
    except (ValueError, LookupError):  # a closure's variable that was deleted; an item
        return otherwise


def _several(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _class_of(again: Callable[[], Any]) -> type:
    return type(now(again))


def contents(place: Any) -> Iterable[Any]:
    """The values in a dict, list, tuple or set."""
    return place.values() if isinstance(place, dict) else place


def attributes(value: Any) -> list[Found]:
    """The attributes that an object has of its own."""
    own = getattr(value, "__dict__", {})
    return [(name, v, functools.partial(getattr, value, name, None)) for name, v in own.items()]
