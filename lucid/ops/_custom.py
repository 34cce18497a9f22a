"""Functions of arrays with derivatives of their own, in all directions that MLX transforms functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import mlx.core as mx


def no_jvp(*_: Any) -> Any:
    """The jvp of a function that has a vjp only: tangents go through that, twice (see lucid.func)."""
    raise NotImplementedError("jvp: not implemented; take the gradient of the gradient by its cotangent")


def custom(
    fn: Callable[..., Any],
    vjp: Callable[..., Any],
    jvp: Callable[..., Any] = no_jvp,
    *,
    batches: Literal["elementwise", "equal", "broadcast"] = "elementwise",
) -> Any:
    """`fn`, derived as `vjp(primals, cotangents, outputs)` and `jvp(primals, tangents)` say.

    MLX 0.32.4 forgets the derivatives where `mx.vmap` maps the function. So it is called with the dimension of examples
    in front instead: `fn` has to take arrays with further dimensions there.

    Args:
        fn: the function.
        vjp: as `mx.custom_function.vjp` takes it.
        jvp: as `mx.custom_function.jvp` takes it.
        batches: how dimensions in front of several arguments go together: as in elementwise operations, or those of
            matrices, which have to be equal or may broadcast.
    """
    made: Any = mx.custom_function(fn)
    made.vjp(vjp)
    made.jvp(jvp)

    def mapped(values: Any, axes: Any) -> Any:
        if isinstance(values, mx.array):  # of a single argument
            values, axes = (values,), (axes,)
        size = next(a.shape[axis] for a, axis in zip(values, axes, strict=True) if axis is not None)
        values = [
            mx.broadcast_to(a, (size, *a.shape)) if axis is None else mx.moveaxis(a, axis, 0)
            for a, axis in zip(values, axes, strict=True)
        ]
        ndim = max(a.ndim for a in values)
        if batches == "broadcast" and any(a.ndim < ndim for a in values):
            rows = [made(*[a[k] for a in values]) for k in range(size)]
            if isinstance(rows[0], mx.array):
                return mx.stack(rows), 0
            return [mx.stack(list(found)) for found in zip(*rows, strict=True)], [0] * len(rows[0])
        if batches == "elementwise":
            values = [a.reshape((size, *(1,) * (ndim - a.ndim), *a.shape[1:])) for a in values]
        found = made(*values)
        return (found, 0) if isinstance(found, mx.array) else (list(found), [0] * len(found))

    made.vmap(mapped)
    return made
