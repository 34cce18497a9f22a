"""Loading what is asked for when it is asked for, so that `import lucid` takes no longer than MLX and numpy do.

Functions of modules are found by `names`, which gives a package its `__getattr__`; methods of the tensor's class are
`Later`s, descriptors that put the function in their place when it is first called. After that nothing is left of
either: a name that was used once is an ordinary attribute.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

from lucid import _names


def names(package: str, explain: Callable[[str], str] | None = None) -> tuple[Any, Any, list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of `package`: for what `lucid._names` lists, and for its modules.

    `explain` says what is wrong with a name that is not there.
    """
    where = _names.of(package)

    def load(name: str) -> Any:
        try:
            value = importlib.import_module(where.get(name) or f"{package}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{package}.{name}":
                raise
            raise AttributeError(
                explain(name) if explain else f"module {package!r} has no attribute {name!r}"
            ) from None
        if name in where:
            value = getattr(value, name)
        setattr(sys.modules[package], name, value)
        return value

    public = [name for name in where if name[0] != "_"]
    return load, lambda: sorted({*vars(sys.modules[package]), *public}), public


class Later:
    """A method that is a function of another module, found there when it is first looked up.

    Attributes of one are found in what it stands for: `Later("lucid.ops").sum` is `lucid.ops.sum`.
    """

    __slots__ = ("_module", "_names", "_owner", "_path", "_then")

    def __init__(self, module: str, path: tuple[str, ...] = (), then: Callable[[Any], Any] | None = None) -> None:
        self._module, self._path, self._then = module, path, then
        self._names: list[str] = []

    def __getattr__(self, name: str) -> Later:
        if name.startswith("__"):
            raise AttributeError(name)
        return Later(self._module, (*self._path, name))

    def __set_name__(self, owner: type, name: str) -> None:
        self._owner = owner
        self._names.append(name)

    def __get__(self, instance: Any, owner: type) -> Any:
        found = self.load()
        for name in self._names:
            setattr(self._owner, name, found)
        return found.__get__(instance, owner)

    def load(self) -> Any:
        """What it stands for."""
        found = importlib.import_module(self._module)
        for name in self._path:
            found = getattr(found, name)
        return found if self._then is None else self._then(found)


class LaterProperty(Later):
    """A property whose function is found in the same way."""

    __slots__ = ()

    def __init__(self, getter: Later) -> None:
        super().__init__(getter._module, getter._path, property)

    def __set__(self, instance: Any, value: Any) -> None:
        self.load().__set__(instance, value)


def in_place(op: Later) -> Later:
    """The in-place twin of a method, see `lucid.ops._out.in_place`."""

    def twin(found: Any) -> Any:
        return importlib.import_module("lucid.ops._out").in_place(found)

    return Later(op._module, op._path, twin)
