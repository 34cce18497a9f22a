"""`vmap`: a function of one example as one of many."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import mlx.core as mx

from lucid._tape import TensorCore, array
from lucid.func._arguments import transformed
from lucid.func._batch import Call
from lucid.func._trees import Tree, flatten, spread
from lucid.ops.expansion import expand
from lucid.ops.joining import cat
from lucid.ops.pieces import narrow
from lucid.ops.shape import movedim

__all__ = ["vmap"]


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """The function that does for many examples at once what `func` does for one.

    `func` runs once and sees tensors of the shape of one example. Their values are not there: `.item()`, `if tensor:`
    and results whose shape depends on values raise. `vmap` can be nested, and mixed with `grad` and the others. Keyword
    arguments are the same for all examples.

    Args:
        func: returns tensors, in any nest of tuples, lists and dicts.
        in_dims: where the dimension of examples is in the positional arguments: an int for all, or a tuple nested like
            them; None for what is the same for all examples.
        out_dims: where it is to be in the results, likewise; None for a result that does not depend on the example.
        randomness: for random numbers in `func`: "error" raises, "same" gives all examples the same ones, "different"
            each its own.
        chunk_size: how many examples to compute at a time, where all of them would need too much memory.

    Raises ValueError for dimensions that do not fit the arguments or results, RuntimeError where a value is asked for,
    where a random number is drawn with "error", where `func` changes a tensor in place that is the same for all
    examples so that it would differ, and for an unknown `randomness`.

    >>> import lucid
    >>> lucid.vmap(lambda x: x.sum())(lucid.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([3., 7.])
    >>> dot = lucid.vmap(lucid.dot, in_dims=(0, None))
    >>> dot(lucid.eye(2), lucid.tensor([5.0, 6.0]))
    tensor([5., 6.])
    """
    check_randomness("vmap", randomness)
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError(f"vmap: expected chunk_size to be None or above 0, got {chunk_size}")

    def call(*args: Any, **kwargs: Any) -> Any:
        name = _name_of(func)
        _check_out_dims(name, out_dims)
        leaves, tree = flatten(args)
        dims = _in_dims(name, in_dims, args, leaves, tree)
        sizes = [array(t).shape[d] for t, d in zip(leaves, dims, strict=True) if d is not None]
        if not sizes:
            raise ValueError(
                f"vmap({name}): expected a dimension to map over in at least one argument, got None for all"
            )
        if len(set(sizes)) > 1:
            raise ValueError(f"vmap({name}): expected mapped dimensions of the same size, got sizes {sizes}")
        size, keys = sizes[0], list[mx.array]()

        def on(values: Sequence[Any], count: int) -> tuple[list[Any], list[Any], Tree]:
            run = Call(lambda given: func(*tree.build(given), **kwargs), values, dims, count, randomness, keys)
            found, out_tree = run.run()
            wanted = _out_dims(name, out_dims, out_tree)
            return [_placed(name, *r, d, count) for r, d in zip(found, wanted, strict=True)], wanted, out_tree

        if chunk_size is None or chunk_size >= size:
            results, _, out_tree = on(leaves, size)
            return out_tree.build(results)
        chunks = []
        for start in range(0, size, chunk_size):
            count = min(chunk_size, size - start)
            part = [t if d is None else narrow(t, d, start, count) for t, d in zip(leaves, dims, strict=True)]
            chunks.append(on(part, count))
        _, wanted, out_tree = chunks[0]
        return out_tree.build([_joined(parts, d) for *parts, d in zip(*[c[0] for c in chunks], wanted, strict=True)])

    return transformed(func, call)


def check_randomness(name: str, randomness: Any) -> None:
    """Raise RuntimeError for an unknown `randomness`."""
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"{name}: expected randomness to be 'error', 'different' or 'same', got {randomness!r}")


def _name_of(func: Any) -> str:
    if isinstance(func, functools.partial):
        return f"functools.partial({_name_of(func.func)}, ...)"
    return getattr(func, "__name__", None) or repr(func)


def _in_dims(name: str, in_dims: Any, args: tuple[Any, ...], leaves: list[Any], tree: Tree) -> list[int | None]:
    """The dimension to map over in each leaf of the arguments, counted from 0."""
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"vmap({name}): expected in_dims to be an int or a tuple nested like the arguments, got "
            f"{type(in_dims).__name__}"
        )
    if not args:
        raise ValueError(f"vmap({name}): expected at least one positional argument, got none")
    dims = spread(in_dims, tree)
    if dims is None:
        raise ValueError(f"vmap({name}): in_dims={in_dims} is not nested like the arguments, {tree}")
    found: list[int | None] = []
    for leaf, dim in zip(leaves, dims, strict=True):
        if dim is not None and not isinstance(dim, int):
            raise ValueError(f"vmap({name}): expected ints and None in in_dims, got {dim!r}")
        if dim is None:
            found.append(None)
            continue
        if not isinstance(leaf, TensorCore):
            raise ValueError(
                f"vmap({name}): got in_dim={dim} for an argument of type {type(leaf).__name__}, which has no "
                "dimensions; pass None for it in in_dims"
            )
        ndim = array(leaf).ndim
        if not -ndim <= dim < ndim:
            raise ValueError(
                f"vmap({name}): got in_dim={dim} for a Tensor of {ndim} dimensions; expected -{ndim} <= in_dim < {ndim}"
            )
        found.append(dim % ndim)
    return found


def _check_out_dims(name: str, out_dims: Any) -> None:
    for dim in flatten(out_dims)[0]:
        if dim is not None and not isinstance(dim, int):
            raise ValueError(f"vmap({name}): expected out_dims to be ints and None, or nested ones, got {dim!r}")


def _out_dims(name: str, out_dims: Any, tree: Tree) -> list[int | None]:
    lone = tree.kind is None and isinstance(out_dims, tuple) and len(out_dims) == 1
    dims = spread(out_dims[0] if lone else out_dims, tree)
    if dims is None:
        raise ValueError(f"vmap({name}): out_dims={out_dims} is not nested like the results, {tree}")
    return dims


def _placed(name: str, value: Any, batched: bool, dim: int | None, size: int) -> Any:
    """A result with its dimension of examples, which is the first one if it is `batched`, at `dim`."""
    if dim is None:
        if batched:
            raise ValueError(f"vmap({name}): got None in out_dims for a result that depends on the example")
        return value
    if not isinstance(value, TensorCore):
        raise ValueError(
            f"vmap({name}): expected the function to return Tensors only, got {type(value).__name__}; pass None for it "
            "in out_dims"
        )
    t: Any = value
    ndim = array(t).ndim + (not batched)
    if not -ndim <= dim < ndim:
        raise IndexError(
            f"vmap({name}): Dimension out of range: expected out_dim to be in [{-ndim}, {ndim - 1}], got {dim}"
        )
    if not batched:
        t = expand(t, (size, *array(t).shape))
    return t if dim % ndim == 0 else movedim(t, 0, dim)


def _joined(parts: Sequence[Any], dim: int | None) -> Any:
    if dim is None:
        raise TypeError("vmap: chunk_size cannot be used together with None in out_dims")
    return cat(list(parts), dim)
