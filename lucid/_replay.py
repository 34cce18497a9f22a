"""One of the two ways down the tape: playing all of it again, inside one `mx.vjp`. See `lucid._tape`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lucid._channels import Last, first, last
from lucid._tape import Leaf, Node, Pick
from lucid._views import ChannelsLast


def replay(
    calls: list[Node],
    roots: Sequence[tuple[Node, Any]],
    targets: Sequence[Node] | None,
    retain_graph: bool,
    into_grad: bool,
) -> dict[Node, Any]:
    """One `mx.vjp` over a function that plays the tape, all `calls` of it, from its leaves.

    Values are kept in a list: those of the nodes in order, and behind them the leaves, which are counted from the end.
    """
    leaves: list[tuple[Node, mx.array]] = []
    slot: dict[Any, int] = {}
    program: list[tuple[Any, Any, Sequence[Any]]] = []  # a function, where each argument comes from, or its constant
    lies: set[int] = set()  # the slots whose values are kept channels last: all that use one add up their gradients so

    def leaf_slot(key: Any, leaf: Node, value: mx.array) -> int:
        leaves.append((leaf, value))
        slot[key] = k = -len(leaves)
        return k

    get = slot.get
    for here, node in enumerate(calls):
        slot[node] = here
        if node.__class__ is Pick:
            source = slot[node.inputs[0]]
            program.append((node.index, source, ()))
            if source in lies and node.index < node.fn.outputs:  # type: ignore[union-attr]
                lies.add(here)
            continue
        fn, primals = node.fn, node.primals
        sources: list[int | None] = []
        for n, p in zip(node.inputs, primals):  # noqa: B905 - zip(strict=) costs as much as the loop
            if n is None:
                sources.append(None)
            elif n.__class__ is not Leaf:
                sources.append(get(n))
            else:
                key = n, id(p)  # a leaf written between two uses counts as two
                k = get(key)
                sources.append(leaf_slot(key, n, p) if k is None else k)
        if lies or fn.__class__ is Last:
            program.append((_between(fn, sources, primals, lies), sources, primals))
            if fn.__class__ is Last:
                lies.add(here)
        else:
            program.append((fn, sources, primals))
    for node, _ in roots:
        if node.__class__ is Leaf and node not in slot:
            leaf_slot(node, node, node.out()._data)
    outputs = [slot[n] for n, _ in roots]
    leaves.reverse()
    kept: list[Any] = []

    def play(*values: mx.array) -> list[mx.array]:
        env: list[Any] = [None] * len(program)
        env += values
        for k, (fn, sources, primals) in enumerate(program):
            if fn.__class__ is int:
                env[k] = env[sources][fn]
            elif len(sources) == 2:  # most are, and need no list
                a, b = sources
                env[k] = fn(primals[0] if a is None else env[a], primals[1] if b is None else env[b])
            else:
                env[k] = fn(*[p if s is None else env[s] for s, p in zip(sources, primals)])  # noqa: B905
        kept.extend(env)
        ends = [first(env[k]) if k in lies else env[k] for k in outputs]
        if len(outputs) == 1:
            return ends
        return [mx.contiguous(end) for end in ends]  # MLX 0.32 drops a cotangent where two outputs are one array

    gradients = mx.vjp(play, [p for _, p in leaves], [g for _, g in roots])[1]
    for k, node in enumerate(calls):
        # What is alive now shares the graph that the gradients use.
        out = node.out
        t = out() if out is not None else None
        if t is None and not retain_graph and node.follow is None:
            continue
        value = kept[k]
        inside = None
        if k in lies and value.__class__ is mx.array:
            inside, value = value, first(value)
            kept[k] = value
        if t is not None and t._node is node:
            t._data = value
            if inside is not None and t._extra.__class__ is ChannelsLast:
                t._extra.inside, t._extra.outside = inside, value
        if node.follow is not None:
            node.follow(value)
        if retain_graph and node.__class__ is not Pick:
            node.primals = [p if s is None else kept[s] for s, p in zip(program[k][1], node.primals, strict=True)]
            node.escape()
    found: dict[Node, Any] = {}
    for (leaf, _), gradient in zip(leaves, gradients, strict=True):
        found[leaf] = gradient if leaf not in found else found[leaf] + gradient
    if into_grad:
        for leaf, gradient in found.items():
            if targets is None or leaf in targets:
                leaf.accumulate(gradient)  # type: ignore[attr-defined]
    return found


def _between(fn: Any, sources: Sequence[int | None], primals: Sequence[Any], lies: set[int]) -> Any:
    """`fn` for arguments of which those from slots in `lies` come channels last; so does the result of a `Last`."""
    turns: list[Any] = [first if s in lies else None for s in sources]
    if fn.__class__ is Last:
        ndim = fn.ndim(primals)
        for k in fn.inside:
            turns[k] = None if turns[k] and primals[k].ndim == ndim else _then(turns[k], ndim)
        fn = fn.fn
    if not any(turns):
        return fn
    return lambda *arguments: fn(*[a if turn is None else turn(a) for a, turn in zip(arguments, turns, strict=True)])


def _then(turn: Any, ndim: int) -> Any:
    return (lambda a: last(a, ndim)) if turn is None else (lambda a: last(turn(a), ndim))
