"""How losses are reduced."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mlx.core as mx

from lucid._tape import TensorCore, apply
from lucid.dtypes import INEXACT, OF_MX
from lucid.nn.functional import _check
from lucid.ops._promotion import result_type

if TYPE_CHECKING:
    from lucid._tensor import Tensor

REDUCTIONS = ("none", "mean", "sum")


def chosen(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction to use: `reduction`, or what deprecated arguments and names say, with a warning."""
    if size_average is None and reduce is None:
        if reduction == "elementwise_mean":
            warnings.warn("reduction='elementwise_mean' is deprecated; write reduction='mean'", stacklevel=3)
            return "mean"
        return reduction
    size_average, reduce = size_average is not False, reduce is not False
    found = ("mean" if size_average else "sum") if reduce else "none"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{found}' instead.", stacklevel=3
    )
    return found


def check(reduction: Any, operation: str, allowed: tuple[str, ...] = REDUCTIONS) -> None:
    """Raise ValueError unless `reduction` is one of `allowed`."""
    if reduction not in allowed:
        raise ValueError(
            f"{operation}: {reduction} is not a valid value for reduction, expected one of {', '.join(allowed)}"
        )


def reduced(loss: mx.array, reduction: str, dtype: mx.Dtype) -> mx.array:
    """The array `loss`, reduced, in `dtype`."""
    if reduction == "none":
        return loss.astype(dtype)
    if not loss.size:  # MLX (0.32.4) hangs on an empty mean
        return mx.array(0.0 if reduction == "sum" else float("nan"), dtype)
    return (mx.mean(loss) if reduction == "mean" else mx.sum(loss)).astype(dtype)


def pointwise(
    operation: str,
    fn: Callable[..., mx.array],
    reduction: str,
    *inputs: Any,
    allowed: tuple[str, ...] = REDUCTIONS,
    floats: bool = False,
    whole: bool = False,
    like: Any = None,
) -> Tensor:
    """`fn(*inputs)`, a loss for each element, reduced: one recorded operation. Half precision is computed in float32.

    Inputs are tensors of any dtypes, promoted to their common one (with `floats`, to a floating one at least), or None.
    The result has that dtype, or the one of the tensor `like`, and RuntimeError is raised if it cannot hold it.
    Raises NotImplementedError if that is an integer, unless the loss is `whole` then and no mean is asked for.
    """
    check(reduction, operation, allowed)
    for t in inputs:
        if t is not None and not isinstance(t, TensorCore):
            raise TypeError(f"{operation}(): expected Tensors, got {type(t).__name__}")
    found = result_type(*[t for t in inputs if t is not None], *[1.0] * floats)
    if found.rank == 0 and whole:
        raise RuntimeError(f"{operation}: bool tensors cannot be subtracted; convert the input with .float()")
    if found.mx not in INEXACT and (not whole or reduction == "mean"):
        raise NotImplementedError(f"{operation}: not implemented for {found!r}; convert the input with .float()")
    kept = found if like is None else OF_MX[like._data.dtype]
    if found.rank > kept.rank:
        raise RuntimeError(f"{operation}: result type {found!r} can't be cast to the desired output type {kept!r}")
    wide = mx.float32 if found.mx in _check.HALF else found.mx

    def run(*arrays: mx.array | None) -> mx.array:
        loss = fn(*[a if a is None else a.astype(wide) for a in arrays])
        return reduced(loss, reduction, loss.dtype if found.mx == mx.complex64 else kept.mx)

    run.__qualname__ = operation
    return apply(run, *inputs)  # type: ignore[no-any-return]
