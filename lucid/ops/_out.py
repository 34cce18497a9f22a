"""Where results go: `out=` arguments and the in-place twins of ops."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Concatenate, ParamSpec

from lucid import _views
from lucid._grad_mode import mode
from lucid._tape import TensorCore, apply, array, writing
from lucid.dtypes import OF_MX

if TYPE_CHECKING:
    from lucid._tensor import Tensor

P = ParamSpec("P")


def give(result: Tensor, out: Tensor | None, operation: str = "out=", *, exact: bool = False) -> Tensor:
    """`result`, or `out` filled with it: resized (with a warning unless it was empty), converted to its dtype.

    Raises RuntimeError if a gradient would be lost or the dtype does not fit; with `exact` it has to be the same.
    """
    if out is None:
        return result
    if not isinstance(out, TensorCore):
        raise TypeError(f"{operation}: argument 'out' must be Tensor, not {type(out).__name__}")
    if mode.grad and (result._node is not None or out._node is not None):
        raise RuntimeError(
            f"{operation}: functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    if exact and out._data.dtype != result._data.dtype:
        raise RuntimeError(
            f"{operation}: expected out to be of dtype {OF_MX[result._data.dtype]!r}, got {OF_MX[out._data.dtype]!r}"
        )
    if array(out).shape != result._data.shape:
        if out._data.size:
            warnings.warn(
                f"{operation}: an output with shape {out._data.shape} was resized to {result._data.shape}; pass a "
                "tensor of that shape, or an empty one",
                UserWarning,
                stacklevel=3,
            )
        value = _fit(result, out, operation)
        writing(out)
        out._extra = None
        out._data, out._writes = value._data, out._writes + 1
        if mode.dual is not None:
            mode.dual.carry(out, value._extra)
        return out
    return _views.assign(out, _fit(result, out, operation))


def give_pair(
    results: tuple[Tensor, ...], out: Sequence[Tensor] | None, operation: str, *, exact: bool = False
) -> tuple[Tensor, ...]:
    """`results`, or the tensors of `out` filled with them: see `give`."""
    if out is None:
        return results
    if not isinstance(out, (tuple, list)) or len(out) != len(results):
        raise TypeError(
            f"{operation}: argument 'out' must be a tuple of {len(results)} Tensors, got {type(out).__name__}"
        )
    return tuple([give(r, o, operation, exact=exact) for r, o in zip(results, out, strict=True)])


def into(t: Tensor, result: Tensor, operation: str = "in-place operation") -> Tensor:
    """Write `result` into `t`, as an in-place op does.

    Raises RuntimeError if its shape is another or its dtype does not fit.
    """
    if result._data.shape != t._data.shape:
        raise RuntimeError(
            f"{operation}: output with shape {list(t._data.shape)} doesn't match the broadcast shape "
            f"{list(result._data.shape)}"
        )
    return _views.assign(t, _fit(result, t, operation) if result is not t else apply(lambda a: a, t))


def _fit(result: Tensor, t: Tensor, operation: str) -> Tensor:
    have, want = OF_MX[result._data.dtype], OF_MX[t._data.dtype]
    if have is want:
        return result
    if have.rank > want.rank:
        raise RuntimeError(f"{operation}: result type {have!r} can't be cast to the desired output type {want!r}")
    target = want.mx
    return apply(lambda a: a.astype(target), result)  # type: ignore[no-any-return]


def in_place(op: Callable[Concatenate[Tensor, P], Tensor]) -> Callable[Concatenate[Tensor, P], Tensor]:
    """The in-place twin of `op`: computes it and writes the result into its first argument, which is returned."""

    @functools.wraps(op)
    def method(self: Tensor, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        return into(self, op(self, *args, **kwargs), name)

    name = method.__name__ = op.__name__ + "_"
    method.__qualname__ = method.__name__
    method.__doc__ = f"`{op.__name__}` in place: see `lucid.{op.__name__}`. Returns the tensor itself."
    return method  # type: ignore[return-value]
