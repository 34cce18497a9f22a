"""One call of a function for all examples at once, on `mx.vmap`.

The function runs once, on stand-ins that MLX traces: they have the shape of one example and no values. Everything that
comes out, results and what was changed in place, goes through a function whose rule for `mx.vmap` tells what depends on
the example and what does not. Where MLX (0.32.4) has no rule for an operation, the function runs for one example after
the other instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid import _tape, _views
from lucid._tape import Leaf, Node, TensorCore, apply, array, wrap
from lucid.func._level import Level, Written
from lucid.func._mapping import CannotMap, mapped, over
from lucid.func._program import Program
from lucid.func._trees import Tree, flatten
from lucid.ops.expansion import expand
from lucid.ops.joining import stack
from lucid.ops.pieces import select
from lucid.ops.shape import movedim


class Batch(Level):
    """The level of `vmap`.

    Args:
        randomness: "error", "same" or "different".
        keys: the keys of random numbers that were drawn for other examples, which are to see the same.
    """

    def __init__(self, randomness: str, keys: list[mx.array]) -> None:
        super().__init__("vmap", randomness=randomness)
        self._keys, self._drawn = keys, 0
        self.index: mx.array | None = None  # the number of the example, while all run at once
        self.size = 0
        self.written: dict[int, Written] = {}

    def start(self, arguments: Sequence[Any]) -> None:
        """The next example comes: random numbers start over, where they are to be the same."""
        self._drawn = 0
        self.allow(arguments)

    def captures(self, t: Any) -> None:
        """Remember what `t` was: it may keep only what does not depend on the example."""
        if id(t) not in self.written:
            self.written[id(t)] = Written(t)

    def restore(self) -> None:
        """Put back what was written outside."""
        for one in self.written.values():
            one.restore()
            _tape.untouch(one.t)

    def draw(self, generator: Any) -> mx.array:
        """A key for random numbers: the same or another one for every example."""
        if self.randomness == "same":
            self._drawn += 1
            if self._drawn > len(self._keys):
                self._keys.append(super().draw(generator))
            return self._keys[self._drawn - 1]
        key = super().draw(generator)
        return key if self.index is None else mx.take(mx.random.split(key, self.size), self.index, axis=0)


class Call:
    """A function and its arguments, of which some have a dimension of examples.

    Args:
        func: takes the leaves of its arguments, and may return anything.
        leaves: of the arguments.
        dims: where the examples are in each of them; None in those that have none.
        size: how many examples there are.
        randomness: "error", "same" or "different".
        keys: see `Batch`.
    """

    def __init__(
        self,
        func: Callable[[list[Any]], Any],
        leaves: Sequence[Any],
        dims: Sequence[int | None],
        size: int,
        randomness: str,
        keys: list[mx.array],
    ) -> None:
        self._func, self._leaves, self._size = func, list(leaves), size
        self._at = [k for k, d in enumerate(dims) if d is not None]
        self._dims = [d for d in dims if d is not None]
        self._xs = [leaves[k] for k in self._at]
        self._randomness, self._keys = randomness, keys

    def run(self) -> tuple[list[tuple[Any, bool]], Tree]:
        """The leaves of the result, each with whether it has a first dimension of examples; and the structure."""
        level = self._level()
        level.size = self._size
        try:
            arrays = self._traced(level)
        except (ValueError, RuntimeError) as error:
            level.restore()
            if str(error).startswith("[eval]"):
                raise _tape.NeedsValue(level.needs_value()) from error
            raise
        except BaseException:
            level.restore()
            raise
        if arrays is None:
            level.restore()
            return self._in_turn(self._level())
        return self._collect(level, *arrays)

    def _level(self) -> Batch:
        return Batch(self._randomness, self._keys)

    def _with(self, stand_ins: Sequence[Any]) -> list[Any]:
        new = list(self._leaves)
        for k, s in zip(self._at, stand_ins, strict=True):
            new[k] = s
        return new

    # -- all at once ---------------------------------------------------------------------------------------------------

    def _traced(self, level: Batch) -> tuple[list[mx.array], list[bool]] | None:
        """The arrays of `_out` for all examples, which come first in those that depend on them, and whether they do.

        None if MLX cannot map the function.
        """
        arrays = [array(x) for x in self._xs]
        out: list[mx.array] = []
        axes: list[int | None] = []

        def rule(values: tuple[mx.array, ...], found: tuple[int | None, ...]) -> Any:
            out[:], axes[:] = values[1:], found[1:]
            return values, found

        seen: Any = mx.custom_function(lambda *values: list(values))
        seen.vmap(rule)

        def traced(index: mx.array, *placeholders: mx.array) -> Any:
            level.index = index
            self._trace(level, placeholders)
            return seen(index, mx.array(0), *self._out)[0]  # two at least: for a single one the rule gets no tuples

        try:
            mapped(traced, [mx.arange(self._size), *arrays], [0, *self._dims])
        except CannotMap:
            return None
        finally:
            level.index = None
        del out[0], axes[0]
        values = [a if axis is None else mx.moveaxis(a, axis, 0) for a, axis in zip(out, axes, strict=True)]
        return values, [axis is not None for axis in axes]

    def _trace(self, level: Batch, placeholders: Sequence[mx.array]) -> None:
        """Run the function on stand-ins and note what came of it: in `_out` all arrays that have to be mapped."""
        stand_ins = [_stand_in(x, a) for x, a in zip(self._xs, placeholders, strict=True)]
        nodes = [s._node for s in stand_ins]
        level.start(stand_ins)
        with level:
            result = self._func(self._with(stand_ins))
        self._results, self._tree = flatten(result)
        self._tensors = [t for t in self._results if isinstance(t, TensorCore)]
        self._changed = [k for k, s in enumerate(stand_ins) if s._writes]
        self._tensors += [stand_ins[k] for k in self._changed]
        self._tracked = [k for k, n in enumerate(nodes) if n is not None]
        self._recorded = [k for k, t in enumerate(self._tensors) if t._node is not None]
        self._program = Program(
            [self._tensors[k] for k in self._recorded],
            [nodes[k] for k in self._tracked],
            level,
            drops=True,
        )
        self._kept = [one.t for one in level.written.values()]
        self._out = [
            *[array(t) for t in self._tensors],
            *self._program.constants,
            *[t._data for t in self._kept],
        ]

    def _collect(
        self, level: Batch, values: list[mx.array], batched: list[bool]
    ) -> tuple[list[tuple[Any, bool]], Tree]:
        n, m = len(self._tensors), len(self._tensors) + len(self._program.constants)
        for t, value, depends in zip(self._kept, values[m:], batched[m:], strict=True):
            if depends or t._node is not level.written[id(t)].node:
                level.restore()
                raise RuntimeError(
                    f"vmap: the function changes a tensor of shape {tuple(t._data.shape)} in place that is the same "
                    "for all examples, but the new values differ; pass it as an argument with a dimension of examples"
                )
            t._data = value
        made = [wrap(value) for value in values[:n]]
        results = list(zip(made, batched[:n], strict=True))
        if self._recorded:
            constants = list(zip(values[n:m], batched[n:m], strict=True))
            outs = [_broadcast(values[k], batched[k], self._size) for k in self._recorded]
            for k, t in zip(self._recorded, self._on_the_tape(constants, outs), strict=True):
                results[k] = t if batched[k] else select(t, 0, 0), batched[k]
        for (t, _), origin in zip(results, self._tensors, strict=True):
            _views.pin(t, origin.device)
        for k, (t, depends) in zip(self._changed, results[n - len(self._changed) :], strict=True):
            value = _broadcast_tensor(t, depends, self._size)
            _views.assign(self._xs[k], movedim(value, 0, self._dims[k]))
        found = iter(results)
        return [next(found) if isinstance(r, TensorCore) else (r, False) for r in self._results], self._tree

    def _on_the_tape(self, constants: list[tuple[mx.array, bool]], outs: list[mx.array]) -> tuple[Any, ...]:
        """The results that require a gradient, behind one node that maps the recorded program."""
        program, n = self._program, len(self._tracked)
        captured = [_tape.reopen(value, node) for node, value in program.captured]
        xs = [self._xs[k] for k in self._tracked]
        axes: list[int | None] = [self._dims[k] for k in self._tracked]
        axes += [None] * len(captured) + [0 if depends else None for _, depends in constants]

        def vmap(*arrays: mx.array) -> list[mx.array]:
            return over(lambda *a: program(a[:n], a[n:]), arrays, axes, self._size)

        vmap.__qualname__ = "vmap"
        arrays = [value for value, _ in constants]
        inputs = (*xs, *captured, *arrays)
        primals = [array(t) for t in (*xs, *captured)] + arrays
        results: tuple[Any, ...] = _tape.finish(vmap, inputs, primals, True, outs)
        return results

    # -- one after the other -------------------------------------------------------------------------------------------

    def _in_turn(self, level: Batch) -> tuple[list[tuple[Any, bool]], Tree]:
        rows: list[list[Any]] = []
        changed: set[int] = set()
        for k in range(self._size):
            stand_ins = [_example(x, d, k) for x, d in zip(self._xs, self._dims, strict=True)]
            before = [s._writes for s in stand_ins]
            level.start(stand_ins)
            with level:
                found = self._func(self._with(stand_ins))
            if level.written:
                level.restore()
                raise RuntimeError(
                    "vmap: the function changes tensors in place that are the same for all examples; pass them as "
                    "arguments with a dimension of examples, since MLX cannot map this function"
                )
            changed |= {j for j, (s, n) in enumerate(zip(stand_ins, before, strict=True)) if s._writes != n}
            leaves, tree = flatten(found)
            rows.append([*leaves, *stand_ins])
        stacked: list[tuple[Any, bool]] = []
        results = list(zip(*rows, strict=True))
        for same in results[: tree.leaves]:
            if not isinstance(same[0], TensorCore) or all(t is same[0] for t in same):
                stacked.append((same[0], False))
            else:
                stacked.append((stack(list(same)), True))
        for j in changed:
            _views.assign(self._xs[j], stack(list(results[tree.leaves + j]), self._dims[j]))
        return stacked, tree


def _example(x: Any, dim: int, k: int) -> Any:
    """Example `k`, which shares no memory with `x`."""

    def select(a: mx.array) -> mx.array:
        return mx.contiguous(a[(slice(None),) * dim + (k,)])

    select.__qualname__ = "select"
    return _views.pin(apply(select, x), x.device)


def _stand_in(x: Any, a: mx.array) -> Any:
    t = _views.pin(wrap(a), x.device)
    if isinstance(x._node, Leaf):
        t._node = Leaf(t)
    elif x._node is not None:
        t._node = Node(_itself, (), ())
        t._node.out = _tape._ref(t)
    return t


def _itself(*arrays: mx.array) -> Any:
    raise AssertionError("a stand-in is never replayed")


def _broadcast(a: mx.array, batched: bool, size: int) -> mx.array:
    return a if batched else mx.broadcast_to(a, (size, *a.shape))


def _broadcast_tensor(t: Any, batched: bool, size: int) -> Any:
    return t if batched else expand(t, (size, *t.shape))
