"""One compiled form of a function: what it was traced with, the graph that came of it, and how to run that.

A trace calls the function once more inside `mx.compile`, with tracers in the place of the arrays of its arguments and
of its *state*: all tensors that it touches beside them. Afterwards everything is put back. What the function wrote
comes out of the graph as further results, which `run` stores where the function would have.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid import _tape, _views
from lucid._channels import last
from lucid._grad_mode import mode
from lucid._tape import Leaf, Node, Pick, wrap
from lucid.compiler._tree import flatten, unflatten
from lucid.compiler._watch import Saved, Watch, look, put

NO_SECOND = (
    "compile: a gradient of a compiled function cannot be derived again (create_graph=True); compile the function that "
    "takes the gradients, or call this one uncompiled"
)

NUMBERS_CHANGE = (
    "compile: the function changes the numbers of an optimizer, such as its learning rate, which would happen when it "
    "is traced only; step the scheduler outside of it"
)


class OtherArguments(Exception):
    """The arguments of a call have other shapes or dtypes than those of the trace."""


class Unknown(Exception):
    """The function touched tensors that the trace did not know of, or numbers of optimizers that it did not know of."""

    def __init__(self, tensors: list[Any], optimizers: list[Any]) -> None:
        super().__init__()
        self.tensors, self.optimizers = tensors, optimizers


class Place:
    """Where an array of the state is: in a tensor, or in the `.grad` of one."""

    __slots__ = ("of_grad", "t")

    def __init__(self, t: Any, of_grad: bool = False) -> None:
        self.t, self.of_grad = t, of_grad

    def now(self) -> Any:
        """The tensor that is there; None where it has no gradient."""
        return self.t._grad if self.of_grad else self.t


def places(seen: Sequence[Any]) -> tuple[list[Place], list[Any]]:
    """The places of the tensors `seen`; and the views among them, whose bases are places."""
    known: dict[int, Any] = {}
    views = []
    for t in seen:
        base = t._extra.base if t._extra is not None else None
        if base is not None:
            views.append(t)
        known[id(t if base is None else base)] = t if base is None else base
    gradients = {id(t._grad): t for t in known.values() if t._grad is not None and id(t._grad) in known}
    return [Place(gradients[i], True) if i in gradients else Place(t) for i, t in known.items()], views


class Entry:
    """A compiled call.

    Args:
        call: calls the function with given tensors in the place of its tensor arguments.
        arguments: those of this call.
        state: where the other arrays are that it touches.
        views: the views among them.
    """

    def __init__(
        self, call: Callable[[list[Any]], Any], arguments: Sequence[Any], state: list[Place], views: list[Any]
    ) -> None:
        self._call, self.state, self._views = call, state, views
        self._moving = any(place.of_grad for place in state)
        self._fixed = [place.t for place in state]
        self._nodes: list[Any] = []
        self._given: list[Any] | None = None
        self._wants = [t._node is not None for t in arguments]
        self._kinds = [type(t) for t in arguments]
        self.watch = Watch()
        self.evaluates = False
        self._grad = mode.grad
        self.leftovers: list[Any] = []
        self._forward = mx.compile(lambda arrays, own: self._pure(arrays, self._spread(own)))
        self._backward = mx.compile(lambda arrays, own, seeds: self._pull(arrays, self._spread(own), seeds))
        # Numbers that are one array, as the step counts of an optimizer: what is computed from them is computed once.
        held = [look(place.now()) for place in state]
        first: dict[int, int] = {}
        self._first = [first.setdefault(id(a), k) if not a.ndim else k for k, a in enumerate(held)]
        self._shared = [(k, at) for k, at in enumerate(self._first) if k != at]
        self._own = [k for k, at in enumerate(self._first) if k == at]

    def _spread(self, own: Sequence[mx.array]) -> list[mx.array]:
        given = dict(zip(self._own, own, strict=True))
        return [given[at] for at in self._first]

    # -- tracing -------------------------------------------------------------------------------------------------------

    def _pure(self, arrays: list[mx.array], held: list[mx.array]) -> list[mx.array]:
        """The function between arrays. All that it leaves behind in lucid's objects is put back at the end."""
        given = [(array.shape, array.dtype) for array in arrays]
        if self._given is None:
            self._given = given
        elif given != self._given:  # it is `mx.compile` that compares them, in each call
            raise OtherArguments
        arguments = []
        for array, wants, kind in zip(arrays, self._wants, self._kinds, strict=True):
            t = wrap(array)
            t.__class__ = kind
            arguments.append(t.requires_grad_() if wants else t)
        current = [place.now() for place in self.state]
        self._leaves = [t._node is not None for t in current]
        # A graph is not kept alive here: `...` is no node, and has `fits` compare with the leaves.
        self._nodes = [t._node if t._node.__class__ in (Leaf, type(None)) else ... for t in current]
        saved = [Saved(t) for t in current]
        self.watch = Watch()
        tracing, grad = _tape.tracing, mode.grad
        _tape.tracing, mode.grad = (notes := _tape.Tracing()), self._grad  # a gradient is traced while backward runs
        try:
            for t, array in zip(current, held, strict=True):
                lies = _views.lies_last(t)
                put(t, array)
                if lies:
                    _views.lay(t, last(array))
            self._outdate_views()
            with self.watch:
                found: list[Any] = []
                _, self._tree = flatten(self._call(arguments), found, [])
            self.evaluates = notes.evaluates
            return self._collect(found, arguments, arrays, current, held, saved)
        finally:
            _tape.tracing, mode.grad = tracing, grad
            for one in [*self.watch.seen.values(), *saved]:  # in this order: what is known was saved first
                one.restore()
            self._outdate_views()

    def _outdate_views(self) -> None:
        for view in self._views:
            view._extra.seen = -1

    def _collect(
        self,
        found: list[Any],
        arguments: list[Any],
        arrays: list[mx.array],
        current: list[Any],
        held: list[mx.array],
        saved: list[Saved],
    ) -> list[mx.array]:
        known = set(map(id, [*current, *self._views, *arguments]))
        unknown = [one.t for i, one in self.watch.seen.items() if i not in known]
        updates = [u for o in self.watch.optimizers for u in o._updates]
        numbers = {id(t) for u in updates for (name, _), t in u._tensors.items() if not u.is_tensor(name)}
        written = any(id(t) in numbers and look(t) is not a for t, a in zip(current, held, strict=True))
        if unknown or written:
            for update in updates:  # what it read is put back, so it has to read its group again
                update._values.clear()
            raise Unknown(unknown, self.watch.optimizers if written else [])
        outputs: list[mx.array] = []
        index: dict[int, int] = {}

        def position(t: Any) -> int:
            if id(t) not in index:
                array = _tape.array(t)
                same = next((k for k, o in enumerate(outputs) if o is array), None) if not array.ndim else None
                index[id(t)] = len(outputs) if same is None else same
                if same is None:
                    outputs.append(array)
            return index[id(t)]

        own = {id(t): ("state", k) for k, t in enumerate(current)} | {
            id(t): ("argument", k) for k, t in enumerate(arguments)
        }
        self._results = [own.get(id(t)) or ("output", position(t)) for t in found]
        nodes = {index[id(t)]: t._node for t in found if id(t) in index and t._node is not None}
        self._sources = _sources(list(nodes.values()), arguments, current)
        self._recorded = list(nodes) if self._sources else []
        self._like = [(outputs[at].shape, outputs[at].dtype) for at in self._recorded]
        self._changed = [
            (k, position(t), t._writes - s.writes or 1, _views.lies_last(t))
            for k, (t, array, s) in enumerate(zip(current, held, saved, strict=True))
            if look(t) is not array
        ]
        self._written = [
            (k, position(t)) for k, (t, a) in enumerate(zip(arguments, arrays, strict=True)) if look(t) is not a
        ]
        owned = [("state", k, t, s.grad) for k, (t, s) in enumerate(zip(current, saved, strict=True))]
        owned += [("argument", k, t, None) for k, t in enumerate(arguments)]
        self._grads = [
            (owner, k, None if t._grad is None else position(t._grad))
            for owner, k, t, before in owned
            if t._grad is not before
        ]
        self.changes_arguments = bool(self._written) or any(owner == "argument" for owner, *_ in self._grads)
        self._without_grad = [
            (k, s.grad is None)
            for k, (t, s) in enumerate(zip(current, saved, strict=True))
            if id(t) in self.watch.asked
        ]
        outs = [id(t) for t in found]
        del nodes, owned
        found.clear()
        if self._made(current):
            gc.collect()  # what only a cycle holds is nobody's
        self.leftovers = self._made(current)
        self._left = [(t, position(t)) for t in self.leftovers]
        kept = {id(t): k for k, t in enumerate(self.leftovers)}
        self._results = [("left", kept[i]) if i in kept else r for i, r in zip(outs, self._results, strict=True)]
        for t in self.leftovers:
            t._node = None
        return outputs

    def _made(self, current: list[Any]) -> list[Any]:
        """The new tensors that somebody holds, other than as a gradient."""
        gradients = {id(t._grad) for t in current}
        return [t for t in self.watch.made() if id(t) not in gradients]

    def _pull(self, arrays: list[mx.array], held: list[mx.array], cotangents: list[mx.array]) -> Sequence[mx.array]:
        def part(*values: mx.array) -> list[mx.array]:
            a, h = list(arrays), list(held)
            for (owner, k), value in zip(self._sources, values, strict=True):
                (a if owner == "argument" else h)[k] = value
            outputs = self._pure(a, h)
            return [outputs[k] for k in self._recorded]

        primals = [(arrays if owner == "argument" else held)[k] for owner, k in self._sources]
        return _tape.vjp_of(part, primals, cotangents)[1]

    # -- running -------------------------------------------------------------------------------------------------------

    def fits(self, arguments: Sequence[Any]) -> bool:
        """Whether the state is as it was traced: which tensors have a gradient, and which require one."""
        current = self._current()
        for t, node, wants in zip(current, self._nodes, self._leaves):  # noqa: B905 - zip(strict=) costs as much
            if t is None or (t._node is not node and (t._node is not None) != wants):
                return False
        for k, none in self._without_grad:
            if (current[k]._grad is None) != none:
                return False
        for t, wants in zip(arguments, self._wants):  # noqa: B905
            if (t._node is not None) != wants:
                return False
        for k, at in self._shared:  # noqa: SIM110 - `all` takes longer
            if current[k]._data is not current[at]._data:
                return False
        return True

    def _current(self) -> list[Any]:
        return [place.now() for place in self.state] if self._moving else self._fixed

    def run(self, arguments: Sequence[Any]) -> Any:
        """Run the graph, store what it changed, return the result."""
        current = self._current()
        arrays, held = [_tape.array(t) for t in arguments], [t._data for t in current]
        outputs = self._forward(arrays, [held[k] for k in self._own] if self._shared else held)
        made = self._record(arguments, current, arrays, held, outputs) if self._recorded else {}
        for k, at, _, lies in self._changed:
            current[k]._data = outputs[at]
            if lies:
                _views.lay(current[k], last(outputs[at]))
        for k, at in self._written:
            _views.assign(arguments[k], wrap(outputs[at]))
        for owner, k, fresh in self._grads:
            t = (current if owner == "state" else arguments)[k]
            t._grad = None if fresh is None else wrap(outputs[fresh])
        for t, at in self._left:
            t._data = outputs[at]
        del arrays, held  # nobody needs what was replaced: MLX may write over it
        if self.evaluates:
            _tape.start_evaluation((), outputs)  # as early as can be; the rest goes on beside it
        for k, _, writes, _ in self._changed:
            t = current[k]
            t._writes += writes
            if not self.evaluates:
                _tape.touch(t)

        def tensor(k: int) -> Any:
            where, at = self._results[k]
            if where == "output":
                if at not in made:
                    made[at] = wrap(outputs[at])
                return made[at]
            return (self.leftovers if where == "left" else current if where == "state" else arguments)[at]

        return unflatten(self._tree, tensor)

    def gradients(
        self, arrays: Sequence[Any], held: list[mx.array], cotangents: dict[int, mx.array]
    ) -> Sequence[mx.array]:
        """The gradients of the sources, for cotangents of the recorded results by their numbers."""
        given = [cotangents[k] if k in cotangents else mx.zeros(*like) for k, like in enumerate(self._like)]
        found: Sequence[mx.array] = self._backward(list(arrays), [held[k] for k in self._own], given)
        return found

    def _record(
        self, arguments: Sequence[Any], current: list[Any], arrays: list[Any], held: list[Any], outputs: list[Any]
    ) -> dict[int, Any]:
        """The results that require a gradient, with a node behind them."""
        inputs = [(arguments if owner == "argument" else current)[k]._node for owner, k in self._sources]
        node = _Compiled(self, inputs, arrays, held)
        made = {}
        for k, at in enumerate(self._recorded):
            t = made[at] = wrap(outputs[at])
            t._node = Pick(node, k)
            t._node.out = _tape._ref(t)
        node.outputs = len(self._recorded)
        return made


class _Compiled(Node):
    """The node behind the results of a compiled function. Its gradients come from a graph of their own."""

    __slots__ = ("arguments", "entry", "held")

    def __init__(self, entry: Entry, inputs: list[Any], arrays: list[mx.array], held: list[mx.array]) -> None:
        super().__init__(_compiled, inputs, [None] * len(inputs))
        self.entry, self.arguments, self.held = entry, arrays, held
        self.escape()  # it cannot be replayed

    def name(self) -> str:
        return "CompiledFunctionBackward"

    def pull(self, want: list[int], cotangents: dict[int, Any], create_graph: bool) -> Sequence[Any]:
        if create_graph:
            raise RuntimeError(NO_SECOND)
        gradients = self.entry.gradients(self.arguments, self.held, cotangents)
        return [gradients[k] for k in want]

    def release(self) -> None:
        self.fn, self.inputs, self.primals, self.arguments, self.held = None, (), (), [], []
        self.label = "compiled"


def _compiled(*arrays: mx.array) -> Any:
    raise AssertionError("a compiled node is never replayed")


def _sources(nodes: list[Any], arguments: list[Any], current: list[Any]) -> list[tuple[str, int]]:
    """The arguments and places that the nodes lead back to."""
    leaves: set[int] = set()
    seen: set[int] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Leaf):
            leaves.add(id(node))
        stack += node.inputs
    return [("argument", k) for k, t in enumerate(arguments) if id(t._node) in leaves] + [
        ("state", k) for k, t in enumerate(current) if id(t._node) in leaves
    ]
