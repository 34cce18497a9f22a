"""Hooks in the order they were registered, and the handles that remove them."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType
from typing import Any, overload

_next_id = itertools.count().__next__


class Hooks(OrderedDict[int, Callable[..., Any]]):
    """Callables by number, in the order they are called. A subclass so that a weak reference to it can be taken."""


class LaterHooks:
    """An attribute that is a `Hooks`, made when it is first asked for: few objects have hooks of each kind."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> LaterHooks: ...

    @overload
    def __get__(self, instance: Any, owner: type) -> Hooks: ...

    def __get__(self, instance: Any, owner: type) -> LaterHooks | Hooks:
        return self if instance is None else instance.__dict__.setdefault(self._name, Hooks())

    def of(self, instance: Any) -> list[Callable[..., Any]]:
        """The hooks that `instance` has."""
        return list(instance.__dict__.get(self._name, {}).values())


class RemovableHandle:
    """What registering a hook returns: `remove()` it, or hold it for a `with` block."""

    __slots__ = ("_dicts", "id")

    def __init__(self, *dicts: Any, extra_dict: Any = None) -> None:
        self.id = _next_id()
        extra = extra_dict if isinstance(extra_dict, (list, tuple)) else () if extra_dict is None else (extra_dict,)
        self._dicts = (*dicts, *extra)

    @classmethod
    def add(cls, hooks: Hooks, hook: Callable[..., Any], *, prepend: bool = False) -> RemovableHandle:
        """Register `hook` in `hooks`, first with `prepend`."""
        handle = cls(hooks)
        hooks[handle.id] = hook
        if prepend:
            hooks.move_to_end(handle.id, last=False)
        return handle

    def remove(self) -> None:
        """Take the hook out again. Doing so twice is allowed."""
        for hooks in self._dicts:
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()
