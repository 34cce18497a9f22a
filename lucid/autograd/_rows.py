"""Jacobians of what is on the tape, all rows at once, and whether something on the tape depends on something else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lucid._backward import run_backward
from lucid._grad_mode import mode
from lucid._tape import TensorCore, array, wrap
from lucid.func._directions import basis, for_all
from lucid.func._level import Replay
from lucid.func._mapping import CannotMap, mapped
from lucid.func._program import Program

_LEVEL = Replay()


def rows(output: Any, xs: Sequence[Any]) -> list[Any]:
    """The gradients of each element of `output` by each of `xs`, stacked; None where it does not depend on it."""
    if mode.dual is not None:
        raise RuntimeError("jacobian: not supported inside a level of lucid.autograd.forward_ad; use lucid.func.jvp")
    behind = _behind(output._node)
    reached = [k for k, x in enumerate(xs) if x._node in behind]
    nodes = [xs[k]._node for k in reached]
    if not nodes:
        return [None] * len(xs)

    def row(careful: bool, cotangent: mx.array) -> list[mx.array]:
        before = mode.level, mode.careful
        mode.level, mode.careful = mode.level or _LEVEL, careful
        try:
            found = run_backward(
                [(output._node, cotangent)],
                nodes,
                retain_graph=True,
                create_graph=False,
                into_grad=False,
                strategy="per node",
            )
        finally:
            mode.level, mode.careful = before
        return [found[n] if n in found else mx.zeros_like(array(xs[k])) for k, n in zip(reached, nodes, strict=True)]

    a = array(output)
    stacked = dict(zip(reached, for_all(row, basis([a.shape], [a.dtype])), strict=True))
    return [wrap(stacked[k]) if k in stacked else None for k in range(len(xs))]


def _behind(node: Any) -> set[Any]:
    """All nodes that `node` was computed from, and itself."""
    seen: set[Any] = set()
    stack = [node]
    while stack:
        one = stack.pop()
        if one is not None and one not in seen:
            seen.add(one)
            stack += one.inputs
    return seen


def depend(values: Sequence[Any], xs: Sequence[Any]) -> list[bool]:
    """Whether each of `values` depends on one of `xs`; None, and what a linear function gives as gradient, does not."""
    recorded = [k for k, v in enumerate(values) if v is not None and v._node is not None]
    program = Program([values[k] for k in recorded], [x._node for x in xs], _LEVEL)
    held = [array(t) if isinstance(t, TensorCore) else t for t in program.held()]
    found: list[int | None] = []

    def rule(arrays: Any, axes: Any) -> Any:
        found[:] = axes[2:]
        return arrays, axes

    seen: Any = mx.custom_function(lambda *arrays: list(arrays))
    seen.vmap(rule)
    one = mx.zeros((1,))
    try:  # what `mx.vmap` gives no dimension of examples, though all of `xs` have one, does not depend on them
        mapped(
            lambda index, *a: seen(index, mx.array(0), *program(a, held))[0],
            [one, *[array(x)[None] for x in xs]],
            [0] * (len(xs) + 1),
        )
    except CannotMap:
        return [k in recorded for k in range(len(values))]
    depends = dict(zip(recorded, found, strict=True))
    return [depends.get(k) is not None for k in range(len(values))]
