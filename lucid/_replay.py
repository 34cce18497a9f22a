"""One of the two ways down the tape: playing all of it again, inside one `mx.vjp`. See `lucid._tape`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import mlx.core as mx

from lucid._channels import Last, first, last
from lucid._tape import Node, Pick, vjp_of
from lucid._views import ChannelsLast


def replay(
    calls: Sequence[Node], leaves: dict[Node, mx.array], roots: Sequence[tuple[Node, Any]], retain_graph: bool
) -> dict[Node, Any]:
    """The gradients of `leaves`: one `mx.vjp` over a function that plays all `calls`, the oldest first, on them."""
    if not leaves:
        return {}
    fns: list[Any] = [node.fn for node in calls]
    lies: set[Node] = set()  # whose values are kept channels last: all that use one add up their gradients so
    if Last in map(type, fns):
        fns = [_between(node, lies) for node in calls]
    value: dict[Any, Any] = {}

    def play(*arrays: mx.array) -> list[mx.array]:
        value.update(zip(leaves, arrays))  # noqa: B905
        get = value.get
        for node, fn in zip(calls, fns):  # noqa: B905
            if node.__class__ is Pick:
                value[node] = value[node.inputs[0]][node.index]
            elif len(node.inputs) == 2:  # most are, and need no list
                (a, b), (p, q) = node.inputs, node.primals
                value[node] = fn(get(a, p), get(b, q))
            else:
                value[node] = fn(*map(get, node.inputs, node.primals))
        ends = [first(value[n]) if n in lies else value[n] for n, _ in roots]
        if len(ends) == 1:
            return ends
        return [mx.contiguous(end) for end in ends]  # MLX 0.32 drops a cotangent where two outputs are one array

    gradients = vjp_of(play, list(leaves.values()), [g for _, g in roots])[1]
    for node in calls:
        # What is alive now shares the graph that the gradients use.
        out = node.out
        t = out() if out is not None else None
        if t is None and not retain_graph and node.follow is None:
            continue
        new = value[node]
        if node in lies and new.__class__ is mx.array:
            inside, new = new, first(new)
            value[node] = new
            if t is not None and t._node is node and t._extra.__class__ is ChannelsLast:
                t._extra.inside, t._extra.outside = inside, new
        if t is not None and t._node is node:
            t._data = new
        if node.follow is not None:
            node.follow(new)
        if retain_graph and node.__class__ is not Pick:
            node.primals = list(map(value.get, node.inputs, node.primals))
            node.escape()
    return dict(zip(leaves, gradients))  # noqa: B905


def _between(node: Node, lies: set[Node]) -> Any:
    """The function of `node`, for arguments of which those made by nodes in `lies` come channels last."""
    fn: Any
    fn, inputs, primals = node.fn, node.inputs, node.primals
    if node.__class__ is Pick:
        if inputs[0] in lies and node.index < fn.outputs:
            lies.add(node)
        return fn
    turns: list[Any] = [first if n in lies else None for n in inputs]
    if fn.__class__ is Last:
        lies.add(node)
        ndim = fn.ndim(primals)
        for k in fn.inside:
            turns[k] = None if turns[k] and primals[k].ndim == ndim else _then(turns[k], ndim)
        fn = fn.fn
    if not any(turns):
        return fn
    return lambda *arguments: fn(*[a if turn is None else turn(a) for a, turn in zip(arguments, turns, strict=True)])


def _then(turn: Any, ndim: int) -> Any:
    return (lambda a: last(a, ndim)) if turn is None else (lambda a: last(turn(a), ndim))
