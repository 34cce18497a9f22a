"""Whole Jacobians and Hessians: `jacrev` row by row, `jacfwd` column by column, `hessian` by both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mlx.core as mx

from lucid._tape import apply, array, wrap
from lucid.func._arguments import (
    Argnums,
    chosen,
    inexact,
    outputs,
    real,
    stood_in,
    transformed,
    with_aux,
)
from lucid.func._directions import basis, for_all, pull, split
from lucid.func._trace import Trace
from lucid.func._trees import Tree, flatten, mapped
from lucid.func.forward import moved, pushed_forward, traced
from lucid.func.mapping import check_randomness, vmap

__all__ = ["hessian", "jacfwd", "jacrev"]


def jacrev(
    func: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, chunk_size: int | None = None
) -> Callable[..., Any]:
    """The function that computes the Jacobian of `func`, all rows at once, by reverse mode.

    It returns, nested like the output, for each output what is nested like the arguments of `argnums`: tensors of the
    output's shape followed by the argument's. It takes few more steps than `func` where there are few outputs.

    Args:
        func: returns floating tensors, in any nest of tuples, lists and dicts; with `has_aux` a tuple of that and of
            further tensors.
        argnums: which positional argument to derive by, or a tuple of several; each may be nested tensors.
        has_aux: return a tuple of the Jacobian and the further tensors.
        chunk_size: how many rows to compute at a time, where all of them would need too much memory.

    Raises what `grad` raises; RuntimeError for complex tensors; ValueError for a `chunk_size` below 1.

    >>> import lucid
    >>> lucid.func.jacrev(lambda x: x * x)(lucid.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"jacrev: expected a chunk_size above 0, got {chunk_size}")

    def call(*args: Any) -> Any:
        name = "jacrev"
        real(name, "inputs", args)
        xs, tree = flatten(chosen(args, argnums))
        trace = Trace(name, xs, args)
        result = trace.run(lambda: func(*stood_in(args, argnums, tree.build(trace.stand_ins))))
        output, aux = with_aux(name, result, has_aux)
        outs, out_tree = outputs(name, output)
        inexact(name, outs)
        real(name, "outputs", outs)
        leaves, aux_tree = flatten(aux)
        trace.finish([*outs, *leaves])
        count, n = len(outs), len(xs)
        arrays = [array(t) for t in outs]
        shapes, dtypes = [a.shape for a in arrays], [a.dtype for a in arrays]

        def body(play: Any, inputs: list[mx.array], _: list[mx.array]) -> list[mx.array]:
            def row(careful: bool, *cotangents: mx.array) -> list[mx.array]:
                return pull(lambda *a: play(*a)[:count], inputs, cotangents, careful)[1]

            blocks = [split(rows, shapes) for rows in for_all(row, basis(shapes, dtypes), chunk_size)]
            return [blocks[j][k] for k in range(count) for j in range(n)]

        jacobian = _nested(trace.call(body), argnums, tree, out_tree)
        return (jacobian, aux_tree.build(trace.values()[count:])) if has_aux else jacobian

    return transformed(func, call)


def jacfwd(
    func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False, *, randomness: str = "error"
) -> Callable[..., Any]:
    """The function that computes the Jacobian of `func`, all columns at once, by forward mode.

    It returns what that of `jacrev` returns. It takes few more steps than `func` where there are few inputs.

    Args:
        func: returns tensors, in any nest of tuples, lists and dicts; with `has_aux` a tuple of that and of further
            tensors.
        argnums: which positional argument to derive by, or a tuple of several; each may be nested tensors.
        has_aux: return a tuple of the Jacobian and the further tensors.
        randomness: for random numbers in `func`: "error", "same" for all columns, or "different"; see `vmap`.

    Raises what `jvp` raises; RuntimeError for complex tensors, and for random numbers if `randomness` is "error".

    >>> import lucid
    >>> lucid.func.jacfwd(lambda x: x * x)(lucid.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    check_randomness("jacfwd", randomness)

    def call(*args: Any) -> Any:
        name = "jacfwd"
        real(name, "inputs", args)
        xs, tree = flatten(chosen(args, argnums))
        if randomness == "different":
            jacobian, aux = _differing(func, args, argnums, has_aux, xs, tree)
            return (jacobian, aux) if has_aux else jacobian
        trace, output, aux = traced(name, func, args, argnums, xs, tree, list(xs), has_aux, randomness)
        outs, out_tree = outputs(name, output)
        real(name, "outputs", outs)
        leaves, aux_tree = flatten(aux)
        trace.finish([*outs, *leaves])
        shapes, dtypes = [tuple(x.shape) for x in xs], [array(x).dtype for x in xs]

        def body(play: Any, inputs: list[mx.array], _: list[mx.array]) -> list[mx.array]:
            def column(careful: bool, *tangents: mx.array) -> list[mx.array]:
                return moved(play, inputs, tangents, outs, careful)[: len(outs)]

            stacked = for_all(column, basis(shapes, dtypes))
            return [_turned(block, len(s)) for columns in stacked for block, s in zip(split(columns, shapes), shapes)]  # noqa: B905

        jacobian = _nested(trace.call(body), argnums, tree, out_tree)
        return (jacobian, aux_tree.build(trace.values()[len(outs) :])) if has_aux else jacobian

    return transformed(func, call)


def _turned(block: mx.array, inputs: int) -> mx.array:
    """`block` with its first dimensions, those of the input, last."""
    return block.transpose(*range(inputs, block.ndim), *range(inputs))


def _nested(found: Any, argnums: Any, tree: Tree, out_tree: Tree) -> Any:
    """The blocks of a Jacobian, one output after the other, nested like the outputs, and within like the arguments."""
    n = tree.leaves
    blocks = [tree.build(found[k * n : (k + 1) * n]) for k in range(out_tree.leaves)]
    return out_tree.build([b[0] for b in blocks] if isinstance(argnums, int) else blocks)


def _differing(func: Any, args: tuple[Any, ...], argnums: Any, has_aux: bool, xs: list[Any], tree: Tree) -> Any:
    """The Jacobian and the auxiliary output, with random numbers of its own in every column."""
    shapes = [tuple(x.shape) for x in xs]
    directions = [wrap(a) for a in basis(shapes, [array(x).dtype for x in xs])]

    def column(tangents: Any) -> Any:
        found = pushed_forward("jacfwd", func, args, tangents, argnums, False, has_aux)
        return found[1:]

    columns, *aux = vmap(column, randomness="different")(tree.build(directions))
    outs, out_tree = flatten(columns)

    def cut(stacked: mx.array) -> list[mx.array]:
        return [_turned(block, len(s)) for block, s in zip(split(stacked, shapes), shapes, strict=True)]

    found = [block for t in outs for block in apply(cut, t)]
    first = mapped(lambda t: t[0], aux[0]) if has_aux else None
    return _nested(found, argnums, tree, out_tree), first


def hessian(func: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The function that computes the Hessian of `func`: `jacfwd(jacrev(func))`.

    >>> import lucid
    >>> lucid.func.hessian(lambda x: (x**3).sum())(lucid.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
