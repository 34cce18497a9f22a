"""Which arguments a transform derives by, and what functions may return."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from lucid._tape import TensorCore
from lucid.func._trees import Tree, flatten

Argnums = int | tuple[int, ...]


def transformed(fn: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    """`call` with the name and documentation of `fn`."""
    try:
        return functools.wraps(fn)(call)
    except AttributeError:  # a callable without a writable `__dict__`
        return call


def positions(argnums: Any, count: int) -> list[int]:
    """The numbers that `argnums` names, counted from 0. Raises RuntimeError if it does not fit `count` arguments."""
    if not isinstance(argnums, (int, tuple)):
        raise RuntimeError(f"argnums: expected an int or a tuple of ints, got {type(argnums).__name__}")
    wanted = (argnums,) if isinstance(argnums, int) else argnums
    if not wanted:
        raise RuntimeError("argnums: expected at least one, got an empty tuple")
    found = []
    for n in wanted:
        if not isinstance(n, int):
            raise RuntimeError(f"argnums: expected ints, got {type(n).__name__} among them")
        if not -count <= n < count:
            raise RuntimeError(f"argnums: got {n}, but there are {count} positional arguments")
        found.append(n % count)
    if len(set(found)) != len(found):
        raise RuntimeError(f"argnums: expected different arguments, got {argnums}")
    return found


def stood_in(args: Sequence[Any], argnums: Any, stand_ins: tuple[Any, ...]) -> Sequence[Any]:
    """`args` with `stand_ins` in the places of `argnums`; all of them if that is None."""
    if argnums is None:
        return stand_ins
    new = list(args)
    for k, value in zip(positions(argnums, len(args)), stand_ins, strict=True):
        new[k] = value
    return new


def chosen(args: tuple[Any, ...], argnums: Any) -> tuple[Any, ...]:
    """The arguments that `argnums` names, all of them if it is None."""
    return args if argnums is None else tuple([args[k] for k in positions(argnums, len(args))])


def with_aux(name: str, result: Any, has_aux: bool) -> tuple[Any, Any]:
    """The output and the auxiliary output in what a function returned. Raises RuntimeError if it is no such pair."""
    if not has_aux:
        return result, ()
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(
            f"{name}: with has_aux=True the function has to return a tuple (output, aux), got {_shown(result)}"
        )
    for leaf in flatten(result[1])[0]:
        if not isinstance(leaf, TensorCore):
            raise RuntimeError(f"{name}: expected Tensors in aux, got {type(leaf).__name__}")
    return result


def outputs(name: str, result: Any) -> tuple[list[Any], Tree]:
    """The tensors that a function returned, and their structure. Raises RuntimeError for anything else, or nothing."""
    leaves, tree = flatten(result)
    if not leaves or (len(leaves) == 1 and leaves[0] is None):
        raise RuntimeError(f"{name}: expected the function to return at least one Tensor, got {_shown(result)}")
    for leaf in leaves:
        if not isinstance(leaf, TensorCore):
            raise RuntimeError(f"{name}: expected the function to return Tensors only, got {type(leaf).__name__}")
    return leaves, tree


def inexact(name: str, tensors: Sequence[Any]) -> None:
    """Raise RuntimeError unless all outputs are floating or complex."""
    for t in tensors:
        if not t.dtype.is_inexact:
            raise RuntimeError(f"{name}: expected floating-point or complex outputs, got a Tensor of dtype {t.dtype!r}")


def real(name: str, what: str, values: Any) -> None:
    """Raise RuntimeError for a complex tensor among the leaves of `values`."""
    for k, leaf in enumerate(flatten(values)[0]):
        if isinstance(leaf, TensorCore) and leaf.dtype.is_complex:
            raise RuntimeError(f"{name}: expected real {what}, but number {k} is of dtype {leaf.dtype!r}")


def _shown(value: Any) -> str:
    kind = type(value).__name__
    return "None" if value is None else f"a {kind} of {len(value)}" if isinstance(value, (tuple, list)) else kind
