"""Gradients of functions, by reverse mode: `grad`, `grad_and_value`, `vjp`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid._tape import TensorCore, array
from lucid.func._arguments import Argnums, chosen, inexact, outputs, stood_in, transformed, with_aux
from lucid.func._directions import pull
from lucid.func._trace import Trace
from lucid.func._trees import flatten

__all__ = ["grad", "grad_and_value", "vjp"]


def grad(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of `func`, with the same arguments.

    Gradients can be taken of gradients, and mixed with `vmap` and the others. `no_grad` around the call changes
    nothing; inside `func` it does what it says.

    Args:
        func: returns a tensor of no dimensions; with `has_aux` a tuple of that and of further tensors, in any nest of
            tuples, lists and dicts, which are given back.
        argnums: which positional argument to derive by, or a tuple of several; each may be nested tensors.
        has_aux: return a tuple of the gradient and the further tensors.

    Raises ValueError for an argument that is no tensor, RuntimeError for one that is not floating, for another result
    of `func`, and where `func` changes tensors in place that it did not get as arguments.

    >>> import lucid
    >>> from lucid.func import grad, vmap
    >>> grad(lambda x: x**3)(lucid.tensor(2.0))
    tensor(12.)
    >>> grad(grad(lambda x: x**3))(lucid.tensor(2.0))
    tensor(12.)
    >>> vmap(grad(lambda x, w: (w * x).sum() ** 2), in_dims=(0, None))(lucid.eye(2), lucid.tensor([1.0, 3.0]))
    tensor([[ 2.,  6.],
            [ 6., 18.]])
    """
    both = grad_and_value(func, argnums, has_aux)

    def call(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed(func, call)


def grad_and_value(func: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """The function that computes the gradient of `func` and what it returns, as a tuple.

    Arguments and errors as in `grad`. With `has_aux` the second is again a tuple: the output and the further tensors.

    >>> import lucid
    >>> lucid.func.grad_and_value(lambda x: x**3)(lucid.tensor(2.0))
    (tensor(12.), tensor(8.))
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        name = "grad_and_value"
        xs, tree = flatten(chosen(args, argnums))
        trace = Trace(name, xs, (args, kwargs))
        result = trace.run(lambda: func(*stood_in(args, argnums, tree.build(trace.stand_ins)), **kwargs))
        output, aux = with_aux(name, result, has_aux)
        if not isinstance(output, TensorCore):
            raise RuntimeError(f"{name}: expected the function to return a Tensor, got {type(output).__name__}")
        value = array(output)
        if value.ndim:
            raise RuntimeError(
                f"{name}: expected the function to return a scalar Tensor, got one of shape {value.shape}; use vjp or "
                "jacrev"
            )
        if value.dtype == mx.complex64:
            raise RuntimeError(f"{name}: expected a real scalar, got one of dtype {value.dtype}")
        leaves, aux_tree = flatten(aux)
        trace.finish([output, *leaves])
        seeds = [mx.ones_like(value)] if output._node is not None else []
        found = trace.call(lambda play, inputs, _: _pulled(play, inputs, seeds))
        n = len(xs)
        gradients = tree.build(found[:n])
        gradients = gradients[0] if isinstance(argnums, int) else gradients
        return (gradients, (found[n], aux_tree.build(found[n + 1 :]))) if has_aux else (gradients, found[n])

    return transformed(func, call)


def _pulled(play: Any, inputs: Sequence[mx.array], cotangents: Sequence[mx.array]) -> list[mx.array]:
    """The gradients for cotangents of the first outputs; then all outputs."""
    outputs: list[mx.array] = []

    def part(*arrays: mx.array) -> list[mx.array]:
        outputs[:] = play(*arrays)
        return outputs[: len(cotangents)]

    gradients = pull(part, inputs, cotangents)[1]
    if not cotangents:
        outputs = play(*inputs)
    return [*gradients, *outputs]


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """What `func` returns for `primals`, and the function from cotangents of that to cotangents of `primals`.

    Returns a tuple `(output, vjp_fn)`, or `(output, vjp_fn, aux)` with `has_aux`. `vjp_fn` takes what is nested and
    shaped like the output, returns a tuple with one value for each of `primals`, and may be called again.

    Args:
        func: returns floating tensors, in any nest of tuples, lists and dicts; with `has_aux` a tuple of that and of
            further tensors.
        primals: the arguments: tensors, or nested ones.
        has_aux: whether there are further tensors.

    Raises what `grad` raises; `vjp_fn` raises RuntimeError for cotangents that are nested or shaped differently.

    >>> import lucid
    >>> output, pull = lucid.func.vjp(lambda x: x * x, lucid.tensor([1.0, 2.0]))
    >>> output, pull(lucid.tensor([1.0, 10.0]))
    (tensor([1., 4.]), (tensor([ 2., 40.]),))
    """
    name = "vjp"
    xs, tree = flatten(primals)
    trace = Trace(name, xs, ())
    output, aux = with_aux(name, trace.run(lambda: func(*tree.build(trace.stand_ins))), has_aux)
    outs, out_tree = outputs(name, output)
    inexact(name, outs)
    leaves, aux_tree = flatten(aux)
    trace.finish([*outs, *leaves])
    count = len(outs)
    values = trace.values()

    def vjp_fn(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        """The cotangents of the arguments for those of the outputs."""
        seeds, seed_tree = flatten(cotangents)
        if seed_tree != out_tree:
            raise RuntimeError(f"{name}: expected cotangents nested like the outputs, {out_tree}, got {seed_tree}")
        seeds = [_seed(name, seed, out) for seed, out in zip(seeds, outs, strict=True)]
        if create_graph is not False and trace.is_recorded(*seeds):
            return tree.build(trace.call(lambda play, inputs, more: _pulled(play, inputs, more)[: len(xs)], *seeds))
        roots = [(o._node, array(s)) for o, s in zip(outs, seeds, strict=True) if o._node is not None]
        return tree.build(trace.pulled(roots))

    output = out_tree.build(values[:count])
    return (output, vjp_fn, aux_tree.build(values[count:])) if has_aux else (output, vjp_fn)


def _seed(name: str, seed: Any, out: Any) -> Any:
    if not isinstance(seed, TensorCore):
        raise TypeError(f"{name}: expected Tensors as cotangents, got {type(seed).__name__}")
    if array(seed).shape != array(out).shape:
        raise RuntimeError(
            f"{name}: Mismatch in shape: expected a cotangent of the output's shape {tuple(out.shape)}, got "
            f"{tuple(seed.shape)}"
        )
    return seed if seed.dtype is out.dtype else seed.to(out.dtype)
