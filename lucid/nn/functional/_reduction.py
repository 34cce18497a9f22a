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
    from lucid.tensor import Tensor

REDUCTIONS = ("none", "mean", "sum")


def chosen(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    """The reduction to use: `reduction`, or what the deprecated arguments say, with a warning."""
    if size_average is None and reduce is None:
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
) -> Tensor:
    """`fn(*inputs)`, a loss for each element, reduced: one recorded operation. Half precision is computed in float32.

    Inputs are tensors of any dtypes, promoted to their common one (with `floats`, to a floating one at least), or None.
    Raises NotImplementedError if that is an integer, unless the loss is `whole` then and no mean is asked for.
    """
    check(reduction, operation, allowed)
    for t in inputs:
        if t is not None and not isinstance(t, TensorCore):
            raise TypeError(f"{operation}(): expected Tensors, got {type(t).__name__}")
    dtype = result_type(*[t for t in inputs if t is not None], *[1.0] * floats).mx
    if dtype not in INEXACT and (not whole or reduction == "mean"):
        raise NotImplementedError(f"{operation}: not implemented for {OF_MX[dtype]!r}; convert the input with .float()")
    wide = mx.float32 if dtype in _check.HALF else dtype

    def run(*arrays: mx.array | None) -> mx.array:
        loss = fn(*[a if a is None else a.astype(wide) for a in arrays])
        return reduced(loss, reduction, loss.dtype if dtype == mx.complex64 else dtype)

    run.__qualname__ = operation
    return apply(run, *inputs)  # type: ignore[no-any-return]
