"""Directional derivatives of functions, by forward mode: `jvp` and `linearize`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid._tape import TensorCore
from lucid.func._arguments import chosen, outputs, stood_in, with_aux
from lucid.func._directions import push
from lucid.func._trace import Trace
from lucid.func._trees import Tree, flatten

__all__ = ["jvp", "linearize"]


def jvp(func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False) -> Any:
    """What `func` returns for `primals`, and how that changes when `primals` go along `tangents`.

    Returns a tuple `(output, tangents of the output)`, with `has_aux` `(output, tangents, aux)`.

    Args:
        func: returns tensors, in any nest of tuples, lists and dicts; with `has_aux` a tuple of that and of further
            tensors.
        primals: a tuple of the arguments: floating tensors, or nested ones.
        tangents: nested and shaped like `primals`.
        strict: raise RuntimeError for an output that does not depend on `primals`, instead of giving it zeros.
        has_aux: whether there are further tensors.

    Raises RuntimeError if `primals` is no tuple or `tangents` do not fit, or where `func` changes tensors in place that
    it did not get as arguments; ValueError for primals that are not floating.

    >>> import lucid
    >>> lucid.func.jvp(lambda x, y: x * y, (lucid.tensor(2.0), lucid.tensor(3.0)), (lucid.ones(()), lucid.zeros(())))
    (tensor(6.), tensor(3.))
    """
    return pushed_forward("jvp", func, primals, tangents, None, strict, has_aux)


def pushed_forward(
    name: str, func: Callable[..., Any], args: Any, tangents: Any, argnums: Any, strict: bool, has_aux: bool
) -> Any:
    """`jvp` by the arguments `argnums`; all of them if that is None."""
    if not isinstance(args, tuple):
        raise RuntimeError(
            f"{name}: expected a tuple of primals, to be called as func(*primals), got {type(args).__name__}"
        )
    xs, tree = flatten(chosen(args, argnums))
    directions, direction_tree = flatten(tangents)
    if direction_tree != tree:
        raise RuntimeError(f"{name}: expected tangents nested like the primals, {tree}, got {direction_tree}")
    trace, output, aux = traced(name, func, args, argnums, xs, tree, directions, has_aux)
    outs, out_tree = outputs(name, output)
    leaves, aux_tree = flatten(aux)
    trace.finish([*outs, *leaves])
    if strict and not all(trace.reached[: len(outs)]):
        raise RuntimeError(f"{name}: with strict=True every output has to depend on the inputs, but one does not")
    found = trace.call(lambda play, inputs, more: moved(play, inputs, more, outs), *directions)
    n = len(outs)
    results = out_tree.build(found[n : 2 * n]), out_tree.build(found[:n])
    return (*results, aux_tree.build(found[2 * n :])) if has_aux else results


def traced(
    name: str,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    argnums: Any,
    xs: list[Any],
    tree: Tree,
    directions: list[Any],
    has_aux: bool,
    randomness: str | None = None,
) -> tuple[Trace, Any, Any]:
    """The function run on stand-ins of `xs`, which are to go along `directions`; its output and auxiliary output."""
    for what, values in (("primals", xs), ("tangents", directions)):
        if not values:
            raise RuntimeError(f"{name}: expected {what} with at least one Tensor")
        for value in values:
            if not isinstance(value, TensorCore):
                raise RuntimeError(f"{name}: expected {what} to be Tensors only, got {type(value).__name__}")
    trace = Trace(name, xs, args, forward=True, randomness=randomness)
    for k, (x, direction) in enumerate(zip(xs, directions, strict=True)):
        if not direction.dtype.is_inexact:
            raise ValueError(f"{name}: expected tangents of floating point or complex dtype, got {direction.dtype!r}")
        if direction.shape != x.shape:
            raise RuntimeError(
                f"{name}: expected a tangent of the size of its primal, {tuple(x.shape)}, got {tuple(direction.shape)}"
            )
        if direction.dtype is not x.dtype:
            directions[k] = direction.to(x.dtype)

    result = trace.run(lambda: func(*stood_in(args, argnums, tree.build(trace.stand_ins))))
    return trace, *with_aux(name, result, has_aux)


def moved(
    play: Any, inputs: Sequence[mx.array], tangents: Sequence[mx.array], outs: Sequence[Any], careful: bool = False
) -> list[mx.array]:
    """The tangents of the first outputs, of which `outs` are those of the first run; then all outputs."""
    depends = [k for k, t in enumerate(outs) if t._node is not None]
    values: list[mx.array] = []

    def part(*arrays: mx.array) -> list[mx.array]:
        values[:] = play(*arrays)
        return [values[k] for k in depends]

    if depends:
        found = dict(zip(depends, push(part, inputs, tangents, careful)[1], strict=True))
    else:
        found, values = {}, play(*inputs)
    return [*[found[k] if k in found else mx.zeros_like(values[k]) for k in range(len(outs))], *values]


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """What `func` returns for `primals`, and its linear approximation there: the function from tangents to tangents.

    `func` runs once. The function that is returned takes one value for each of `primals`, nested and shaped like it.

    Raises what `jvp` raises; the function raises RuntimeError for tangents of other dtypes.

    >>> import lucid
    >>> output, along = lucid.func.linearize(lambda x: x * x, lucid.tensor([1.0, 2.0]))
    >>> output, along(lucid.ones(2))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    name = "linearize"
    xs, tree = flatten(primals)
    trace, output, _ = traced(name, func, primals, None, xs, tree, list(xs), False)
    outs, out_tree = outputs(name, output)
    trace.finish(outs)
    like = [(t.shape, t.dtype) for t in xs]
    value = out_tree.build(trace.values())

    def along(*tangents: Any) -> Any:
        """The tangents of the output for those of the arguments."""
        directions, direction_tree = flatten(tangents)
        if direction_tree != tree:
            raise RuntimeError(f"{name}: expected tangents nested like the primals, {tree}, got {direction_tree}")
        for t, (shape, dtype) in zip(directions, like, strict=True):
            if t.shape != shape or t.dtype is not dtype:
                raise RuntimeError(
                    f"{name}: expected a tangent of its primal's shape {tuple(shape)} and dtype {dtype!r}, got "
                    f"{tuple(t.shape)} and dtype {t.dtype!r}"
                )
        found = trace.call(lambda play, inputs, more: moved(play, inputs, more, outs)[: len(outs)], *directions)
        return out_tree.build(found)

    return value, along
