"""What a compiled call depends on beside its tensors, and whether that is as it was when it was traced."""

from __future__ import annotations

import itertools
import operator
import types
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid import dtypes
from lucid._grad_mode import mode
from lucid._tape import Core
from lucid.compiler._entry import Entry
from lucid.compiler._reads import VALUES, Found, Reads, contents, now
from lucid.compiler._tree import PLAIN
from lucid.nn.modules._global_hooks import EVERYWHERE
from lucid.nn.modules.module import Module
from lucid.optim import Optimizer


class Guarded:
    """An entry, and what has to be as it was when it was traced.

    Args:
        entry: the entry.
        key: of the arguments.
        held: the objects among the arguments and around the function that are compared by identity.
        around: what the function `Reads`, and the attributes of `held`.
        reads: what the function read around itself when it was called.
    """

    _around: Same
    _numbers: Same

    def __init__(self, entry: Entry, key: tuple[Any, ...], held: list[Any], around: list[Found], reads: Reads) -> None:
        self.entry, self.key, self._held = entry, key, held
        modules, seen = list(entry.watch.modules.values()), entry.watch.seen
        inside = Reads.of_modules(modules).found
        self._plain = [(value, again) for _, value, again in inside if isinstance(value, VALUES)]
        around = [*around, *inside]
        self._tensors = [(name, t, again) for name, t, again in around if isinstance(t, Core) and id(t) in seen]
        self._modules = [(m, fingerprint(m)) for m in modules]
        self._optimizers = [(o, rules(o)) for o in {id(o): o for o in entry.watch.optimizers}.values()]
        self._kinds = [kind for _, _, kind in key[1:]] if key[0] == (tuple, *range(len(key) - 1)) else None
        self._settings, self._global_hooks = settings(), _hooks_everywhere()
        self._effects, kept = reads.effects()
        self._plain += kept
        self._note(reads)

    def run(self, arguments: Sequence[Any]) -> Any:
        """Run the graph; then bind the plain values that the function bound: they depend on what is guarded only."""
        result = self.entry.run(arguments)
        for bind, value in self._effects:
            bind(value)
        return result

    def fits(self, tensors: Sequence[Any], reads: Reads) -> bool:
        """Whether a call with arguments and constants of the same key may use the entry.

        Refreshes the optimizers' numbers.
        """
        if (
            self._global_hooks == _hooks_everywhere()
            and all(fingerprint(m) == before for m, before in self._modules)
            and all(now(again) is t for _, t, again in self._tensors)
            and all((v := now(again)) == value and type(v) is type(value) for value, again in self._plain)
            and all(rules(o) == before for o, before in self._optimizers)
            and self.entry.fits(tensors)
        ):
            self._note(reads)
            return True
        return False

    def takes(self, args: tuple[Any, ...]) -> bool:
        """Whether `args` may have this key, if it is one of tensors only: their shapes and dtypes are still to be seen.

        One tensor given twice may go where there were two, unless the function changes what it is given.
        """
        if self._kinds is None or len(args) != len(self._kinds):
            return False
        for t, kind in zip(args, self._kinds):  # noqa: B905 - the lengths were compared
            if t.__class__ is not kind:
                return False
        return not self.entry.changes_arguments or len(set(map(id, args))) == len(args)

    def holds(self, tensors: Sequence[Any]) -> bool:
        """Like `fits`, for a call that comes after one that fits, and only where that can be seen quickly."""
        return settings() == self._settings and self._around.holds() and self._follow() and self.entry.fits(tensors)

    def _follow(self) -> bool:
        """Whether the optimizers do what they did; refreshes their numbers."""
        if self._numbers.holds():
            return True
        if all(rules(o) == before for o, before in self._optimizers):
            self._numbers = self._note_numbers()
            return True
        return False

    def _note(self, reads: Reads) -> None:
        found = [(value, again) for _, value, again in reads.found] + self._plain
        places = [*EVERYWHERE, *reads.places, *[vars(h) for h in self._held if hasattr(h, "__dict__")]]
        for module, _ in self._modules:
            state = module.__dict__
            places += [state, *[state[name] for name in (*_PARTS, *_HOOKS)]]
        self._around = Same(found, places)
        self._numbers = self._note_numbers()

    def _note_numbers(self) -> Same:
        places: list[Any] = []
        for o, _ in self._optimizers:
            places += [vars(o), o.param_groups, o._updates]
            places += [part for g in o.param_groups for part in (g, g["params"])]
        return Same([], places)

    def differs(self) -> str:
        """What is not as it was, if that has a name."""
        names = [name for name, t, again in self._tensors if now(again) is not t]
        for module, before in self._modules:
            parts = zip([*module.__dict__, *["its parts"] * len(before)], fingerprint(module), before, strict=False)
            names += [f"{type(module).__name__}.{name}" for name, a, b in parts if a != b][:1]
        return ", ".join(names)


class Same:
    """What some getters return, and all that is in some lists and dicts: whether nothing else was put there since.

    Args:
        found: values, and the getters that they came from.
        places: the lists and dicts.

    Python's objects are cold in the cache after a step of a model: what is looked at is little, and one thing.
    """

    __slots__ = ("_empty", "_getters", "_places", "_values")

    def __init__(self, found: Sequence[tuple[Any, Callable[[], Any]]], places: Sequence[Any]) -> None:
        self._getters = [get for _, get in found]
        self._empty = [p for p in places if not p]  # most are: dicts of hooks
        self._places = [contents(p) for p in places if p]
        self._values = [value for value, _ in found]
        self._values += itertools.chain.from_iterable(self._places)

    def holds(self) -> bool:
        try:
            found = [get() for get in self._getters]
        except (ValueError, LookupError):  # see `now`
            return False
        found += itertools.chain.from_iterable(self._places)
        return len(found) == len(self._values) and all(map(operator.is_, found, self._values)) and not any(self._empty)


def settings() -> tuple[Any, ...]:
    """What a graph depends on that belongs to the thread or to the whole program."""
    return mode.grad, mode.inference, dtypes.get_default_dtype(), mx.default_device()


_PARTS = ("_parameters", "_buffers", "_modules")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _hooks_everywhere() -> list[Any]:
    return [hook for hooks in EVERYWHERE for hook in hooks.values()]


def fingerprint(module: Module) -> list[Any]:
    """What a module's forward may depend on beside values: its attributes, parts and hooks."""
    state = module.__dict__
    found: list[Any] = [v if isinstance(v, PLAIN) else id(v) for v in state.values()]
    for part in _PARTS:
        found += map(id, state[part].values())
    for hooks in _HOOKS:
        found.append(len(state[hooks]))
    return found


def rules(optimizer: Any) -> list[Any]:
    updates = optimizer._refreshed()
    return [(id(u), u.recipe.rule, u.recipe.slots, u.settled(), *map(id, u.group["params"])) for u in updates]


def constants(found: list[Found], held: list[Any]) -> Any:
    """What of all that a graph depends on: plain values, and which modules, optimizers and functions they are."""
    key: list[Any] = []
    for name, value, _ in found:
        if isinstance(value, VALUES):
            key.append((name, type(value), value))
        elif isinstance(value, set):
            key.append((name, frozenset([v for v in value if isinstance(v, VALUES)])))
        elif isinstance(value, (Module, Optimizer, types.FunctionType)):
            held.append(value)
            key.append((name, id(value)))
    return tuple(key)
