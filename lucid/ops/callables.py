"""Python functions called for each element, and choosing between functions by a tensor."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import mlx.core as mx
import numpy as np

from lucid import _views
from lucid._known import know
from lucid._tape import TensorCore, array, wrap
from lucid.ops._check import check_tensor
from lucid.ops.expansion import expand
from lucid.ops.export import tolist

__all__ = ["cond", "while_loop"]

if TYPE_CHECKING:
    from lucid._tensor import Tensor


# ---- methods: element by element -------------------------------------------------------------------------------------


def apply_(input: Tensor, callable: Callable[[Any], Any]) -> Tensor:
    """Replace each element by what `callable` makes of it, in Python: slow. Returns the tensor itself.

    Raises RuntimeError for a tensor that requires a gradient.
    """
    return _called("apply_", input, callable)


def map_(input: Tensor, tensor: Tensor, callable: Callable[[Any, Any], Any]) -> Tensor:
    """Replace each element `a` by `callable(a, b)`, with `b` from `tensor`, broadcast, in Python: slow.

    Returns the tensor itself. Raises TypeError if the dtypes differ.
    """
    return _called("map_", input, callable, tensor)


def map2_(input: Tensor, x: Tensor, y: Tensor, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
    """Replace each element `a` by `callable(a, b, c)`, with `b` and `c` from `x` and `y`, broadcast, in Python: slow.

    Returns the tensor itself. Raises TypeError if the dtypes differ.
    """
    return _called("map2_", input, callable, x, y)


def _called(operation: str, input: Tensor, callable: Callable[..., Any], *others: Tensor) -> Tensor:
    for other in others:
        check_tensor(operation, other, "other")
        if other._data.dtype != input._data.dtype:
            raise TypeError(f"{operation}: expected {input.dtype!r} for 'other' (got {other.dtype!r})")
    if not builtins.callable(callable):
        raise TypeError(f"{operation}: {type(callable).__name__!r} object is not callable")
    for t in (input, *others):
        if t.requires_grad:
            raise RuntimeError(f"Can't call {operation}() on Variable that requires grad. Use var.detach() instead.")
    shape, kind = array(input).shape, input.dtype
    columns = [np.array(tolist(t), object).reshape(-1) for t in (input, *[expand(o, shape) for o in others])]
    convert = {0: bool, 1: int, 2: float, 3: complex}[kind.rank]
    made = [callable(*values) for values in zip(*columns, strict=True)]
    if any(isinstance(value, (str, bytes)) for value in made):
        raise TypeError(f"{operation}: expected the callable to return numbers, got a string")
    made = [convert(value) for value in made]
    data = mx.array(np.array(made, kind.numpy).reshape(shape), kind.mx)
    return _views.assign(input, wrap(know(data)))


# ---- functions: control flow -----------------------------------------------------------------------------------------


def cond(pred: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: Any = ()) -> Any:
    """`true_fn(*operands)` if `pred` holds, else `false_fn(*operands)`. `pred` is evaluated.

    It is a bool or a tensor of one element.

    Raises RuntimeError for other predicates, and for operands that are no tuple.

    >>> import lucid
    >>> x = lucid.tensor(2.0)
    >>> lucid.cond(x > 0, lambda x: x + 1, lambda x: x - 1, (x,))
    tensor(3.)
    """
    if isinstance(pred, TensorCore):
        if array(pred).size != 1:
            raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got shape {tuple(pred.shape)}.")
    elif not isinstance(pred, (bool, int, float)):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred!r}.")
    if not builtins.callable(true_fn) or not builtins.callable(false_fn):
        raise RuntimeError("cond: Expect both branches to be callable.")
    if not isinstance(operands, (tuple, list)):
        raise RuntimeError(f"cond: Expect operands to be a tuple of tensors, but got {type(operands).__name__}.")
    return true_fn(*operands) if pred else false_fn(*operands)


def while_loop(cond_fn: Callable[..., Any], body_fn: Callable[..., Any], carried_inputs: Sequence[Any]) -> Any:
    """Call `values = body_fn(*values)` as long as `cond_fn(*values)` holds, from `carried_inputs` on; the last values.

    What `cond_fn` gives, a bool or a tensor of one, is evaluated in each round.
    """
    if not builtins.callable(cond_fn) or not builtins.callable(body_fn):
        raise RuntimeError("while_loop: Expect cond_fn and body_fn to be callable.")
    if not isinstance(carried_inputs, (tuple, list)):
        raise RuntimeError(
            f"while_loop: Expect carried_inputs to be a tuple or list, but got {type(carried_inputs).__name__}."
        )
    found: Any = tuple(carried_inputs)
    values = found
    while _holds(cond_fn(*values)):
        found = body_fn(*values)
        values = found if isinstance(found, (tuple, list)) else (found,)
        if len(values) != len(carried_inputs):
            raise RuntimeError(
                f"while_loop: body_fn should return as many values as it gets, {len(carried_inputs)}, got {found!r}"
            )
    return found


def _holds(found: Any) -> bool:
    if isinstance(found, TensorCore):
        if found.dtype.rank or array(found).size != 1:
            raise RuntimeError(f"while_loop: cond_fn must return a boolean scalar tensor, got {found!r}")
    elif not isinstance(found, bool):
        raise RuntimeError(f"while_loop: cond_fn must return a bool or a boolean scalar tensor, got {found!r}")
    return bool(found)
