"""A compiled function: its entries, and which of them a call may use."""

from __future__ import annotations

import functools
import traceback
import types
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from lucid import _tape
from lucid._grad_mode import mode
from lucid._tape import Core
from lucid.compiler._entry import NUMBERS_CHANGE, Entry, OtherArguments, Unknown, places
from lucid.compiler._guards import Guarded, constants, settings
from lucid.compiler._reads import Reads, attributes, now
from lucid.compiler._tree import PLAIN, flatten, unflatten
from lucid.compiler._watch import Watch

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
        self._entries: OrderedDict[Any, list[Guarded]] = OrderedDict()
        self._touched: dict[int, Any] = {}  # the tensors that calls so far have touched beside their arguments
        self._with_grad: dict[int, Any] = {}  # those whose `.grad` was touched: whichever tensor that is by now
        self._left: list[Any] = []
        self._optimizers: dict[int, Any] = {}
        self._last: Guarded | None = None  # what the last call used
        self._written: dict[int, Any] = {}  # the lists and dicts that the function writes into
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
            or mode.watched
        ):
            return self.fn(*args, **kwargs)
        if self._generation != generation:
            self.__init__(self.fn, self.fullgraph)  # type: ignore[misc]
        last = self._last
        if last is not None and not kwargs and last.takes(args) and last.holds(args):
            try:
                return last.run(args)
            except OtherArguments:
                pass
        tensors: list[Any] = []
        held: list[Any] = []
        key, tree = flatten((args, kwargs) if kwargs else args, tensors, held)
        key = (key, *[(a.shape, a.dtype, t.__class__) for t in tensors for a in (_tape.array(t),)])
        if last is not None and key == last.key and last.holds(tensors):
            return last.run(tensors)
        reads = Reads(self.fn, args, kwargs, self._written)
        whole = key, *map(str, settings()), constants(around := reads.found, held)
        known = self._entries.setdefault(whole, [])
        self._entries.move_to_end(whole)
        for guarded in known:
            if guarded.fits(tensors, reads):
                self._last = guarded
                return guarded.run(tensors)
        if not self._touched:
            result = self._eagerly(args, kwargs, tensors)
        else:
            around = [*around, *[found for value in held for found in attributes(value)]]
            result = self._traced(known, key, held, tree, args, kwargs, tensors, around, reads)
        if changed := reads.changed():
            self._leave_alone(changed)
        return result

    def _leave_alone(self, changed: list[tuple[str, Any]]) -> None:
        self._written.update((id(place), place) for _, place in changed)
        name, place = changed[0]
        warnings.warn(
            f"compile: {getattr(self.fn, '__name__', self.fn)!s} writes into {name}, a {type(place).__name__} of "
            "Python's, which happens at its first calls only, when it is traced; return the values instead",
            UserWarning,
            stacklevel=3,
        )

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
        self,
        known: list[Any],
        key: Any,
        held: Any,
        tree: Any,
        args: Any,
        kwargs: Any,
        tensors: list[Any],
        around: Any,
        reads: Any,
    ) -> Any:
        def call(arguments: list[Any]) -> Any:
            given = unflatten(tree, arguments.__getitem__)
            return self.fn(*given[0], **given[1]) if kwargs else self.fn(*given)

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
        again = set(map(id, self._left)) & set(entry.watch.seen)
        if left and (again or not self._left):
            self._left = left  # the next call may read them
            self._touch(left, ())
        else:
            self._last = Guarded(entry, key, held, around, reads)
            known.append(self._last)
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
            bound = [name for name, t, again in around if isinstance(t, Core) and now(again) is not t]
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


def _numbers(optimizers: Iterable[Any]) -> list[Any]:
    return [[v for v in g.values() if isinstance(v, (*PLAIN, tuple))] for o in optimizers for g in o.param_groups]
