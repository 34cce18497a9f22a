"""A compiled function: its entries, and which of them a call may use."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import operator
import traceback
import types
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import mlx.core as mx

from lucid import _tape, dtypes
from lucid._grad_mode import mode
from lucid._tape import Core
from lucid.compiler._entry import NUMBERS_CHANGE, Entry, Unknown, places
from lucid.compiler._tree import PLAIN, flatten, unflatten
from lucid.compiler._watch import Watch, is_watched
from lucid.nn.modules.module import Module
from lucid.optim import Optimizer

generation = 0  # raised by `lucid.compiler.reset`
MOST = 64  # entries of one function; the one that was not used for longest goes
OFTEN = 8  # traces for each kind of arguments that bring a warning
_LIBRARY = str(Path(__file__).resolve().parents[1])


class Compiled:
    """Calls `fn`, and after the first call a graph that was compiled from it.

    Args:
        fn: the function.
        fullgraph: raise where it cannot be compiled, instead of calling it as it is, with a warning.
    """

    def __init__(self, fn: Callable[..., Any], fullgraph: bool) -> None:
        functools.update_wrapper(self, fn)
        self.fn, self.fullgraph = fn, fullgraph
        self._entries: OrderedDict[Any, list[_Guarded]] = OrderedDict()
        self._touched: dict[int, Any] = {}  # the tensors that calls so far have touched beside their arguments
        self._with_grad: dict[int, Any] = {}  # those whose `.grad` was touched: whichever tensor that is by now
        self._left: list[Any] = []
        self._optimizers: dict[int, Any] = {}
        self._traces = 0
        self._uncompiled = False
        self._generation = generation

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if (
            self._uncompiled
            or _tape.tracing is not None
            or mode.level is not None
            or mode.dual is not None
            or is_watched()
        ):
            return self.fn(*args, **kwargs)
        if self._generation != generation:
            self.__init__(self.fn, self.fullgraph)  # type: ignore[misc]
        tensors: list[Any] = []
        held: list[Any] = []
        key, tree = flatten((args, kwargs), tensors, held)
        key = (
            key,
            *[(a.shape, a.dtype, type(t)) for t in tensors for a in (_tape.array(t),)],
            (mode.grad, mode.inference, dtypes.get_default_dtype(), str(mx.default_device())),
            constants(around := surroundings(self.fn), held),
        )
        known = self._entries.setdefault(key, [])
        self._entries.move_to_end(key)
        for guarded in known:
            if guarded.fits(tensors):
                return guarded.entry.run(tensors)
        if not self._touched:
            return self._eagerly(args, kwargs, tensors)
        for value in held:
            around += attributes(value)
        return self._traced(known, held, tree, args, kwargs, tensors, around)

    def _eagerly(self, args: Any, kwargs: Any, tensors: list[Any]) -> Any:
        watch = Watch()
        with watch:
            result = self.fn(*args, **kwargs)
        self._touch([*[one.t for one in watch.seen.values()], *watch.made()], tensors)
        self._optimizers.update((id(o), o) for o in watch.optimizers)
        return result

    def _touch(self, found: Sequence[Any], arguments: Sequence[Any], reads: bool = False) -> None:
        ours = set(map(id, arguments))
        owners = {id(t._grad): t for t in [*self._touched.values(), *found] if t is not None and t._grad is not None}
        for t in found:
            if id(t) in owners:  # a gradient is not kept alive: the next call mostly puts another in its place
                if reads:
                    self._with_grad[id(owners[id(t)])] = owners[id(t)]
            elif id(t) not in ours:
                self._touched[id(t)] = t
        self._touched.setdefault(0, None)

    def _traced(
        self, known: list[Any], held: Any, tree: Any, args: Any, kwargs: Any, tensors: list[Any], around: Any
    ) -> Any:
        def call(arguments: list[Any]) -> Any:
            given, named = unflatten(tree, arguments.__getitem__)
            return self.fn(*given, **named)

        for _ in range(4):
            for optimizer in self._optimizers.values():
                optimizer._refreshed()
            numbers = _numbers(self._optimizers.values())
            gradients = [t._grad for t in self._with_grad.values()]
            state, views = places([t for t in (*self._touched.values(), *gradients) if t is not None])
            entry = Entry(call, tensors, state, views)
            try:
                result = entry.run(tensors)
            except Unknown as unknown:
                self._touch(unknown.tensors, tensors, reads=True)
                self._optimizers.update((id(o), o) for o in unknown.optimizers)
                continue
            except _tape.NeedsValue as error:
                return self._refused(error, args, kwargs)
            if _numbers(self._optimizers.values()) != numbers:
                raise RuntimeError(NUMBERS_CHANGE)
            break
        else:
            raise RuntimeError(
                "compile: the function touches other tensors in each call, because it binds names or attributes to new "
                "ones; write into those that are there (copy_)"
            )
        left = entry.leftovers
        reads = set(map(id, self._left)) & set(entry.watch.seen)
        if left and (reads or not self._left):
            self._left = left  # the next call may read them
            self._touch(left, ())
        else:
            known.append(_Guarded(entry, held, around))
        self._forget(known, around, entry)
        return result

    def _forget(self, known: list[Any], around: Any, entry: Entry) -> None:
        while sum(map(len, self._entries.values())) > MOST:
            if len(self._entries) > 1:
                self._entries.popitem(last=False)
            else:
                del known[0]
        self._traces += 1
        if self._traces == OFTEN * (1 + len(self._entries)):
            bound = [name for name, t, again in around if isinstance(t, Core) and again() is not t]
            because = ", ".join(bound) or (known[-2].differs() if len(known) > 1 else "") or "its arguments"
            warnings.warn(
                f"compile: {getattr(self.fn, '__name__', self.fn)!s} was traced {self._traces} times, because of "
                f"{because}; write new values into the tensors that are there (copy_), and keep counters out of it",
                UserWarning,
                stacklevel=4,
            )

    def _refused(self, error: Exception, args: Any, kwargs: Any) -> Any:
        frames = reversed(traceback.extract_tb(error.__traceback__))
        where = next((f for f in frames if not f.filename.startswith(_LIBRARY)), None)
        place = "" if where is None else f"{where.filename}:{where.lineno}: {where.line}: "
        message = f"compile: {place}{error}"
        if self.fullgraph:
            raise RuntimeError(message) from None
        warnings.warn(
            f"{message}. {getattr(self.fn, '__name__', self.fn)!s} runs uncompiled from now on; take the line out of "
            "it, or pass fullgraph=True to make this an error.",
            UserWarning,
            stacklevel=4,
        )
        self._uncompiled = True
        return self.fn(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<compiled {self.fn!r}>"


class _Guarded:
    """An entry, and what has to be as it was when it was traced."""

    def __init__(self, entry: Entry, held: list[Any], around: list[tuple[str, Any, Any]]) -> None:
        self.entry, self._held = entry, held
        seen = entry.watch.seen
        self._tensors = [(name, t, again) for name, t, again in around if isinstance(t, Core) and id(t) in seen]
        self._modules = [_Known(m) for m in entry.watch.modules.values()]
        self._optimizers = [(o, _rules(o)) for o in {id(o): o for o in entry.watch.optimizers}.values()]

    def fits(self, tensors: Sequence[Any]) -> bool:
        """Whether a call with arguments of the same key may use the entry. Refreshes the optimizers' numbers."""
        return (
            all(m.is_same() for m in self._modules)
            and all(again() is t for _, t, again in self._tensors)
            and all(_rules(o) == before for o, before in self._optimizers)
            and self.entry.fits(tensors)
        )

    def differs(self) -> str:
        """What is not as it was, if that has a name."""
        names = [name for name, t, again in self._tensors if again() is not t]
        for known in self._modules:
            if not known.is_same():
                module, before = known.module, known.before
                now = zip([*module.__dict__, *["its parts"] * len(before)], fingerprint(module), before, strict=False)
                names += [f"{type(module).__name__}.{name}" for name, a, b in now if a != b][:1]
        return ", ".join(names)


class _Known:
    """A module as it was when it was traced."""

    __slots__ = ("before", "module", "parts", "values")

    def __init__(self, module: Module) -> None:
        self.module, self.before = module, fingerprint(module)
        state = module.__dict__
        self.parts = (state, *[state[name] for name in (*_PARTS, *_HOOKS)])
        self.values = list(itertools.chain.from_iterable(map(dict.values, self.parts)))

    def is_same(self) -> bool:
        """Whether it would be traced the same way. Mostly nothing was assigned at all, which is quick to see."""
        now = list(itertools.chain.from_iterable(map(dict.values, self.parts)))
        if len(now) == len(self.values) and all(map(operator.is_, now, self.values)):
            return True
        return fingerprint(self.module) == self.before


_PARTS = ("_parameters", "_buffers", "_modules")
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def fingerprint(module: Module) -> list[Any]:
    """What a module's forward may depend on beside values: its attributes, parts and hooks."""
    state = module.__dict__
    found: list[Any] = [v if isinstance(v, PLAIN) else id(v) for v in state.values()]
    for part in _PARTS:
        found += map(id, state[part].values())
    for hooks in _HOOKS:
        found.append(len(state[hooks]))
    return found


def _numbers(optimizers: Iterable[Any]) -> list[Any]:
    return [[v for v in g.values() if isinstance(v, (*PLAIN, tuple))] for o in optimizers for g in o.param_groups]


def _rules(optimizer: Any) -> list[Any]:
    updates = optimizer._refreshed()
    return [(id(u), u.recipe.rule, u.recipe.slots, u.settled(), *map(id, u.group["params"])) for u in updates]


def surroundings(fn: Any) -> list[tuple[str, Any, Any]]:
    """What a function finds around itself: names, the values that they have now, and how to get them again."""
    found: list[tuple[str, Any, Any]] = []
    if isinstance(fn, functools.partial):
        fn = fn.func
    if inspect.ismethod(fn):
        if not isinstance(fn.__self__, Module):
            found += attributes(fn.__self__)
        fn = fn.__func__
    if isinstance(fn, types.FunctionType):
        names, scope = fn.__code__.co_names, fn.__globals__
        found += [(name, scope[name], functools.partial(scope.get, name)) for name in names if name in scope]
        for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
            with contextlib.suppress(ValueError):  # not bound yet
                found.append((name, cell.cell_contents, functools.partial(getattr, cell, "cell_contents")))
    return found


def attributes(value: Any) -> list[tuple[str, Any, Any]]:
    """The attributes of an object, like `surroundings`."""
    own = getattr(value, "__dict__", {})
    return [(name, v, functools.partial(getattr, value, name, None)) for name, v in own.items()]


def constants(found: list[tuple[str, Any, Any]], held: list[Any]) -> Any:
    """What of `surroundings` a graph depends on: plain values, and which modules, optimizers and functions they are."""
    key: list[Any] = []
    for name, value, _ in found:
        if isinstance(value, PLAIN):
            key.append((name, type(value), value))
        elif isinstance(value, (Module, Optimizer, types.FunctionType)):
            held.append(value)
            key.append((name, id(value)))
    return tuple(key)
