"""What a function did, as a pure function of arrays: the nodes that it left on the tape, to be played again.

The transforms run the user's function once, on stand-ins of its arguments, and derive the program of what it recorded
with `mx.vjp`, `mx.jvp` and `mx.vmap`. So the function's own Python code runs as often as the user called it, what it
cut off from the tape (`detach()`, `no_grad`) is cut off, and tensors that it found outside are known: they are where
the recorded nodes lead out of the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lucid import _tape
from lucid._backward import run_hooks
from lucid._grad_mode import mode
from lucid._tape import Leaf, Node, Pick, array
from lucid.func._level import Level, Replay
from lucid.ops._custom import custom

_REPLAY = Replay()


def _going_on(primals: tuple[mx.array, ...], tangents: tuple[Any, ...]) -> mx.array:
    return mx.zeros_like(primals[0]) if tangents[0] is None else tangents[0]


_changed = custom(lambda a, b: b, lambda _, cotangent, __: (cotangent, mx.zeros_like(cotangent)), _going_on)
"""The second of two arrays, with the gradient of the first: a tensor that was written without being recorded."""


class Program:
    """The pure function that computes `outputs` from `inputs` as it was recorded.

    Args:
        outputs: the tensors to compute.
        inputs: the nodes of the stand-ins.
        level: the level that the function ran in.
        drops: whether leaves that were made inside are constants; otherwise they are captured.

    Attributes:
        captured: the nodes from outside, each with the array that was used.
        constants: the arrays that have no node.
        reached: for each output, the numbers of the inputs that it depends on.
    """

    def __init__(self, outputs: Sequence[Any], inputs: Sequence[Node], level: Level, *, drops: bool = False) -> None:
        self._given = {node: k for k, node in enumerate(inputs)}
        self._count = len(inputs)
        self._level, self._drops = level, drops
        self.captured: list[tuple[Node, mx.array]] = []
        self.constants: list[mx.array] = []
        self._held: dict[Any, tuple[str, int]] = {}  # where captured arrays and constants are
        self._steps: list[tuple[Any, list[Any]]] = []  # a function, or the number of an output; and its sources
        self._slots: dict[Node, tuple[str, int]] = {}
        self._reach: dict[Node, frozenset[int]] = {}
        for node, k in self._given.items():
            self._slots[node] = ("input", k)
            self._reach[node] = frozenset((k,))
            self._show(node)
        for node in self._inner(outputs):
            self._add(node)
        self._outputs = [self._source(t._node, array(t)) for t in outputs]
        self.reached = [self._reached(t._node) for t in outputs]
        self._settle()

    # A source is a place, ("input", k), ("captured", k), ("constant", k) or ("step", k), or ("literal", value). At the
    # end places become positions in one list, and the rest stays as it is, in `_plan`.

    def _inner(self, outputs: Sequence[Any]) -> list[Node]:
        """The nodes that were recorded inside, oldest first."""
        seen: set[Node] = set()
        stack = [t._node for t in outputs]
        while stack:
            node = stack.pop()
            if node is None or node in seen or node in self._given or not self._is_inside(node):
                continue
            if isinstance(node, Leaf):
                continue
            if node.fn is None:
                raise RuntimeError(_tape.RELEASED)
            seen.add(node)
            stack += node.inputs
        return sorted(seen, key=lambda n: n.number)

    def _is_inside(self, node: Node) -> bool:
        return node.number > self._level.since

    def _add(self, node: Node) -> None:
        if node.watchers:
            raise RuntimeError(
                f"{self._level.name}: full backward hooks of modules, and hooks of graph nodes, do not run inside "
                "transforms; remove them, or use Tensor.register_hook"
            )
        self._reach[node] = frozenset().union(*[self._reached(n) for n in node.inputs])
        if isinstance(node, Pick):
            step: tuple[Any, list[Any]] = (node.index, [self._slots[node.inputs[0]]])  # type: ignore[index]
        else:
            step = (node.fn, [self._source(n, p) for n, p in zip(node.inputs, node.primals, strict=True)])
        self._slots[node] = self._step(*step)
        self._show(node)

    def _show(self, node: Node) -> None:
        if node.hooks or node.retains:
            self._slots[node] = self._step(_hooked(node), [self._slots[node]])

    def _step(self, fn: Any, sources: list[Any]) -> tuple[str, int]:
        self._steps.append((fn, sources))
        return "step", len(self._steps) - 1

    def _reached(self, node: Node | None) -> frozenset[int]:
        return self._reach.get(node, frozenset())  # type: ignore[arg-type]

    def _source(self, node: Node | None, value: Any) -> Any:
        if not isinstance(value, mx.array):
            return "literal", value
        if node in self._slots:
            found = self._slots[node]
            if self._level.stale.get(node, value) is not value:
                found = self._step(_changed, [found, self._hold("constant", self.constants, value, value)])
            return found
        if node is None or (self._drops and self._is_inside(node)):
            return self._hold("constant", self.constants, value, value)
        return self._hold("captured", self.captured, value, (node, value), node)

    def _hold(self, kind: str, among: list[Any], value: mx.array, entry: Any, node: Node | None = None) -> Any:
        key = (node, id(value))
        if key not in self._held:
            self._held[key] = kind, len(among)
            among.append(entry)
        return self._held[key]

    def _settle(self) -> None:
        captured = self._count
        constant = captured + len(self.captured)
        starts = {"input": 0, "captured": captured, "constant": constant, "step": constant + len(self.constants)}

        def position(source: tuple[str, Any]) -> int | None:
            kind, k = source
            return None if kind == "literal" else starts[kind] + k

        self._plan = [
            (fn, position(sources[0]) if fn.__class__ is int else list(map(position, sources)), [k for _, k in sources])
            for fn, sources in self._steps
        ]
        self._ends: list[Any] = [position(source) for source in self._outputs]
        del self._steps, self._slots, self._reach, self._held, self._given

    # -- playing -------------------------------------------------------------------------------------------------------

    def held(self) -> list[Any]:
        """What the program needs beside its inputs: the captured tensors, then the constant arrays."""
        return [*[_tape.reopen(value, node) for node, value in self.captured], *self.constants]

    def __call__(self, inputs: Sequence[mx.array], held: Sequence[mx.array]) -> list[mx.array]:
        """The outputs for other arrays."""
        before = mode.level
        if before is None:
            mode.level = _REPLAY
        try:
            env: list[Any] = [*inputs, *held]
            for fn, sources, literals in self._plan:
                if fn.__class__ is int:
                    env.append(env[sources][fn])  # type: ignore[index]
                else:
                    env.append(fn(*[v if s is None else env[s] for s, v in zip(sources, literals)]))  # type: ignore[arg-type] # noqa: B905
            return [env[k] for k in self._ends]
        finally:
            mode.level = before


def _hooked(node: Node) -> Any:
    """The identity, whose cotangent is shown to the hooks of `node`."""
    return custom(lambda a: a, lambda _, cotangent, __: run_hooks(node, cotangent), lambda _, tangent: tangent)
